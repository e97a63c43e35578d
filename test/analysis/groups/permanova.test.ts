import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import {
  AnalysisInputError,
  permanova,
  pointDistances,
  type Design,
  type Points,
} from '../../../analysis/index.js';
import {
  anyPlaces,
  fewPlaces,
  fourStandardErrors,
  groupedRuns,
  readGroupCases,
  rearranged,
  expectNear,
  turned,
} from './groups-of-runs.js';
import { describeReference } from '../reference.js';

const apart = Float32Array.of(0, 1, 2, 10, 11, 12);
const twoGroups = Uint32Array.of(0, 0, 0, 1, 1, 1);

/** F and R² from the coordinates: squared distances to the means of the groups and of all. */
function fromCentroids({ points, dimension }: Points, { groups }: Design): { f: number; rSquared: number } {
  const groupCount = Math.max(...groups) + 1;
  const spreadOf = (runs: number[]): number => {
    let sum = 0;
    for (let at = 0; at < dimension; at++) {
      const values = runs.map((run) => points[run * dimension + at]!);
      const mean = values.reduce((total, value) => total + value, 0) / values.length;
      sum += values.reduce((total, value) => total + (value - mean) ** 2, 0);
    }
    return sum;
  };
  const runs = [...groups.keys()];
  const total = spreadOf(runs);
  const within = [...Array(groupCount).keys()].reduce(
    (sum, group) => sum + spreadOf(runs.filter((run) => groups[run] === group)),
    0,
  );
  return {
    f: (total - within) / (groupCount - 1) / (within / (runs.length - groupCount)),
    rSquared: 1 - within / total,
  };
}

describeReference('permanova and the reference', () => {
  test('F, R² and p are those of scikit-bio and vegan', async () => {
    for (const { distances, design, expected } of await readGroupCases()) {
      const result = await permanova(distances, design);
      expectNear(result.pseudoF, expected.pseudo_f);
      expectNear(result.rSquared, expected.r_squared);
      expect(result.reason).toBeNull();
      const { p, relabellings, isExact, compared } = result.test!;
      if (expected.exact_p_pseudo_f !== undefined) {
        expect({ isExact, relabellings }).toEqual({ isExact: true, relabellings: expected.relabelings });
        expectNear(p, expected.exact_p_pseudo_f, 1e-12);
      } else {
        const reference = expected.p_pseudo_f_of_4999!;
        expect(Math.abs(p - reference)).toBeLessThanOrEqual(
          fourStandardErrors(Math.max(reference, 1 / 1000), compared, 4999) + 1 / 1000,
        );
      }
    }
  });

  test('strata matter: without them the prompts within networks are not told apart', async () => {
    const { distances, design } = (await readGroupCases()).find(({ design }) => design.strata !== undefined)!;
    expect((await permanova(distances, design)).test!.p).toBe(0.001);
    expect((await permanova(distances, { groups: design.groups })).test!.p).toBeGreaterThan(0.3);
  });
});

