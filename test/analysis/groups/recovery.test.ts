import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import {
  AnalysisInputError,
  groupDistances,
  pointDistances,
  recovery,
  recoveryHalfLife,
  type Design,
  type Recovery,
  type RunDistances,
} from '../../../analysis/index.js';
import { fewPlaces, groupedRuns, readGroupCases, rearranged, expectNear } from './groups-of-runs.js';
import { describeReference } from '../reference.js';

const onLine = (...places: number[]): Promise<RunDistances> =>
  pointDistances({ points: Float32Array.from(places), dimension: 1 });

/** Share and chance from the full matrix, run by run. */
function byDefinition({ runCount, distances }: RunDistances, { groups, strata }: Design): Recovery {
  const runs = [...Array(runCount).keys()];
  const distance = (i: number, j: number): number => {
    const [low, high] = [Math.min(i, j), Math.max(i, j)];
    return Math.fround(distances[(high * (high - 1)) / 2 + low]!);
  };
  const shareOf = (among: number[], run: number): number =>
    among.filter((other) => groups[other] === groups[run]).length / among.length;
  let [share, chance, counted] = [0, 0, 0];
  for (const run of runs) {
    const others = runs.filter((other) => other !== run && strata?.[other] === strata?.[run]);
    if (others.length === 0) continue;
    const least = Math.min(...others.map((other) => distance(run, other)));
    counted++;
    share += shareOf(
      others.filter((other) => distance(run, other) === least),
      run,
    );
    chance += shareOf(others, run);
  }
  return counted === 0
    ? { share: null, chance: null, runs: 0 }
    : { share: share / counted, chance: chance / counted, runs: counted };
}

describeReference('recovery and the reference', () => {
  test('the share and its chance level are those of the nearest neighbours of scikit-learn', async () => {
    for (const { distances, design, expected } of await readGroupCases()) {
      // The reference takes all runs as one stratum for the chance level.
      const { share, chance, runs } = recovery(distances, { groups: design.groups });
      expectNear(share, expected.recovered_share);
      expectNear(chance, expected.chance_share);
      expect(runs).toBe(design.groups.length);
    }
  });

  test('within networks the chance level is that of the runs of a network', async () => {
    const { distances, design } = (await readGroupCases()).find(({ design }) => design.strata !== undefined)!;
    expectNear(recovery(distances, design).chance, 3 / 7);
  });
});

describe('recovery', () => {
  test('is what its definition says, with ties in equal parts, in strata too', async () => {
    await fc.assert(
      fc.asyncProperty(groupedRuns(fewPlaces), fc.nat(3), async ({ points, design }, period) => {
        const distances = await pointDistances(points);
        const strata = design.groups.map((_, run) => run % (period + 1));
        for (const chosen of [design, { ...design, strata }]) {
          const { share, chance, runs } = recovery(distances, chosen);
          const expected = byDefinition(distances, chosen);
          expect(runs).toBe(expected.runs);
          if (expected.share === null) expect([share, chance]).toEqual([null, null]);
          else {
            expect(share).toBeCloseTo(expected.share, 12);
            expect(chance).toBeCloseTo(expected.chance!, 12);
          }
        }
      }),
    );
  });

  test('is unchanged by the order of the runs and by the names of the groups', async () => {
    await fc.assert(
      fc.asyncProperty(groupedRuns(fewPlaces), fc.nat(), async ({ points, design }, seed) => {
        const other = rearranged({ points, design }, seed);
        const { share, chance } = recovery(await pointDistances(other.points), other.design);
        const before = recovery(await pointDistances(points), design);
        expect(share).toBeCloseTo(before.share!, 12);
        expect(chance).toBeCloseTo(before.chance!, 12);
      }),
    );
  });

  test('counts two of three nearest runs as 2/3', async () => {
    const distances = await pointDistances({
      points: Float32Array.of(0, 0, 1, 0, 0, 1, -1, 0),
      dimension: 2,
    });
    // The first run has the other three at distance 1, two of them of its group; their nearest is the first run.
    const { share, chance } = recovery(distances, { groups: Uint32Array.of(0, 0, 0, 1) });
    expect(share).toBeCloseTo((2 / 3 + 1 + 1 + 0) / 4, 12);
    expect(chance).toBeCloseTo((2 / 3 + 2 / 3 + 2 / 3 + 0) / 4, 12);
  });

  test('distances that float32 does not tell apart are ties', () => {
    const distances = Float64Array.of(1, 1 + 1e-12, 5);
    expect(recovery({ runCount: 3, distances }, { groups: Uint32Array.of(0, 1, 0) }).share).toBeCloseTo(
      (1 / 2 + 0 + 1) / 3,
      12,
    );
  });

  test('all runs in one place give the chance level; a run alone in its stratum does not count', async () => {
    const groups = Uint32Array.of(0, 0, 1, 1, 1);
    const together = recovery(await onLine(2, 2, 2, 2, 2), { groups });
    expect(together.share).toBeCloseTo(together.chance!, 12);
    const strata = Uint32Array.of(5, 5, 9, 7, 7);
    expect(recovery(await onLine(0, 1, 2, 3, 4), { groups, strata })).toEqual({
      share: 1,
      chance: 1,
      runs: 4,
    });
    const alone = Uint32Array.of(0, 1, 2, 3, 4);
    expect(recovery(await onLine(0, 1, 2, 3, 4), { groups, strata: alone })).toEqual({
      share: null,
      chance: null,
      runs: 0,
    });
  });

  test('refuses groups with a gap, and distances of other runs', async () => {
    const distances = await onLine(0, 1, 2);
    expect(() => recovery(distances, { groups: Uint32Array.of(0, 2, 2) })).toThrow(AnalysisInputError);
    expect(() => recovery(distances, { groups: Uint32Array.of(0, 1) })).toThrow('groups has 2 runs');
  });
});

