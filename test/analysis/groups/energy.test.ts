import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { energy, pointDistances, type RunDistances } from '../../../analysis/index.js';
import {
  anyPlaces,
  fewPlaces,
  groupedRuns,
  readGroupCases,
  rearranged,
  expectNear,
  turned,
} from './groups-of-runs.js';
import { describeReference } from '../reference.js';

/** 2 E‖A - B‖ - E‖A - A'‖ - E‖B - B'‖ as written. */
function byDefinition({ distances }: RunDistances, groups: Uint32Array, a: number, b: number): number {
  const distance = (i: number, j: number): number => {
    const [low, high] = [Math.min(i, j), Math.max(i, j)];
    return i === j ? 0 : distances[(high * (high - 1)) / 2 + low]!;
  };
  const runsOf = (group: number): number[] => [...groups.keys()].filter((run) => groups[run] === group);
  const mean = (x: number, y: number): number => {
    const all = runsOf(x).flatMap((i) => runsOf(y).map((j) => distance(i, j)));
    return all.reduce((sum, value) => sum + value, 0) / all.length;
  };
  return 2 * mean(a, b) - mean(a, a) - mean(b, b);
}

describeReference('energy and the reference', () => {
  test('distances, statistic and exact p are those of the R package energy and of dcor', async () => {
    let exact = 0;
    for (const { distances, design, expected } of await readGroupCases()) {
      const { statistic, pairs, test } = await energy(distances, design, { draws: 199, limit: 126 });
      expectNear(statistic, expected.energy_statistic);
      expect(pairs.map(({ a, b }) => [a, b])).toEqual(expected.energy_distances.map(([a, b]) => [a, b]));
      expected.energy_distances.forEach(([, , distance], pair) =>
        expectNear(pairs[pair]!.distance, distance),
      );
      if (expected.exact_p_energy !== undefined) {
        expectNear(test!.p, expected.exact_p_energy, 1e-12);
        exact++;
      }
    }
    expect(exact).toBe(2);
  });
});

describe('energy', () => {
  test('is the weighted sum of the distances of the pairs of groups, each as its definition says', async () => {
    await fc.assert(
      fc.asyncProperty(groupedRuns(anyPlaces), async ({ points, design: { groups } }) => {
        const distances = await pointDistances(points);
        const { statistic, pairs, reason } = await energy(distances, { groups }, { draws: 1, limit: 0 });
        fc.pre(reason === null);
        const size = (group: number): number => groups.filter((other) => other === group).length;
        let sum = 0;
        for (const { a, b, distance } of pairs) {
          expect(distance).toBeCloseTo(byDefinition(distances, groups, a, b), 10);
          sum += (size(a) * size(b) * distance) / (size(a) + size(b));
        }
        expect(statistic).toBeCloseTo(sum, 10);
      }),
    );
  });

  test('is 0 for equal samples, with p 1, and never below 0 for points', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(anyPlaces, anyPlaces), { minLength: 2, maxLength: 4 }),
        async (places) => {
          const points = { points: Float32Array.from([...places, ...places].flat()), dimension: 2 };
          const groups = Uint32Array.from([...places.map(() => 0), ...places.map(() => 1)]);
          const { statistic, pairs, test, reason } = await energy(await pointDistances(points), { groups });
          fc.pre(reason === null);
          expect(statistic).toBe(0);
          expect(pairs).toEqual([{ a: 0, b: 1, distance: 0 }]);
          expect(test!.p).toBe(1);
        },
      ),
    );
    await fc.assert(
      fc.asyncProperty(groupedRuns(fewPlaces), async ({ points, design }) => {
        const { statistic, pairs, reason } = await energy(await pointDistances(points), design, { draws: 1 });
        fc.pre(reason === null);
        expect(statistic).toBeGreaterThanOrEqual(0);
        for (const { distance } of pairs) expect(distance).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  test('sees a difference of spread, where the means are equal', async () => {
    const points = Float32Array.of(-0.3, -0.2, -0.1, 0, 0, 0.1, 0.2, 0.3, -8, -7, -6, -5, 5, 6, 7, 8);
    const groups = Uint32Array.of(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
    const { test } = await energy(await pointDistances({ points, dimension: 1 }), { groups });
    expect(test!.p).toBeLessThan(0.05);
  });

  test('is unchanged by the order of the runs, the names of the groups, rotation and translation', async () => {
    await fc.assert(
      fc.asyncProperty(groupedRuns(anyPlaces), fc.nat(), async ({ points, design }, seed) => {
        const { statistic, test } = await energy(await pointDistances(points), design);
        fc.pre(statistic !== null);
        const other = rearranged({ points, design }, seed);
        const again = await energy(await pointDistances(other.points), other.design);
        expect(again.statistic).toBeCloseTo(statistic, 10);
        expect(again.test).toEqual(test);
        const moved = await energy(await pointDistances(turned(points, 1)), design);
        expect(moved.statistic).toBeCloseTo(statistic, 5);
      }),
      { numRuns: 50 },
    );
  });

  test('strata of one group each leave nothing to exchange: no test', async () => {
    const points = Float32Array.of(0, 1, 3, 10, 11, 17);
    const groups = Uint32Array.of(0, 0, 0, 1, 1, 1);
    const result = await energy(await pointDistances({ points, dimension: 1 }), { groups, strata: groups });
    expect(result.statistic).toBeGreaterThan(0);
    expect(result.test).toBeNull();
    expect(result.reason).toContain('cannot be exchanged');
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
  ])('%s: no test, and the reason', async (_, groups, points, reason) => {
    const result = await energy(await pointDistances({ points, dimension: 1 }), { groups });
    expect(result).toEqual({
      statistic: null,
      pairs: [],
      test: null,
      reason: expect.stringContaining(reason),
    });
  });
});