describe('permanova', () => {
  test('has the F of squared distances to the means of the groups', async () => {
    await fc.assert(
      fc.asyncProperty(groupedRuns(anyPlaces), async ({ points, design }) => {
        const { f, rSquared } = fromCentroids(points, design);
        // Runs of a group that nearly coincide leave F to rounding.
        fc.pre(f < 1e4);
        const result = await permanova(await pointDistances(points), design, { draws: 1, limit: 0 });
        expectNear(result.rSquared, rSquared, 1e-5);
        expectNear(result.pseudoF, f, 1e-4);
      }),
    );
  });

  test('is unchanged by the order of the runs, the names of the groups, rotation and translation', async () => {
    await fc.assert(
      fc.asyncProperty(groupedRuns(anyPlaces), fc.nat(), async ({ points, design }, seed) => {
        const { rSquared, test } = await permanova(await pointDistances(points), design);
        fc.pre(rSquared !== null);
        const other = rearranged({ points, design }, seed);
        const again = await permanova(await pointDistances(other.points), other.design);
        expect(again.rSquared).toBeCloseTo(rSquared, 10);
        expect(again.test).toEqual(test);
        const moved = await permanova(await pointDistances(turned(points, 1)), design);
        expect(Math.abs(moved.rSquared! - rSquared)).toBeLessThan(1e-3);
      }),
      { numRuns: 50 },
    );
  });

  test('with copies among the runs is never NaN, and its p is from its floor to 1', async () => {
    await fc.assert(
      fc.asyncProperty(groupedRuns(fewPlaces), async ({ points, design }) => {
        const result = await permanova(await pointDistances(points), design);
        if (points.points.every((value, at) => value === points.points[at % points.dimension])) {
          expect(result.test).toBeNull();
          expect(result.reason).toBe('all distances between runs are 0');
          return;
        }
        expect(result.test!.p).toBeGreaterThanOrEqual(result.test!.floor);
        expect(result.test!.p).toBeLessThanOrEqual(1);
        expect(result.rSquared).toBeGreaterThanOrEqual(-1e-12);
        expect(result.rSquared).toBeLessThanOrEqual(1);
        expect(result.pseudoF === null).toBe(result.reason !== null);
        if (result.pseudoF !== null) expect(result.pseudoF).toBeGreaterThan(-1e-9);
      }),
    );
  });

  test('the smallest p of three runs against three is one of ten arrangements, and the result says so', async () => {
    const { test } = await permanova(await pointDistances({ points: apart, dimension: 1 }), {
      groups: twoGroups,
    });
    expect(test).toEqual({
      p: 1 / 10,
      floor: 1 / 10,
      isExact: true,
      compared: 9,
      arrangements: 10,
      relabellings: 20,
    });
  });

  test('groups that each stand in one place have R² 1, an infinite F, which is null, and still a p', async () => {
    const points = Float32Array.of(0, 0, 0, 7, 7, 7);
    const result = await permanova(await pointDistances({ points, dimension: 1 }), { groups: twoGroups });
    expect(result).toMatchObject({ pseudoF: null, rSquared: 1, test: { p: 1 / 10 } });
    expect(result.reason).toContain('infinite');
  });

  test.each([
    [
      'all runs in one place',
      Uint32Array.of(0, 0, 1, 1),
      Float32Array.of(3, 3, 3, 3),
      'distances between runs are 0',
    ],
    ['one group', Uint32Array.of(0, 0, 0), Float32Array.of(1, 2, 3), 'one group'],
    ['a group of one run', Uint32Array.of(0, 0, 1), Float32Array.of(1, 2, 3), 'group 1 has one run'],
    ['one run', Uint32Array.of(0), Float32Array.of(1), 'one group'],
  ])('%s: no test, and the reason', async (_, groups, points, reason) => {
    const result = await permanova(await pointDistances({ points, dimension: 1 }), { groups });
    expect(result).toMatchObject({ pseudoF: null, rSquared: null, test: null });
    expect(result.reason).toContain(reason);
  });

  test('strata of one group each leave nothing to exchange: F, but no test', async () => {
    const distances = await pointDistances({ points: apart, dimension: 1 });
    const result = await permanova(distances, { groups: twoGroups, strata: twoGroups });
    expect(result.pseudoF).toBeCloseTo(150, 10);
    expect(result.test).toBeNull();
    expect(result.reason).toContain('cannot be exchanged');
  });

  test('equal data have equal draws', async () => {
    const distances = await pointDistances({ points: apart, dimension: 1 });
    const once = await permanova(distances, { groups: twoGroups }, { limit: 0, draws: 50 });
    expect(await permanova(distances, { groups: twoGroups }, { limit: 0, draws: 50 })).toEqual(once);
    expect(once.test).toMatchObject({ isExact: false, compared: 50, floor: 1 / 51 });
  });

  test('ends with the reason of its signal, also in the middle', async () => {
    const runs = 400;
    const points = Float32Array.from({ length: runs }, (_, run) => Math.sin(run));
    const groups = Uint32Array.from({ length: runs }, (_, run) => run % 2);
    const distances = await pointDistances({ points, dimension: 1 });
    const controller = new AbortController();
    const work = permanova(distances, { groups }, { draws: 1_000_000, signal: controller.signal });
    setTimeout(() => controller.abort(new Error('enough')), 0);
    await expect(work).rejects.toThrow('enough');
    await expect(permanova(distances, { groups }, { signal: controller.signal })).rejects.toThrow('enough');
    await expect(pointDistances({ points, dimension: 1 }, { signal: controller.signal })).rejects.toThrow(
      'enough',
    );
  });

  test.each([
    ['too few distances', { runCount: 3, distances: new Float64Array(2) }, '3 runs have 3 pairs'],
    ['other runs', { runCount: 2, distances: new Float64Array(1) }, 'groups has 3 runs and distances has 2'],
    [
      'a distance that is NaN',
      { runCount: 3, distances: Float64Array.of(1, NaN, 1) },
      'distances[1] (runs 2 and 0) is NaN',
    ],
    [
      'a negative distance',
      { runCount: 3, distances: Float64Array.of(1, 1, -1) },
      'distances[2] (runs 2 and 1) is -1',
    ],
    ['an infinite distance', { runCount: 3, distances: Float64Array.of(Infinity, 1, 1) }, 'is Infinity'],
  ])('refuses %s', async (_, distances, message) => {
    const work = permanova(distances, { groups: Uint32Array.of(0, 1, 1) });
    await expect(work).rejects.toThrow(AnalysisInputError);
    await expect(work).rejects.toThrow(message);
  });
});