describe('recoveryHalfLife', () => {
  test('is where half of what the share had above chance is lost, linear between steps', () => {
    expect(recoveryHalfLife([0, 1, 2, 3], [1, 0.9, 0.5, 0.2], 0.2)).toBeCloseTo(1 + 0.3 / 0.4, 12);
    expect(recoveryHalfLife([0, 10, 20], [0.8, 0.5, 0.2], 0.2)).toBe(10);
    expect(recoveryHalfLife([5, 15], [1, 0], 0)).toBe(5);
  });

  test('of an exponential decay is its half-life', () => {
    const steps = Array.from({ length: 200 }, (_, step) => step);
    const shares = steps.map((step) => 0.1 + 0.9 * 2 ** (-step / 12));
    expect(recoveryHalfLife(steps, shares, 0.1)).toBeCloseTo(12, 10);
  });

  test('is null if the share never falls so far, begins at chance, or has no step', () => {
    expect(recoveryHalfLife([0, 1], [1, 0.9], 0.2)).toBeNull();
    expect(recoveryHalfLife([0, 1], [0.2, 0], 0.2)).toBeNull();
    expect(recoveryHalfLife([], [], 0.2)).toBeNull();
  });
});

describeReference('groupDistances and the reference', () => {
  test('the means within and between are those of the reference', async () => {
    for (const { distances, design, expected } of await readGroupCases()) {
      const { within, between } = groupDistances(distances, { groups: design.groups });
      expectNear(within, expected.within_mean);
      expectNear(between, expected.between_mean);
    }
  });
});

describe('groupDistances', () => {
  test('means the distances of pairs of one group, and of two, in one stratum each', async () => {
    const distances = await onLine(0, 1, 3, 7);
    const groups = Uint32Array.of(0, 0, 1, 1);
    expect(groupDistances(distances, { groups })).toEqual({
      within: (1 + 4) / 2,
      between: (3 + 2 + 7 + 6) / 4,
      withinPairs: 2,
      betweenPairs: 4,
    });
    expect(groupDistances(distances, { groups, strata: Uint32Array.of(4, 8, 4, 8) })).toEqual({
      within: null,
      between: (3 + 6) / 2,
      withinPairs: 0,
      betweenPairs: 2,
    });
  });

  test('without a pair of a kind its mean is null, and never NaN', async () => {
    expect(groupDistances(await onLine(1, 2), { groups: Uint32Array.of(0, 0) })).toMatchObject({
      within: 1,
      between: null,
    });
    expect(groupDistances(await onLine(1), { groups: Uint32Array.of(0) })).toMatchObject({
      within: null,
      between: null,
    });
  });
});
