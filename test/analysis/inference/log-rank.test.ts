import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { AnalysisInputError, logRank } from '../../../analysis/index.js';

interface Runs {
  readonly time: Float64Array;
  readonly absorbed: Uint8Array;
  readonly groups: Uint32Array;
  readonly strata: Uint32Array;
}

const arbitraryRuns: fc.Arbitrary<Runs> = fc
  .array(fc.tuple(fc.nat(6), fc.nat(1), fc.nat(2), fc.nat(1)), { minLength: 1, maxLength: 9 })
  .map((runs) => {
    const used = [...new Set(runs.map(([, , group]) => group))];
    return {
      time: Float64Array.from(runs, ([time]) => time),
      absorbed: Uint8Array.from(runs, ([, absorbed]) => absorbed),
      groups: Uint32Array.from(runs, ([, , group]) => used.indexOf(group)),
      strata: Uint32Array.from(runs, ([, , , stratum]) => stratum),
    };
  });

/** Observed less expected of group 0, and its variance, from the definition: a table for each time and stratum. */
function ofGroupZero({ time, absorbed, groups, strata }: Runs): { difference: number; variance: number } {
  let [difference, variance] = [0, 0];
  for (const stratum of new Set(strata)) {
    for (const at of new Set(time)) {
      const count = (chosen: (run: number) => boolean): number =>
        time.reduce((sum, _, run) => sum + (strata[run] === stratum && chosen(run) ? 1 : 0), 0);
      const isLost = (run: number): boolean => time[run] === at && absorbed[run] === 1;
      const n = count((run) => time[run]! >= at);
      const m = count((run) => time[run]! >= at && groups[run] === 0);
      const d = count(isLost);
      if (d === 0) continue;
      difference += count((run) => isLost(run) && groups[run] === 0) - (d * m) / n;
      if (n > 1) variance += (d * (m / n) * (1 - m / n) * (n - d)) / (n - 1);
    }
  }
  return { difference, variance };
}

// Made up: each group leaves two steps later than the one before. The chi-squares are those of `survdiff` of
// statsmodels 0.15.0, and its p-values those of a chi-square distribution, which more than ten runs a group follow.
const REFERENCE = [
  {
    name: 'one stratum',
    // oxfmt-ignore
    time: [10, 14, 5, 12, 9, 12, 9, 7, 18, 1, 6, 10, 8, 8, 6, 1, 3, 5, 3, 16, 7, 10, 13, 8, 4, 9, 8, 14, 5, 17, 12, 14, 6, 6, 11, 11],
    absorbed: '111101101001011111011110110111101010',
    strata: undefined,
    chiSquare: 0.8543364259199526,
    p: 0.6523538086329097,
  },
  {
    name: 'three strata',
    // oxfmt-ignore
    time: [14, 11, 14, 13, 11, 15, 12, 6, 5, 5, 6, 17, 13, 3, 11, 12, 4, 16, 2, 9, 16, 5, 7, 8, 11, 6, 18, 7, 9, 12, 9, 10, 12, 14, 14, 16],
    absorbed: '101111111011111111110110101011101111',
    strata: '100012111211111112201110012012200200',
    chiSquare: 8.070974816176701,
    p: 0.017677062070066918,
  },
];

describe('logRank', () => {
  test.each(REFERENCE)(
    'has the chi-square and nearly the p of statsmodels: $name',
    ({ time, absorbed, strata, chiSquare, p }) => {
      const result = logRank(
        Float64Array.from(time),
        Uint8Array.from(absorbed, Number),
        Uint32Array.from(time, (_, run) => run % 3),
        strata === undefined ? undefined : Uint32Array.from(strata, Number),
      )!;
      expect(result.observed).toBeCloseTo(chiSquare, 9);
      expect(result).toMatchObject({ degreesOfFreedom: 2, isExact: false, compared: 999, floor: 1 / 1000 });
      expect(Math.abs(result.p! - p)).toBeLessThan(0.02 + 3 * Math.sqrt((p * (1 - p)) / 999));
    },
  );

  test('of two groups is (observed - expected)² / variance, summed over times and strata', () => {
    fc.assert(
      fc.property(arbitraryRuns, (runs) => {
        const groups = runs.groups.map((group) => Math.min(group, 1));
        const { difference, variance } = ofGroupZero({ ...runs, groups });
        const result = logRank(runs.time, runs.absorbed, groups, runs.strata);
        if (variance < 1e-12) expect(result).toBeNull();
        else expect(result!.observed).toBeCloseTo(difference ** 2 / variance, 9);
      }),
      { numRuns: 300 },
    );
  });

  test('does not depend on the names of groups, nor on the order of runs', () => {
    fc.assert(
      fc.property(arbitraryRuns, ({ time, absorbed, groups, strata }) => {
        const result = logRank(time, absorbed, groups, strata);
        const last = Math.max(...groups);
        const renamed = logRank(
          time,
          absorbed,
          groups.map((group) => last - group),
          strata,
        );
        const reversed = logRank(
          time.toReversed(),
          absorbed.toReversed(),
          groups.toReversed(),
          strata.toReversed(),
        );
        for (const other of [renamed, reversed]) {
          expect(other?.degreesOfFreedom).toBe(result?.degreesOfFreedom);
          if (result !== null) expect(other!.observed).toBeCloseTo(result.observed, 9);
        }
      }),
    );
  });

  test('of groups that never meet in a stratum adds the tests of those that do', () => {
    const time = Float64Array.of(1, 5, 2, 6, 4, 3, 9, 8);
    const absorbed = new Uint8Array(8).fill(1);
    const groups = Uint32Array.of(0, 1, 0, 1, 2, 3, 2, 3);
    const strata = Uint32Array.of(0, 0, 0, 0, 1, 1, 1, 1);
    const first = logRank(time.subarray(0, 4), absorbed.subarray(0, 4), groups.slice(0, 4))!;
    const second = logRank(
      time.subarray(4),
      absorbed.subarray(4),
      groups.slice(4).map((group) => group - 2),
    )!;
    const both = logRank(time, absorbed, groups, strata)!;
    expect(both.degreesOfFreedom).toBe(2);
    expect(both.observed).toBeCloseTo(first.observed + second.observed, 9);
  });

  test('visits all arrangements of few runs: four against four, one group gone before the other', () => {
    const result = logRank(
      Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8),
      new Uint8Array(8).fill(1),
      Uint32Array.of(0, 0, 0, 0, 1, 1, 1, 1),
    );
    expect(result).toMatchObject({
      isExact: true,
      relabellings: 70,
      arrangements: 35,
      p: 1 / 35,
      floor: 1 / 35,
    });
  });

  test('exchanges groups within strata alone', () => {
    const strata = Uint32Array.of(0, 0, 1, 1);
    const result = logRank(
      Float64Array.of(1, 2, 3, 4),
      new Uint8Array(4).fill(1),
      Uint32Array.of(0, 1, 0, 1),
      strata,
    );
    expect(result).toMatchObject({ relabellings: 4, arrangements: 2, floor: 1 / 2 });
  });

  test.each([
    ['no run is absorbed', [1, 2, 3], [0, 0, 0], [0, 1, 1]],
    ['there is one group', [1, 2, 3], [1, 1, 1], [0, 0, 0]],
    ['all leave at once', [2, 2, 2], [1, 1, 1], [0, 1, 1]],
    ['the other group is gone before', [1, 1, 5, 6], [0, 0, 1, 1], [0, 0, 1, 1]],
  ])('is null where %s', (_, time, absorbed, groups) => {
    expect(logRank(Float64Array.from(time), Uint8Array.from(absorbed), Uint32Array.from(groups))).toBeNull();
  });

  test('refuses malformed runs', () => {
    const time = Float64Array.of(1, 2);
    const absorbed = Uint8Array.of(1, 1);
    const attempts: [() => unknown, string][] = [
      [() => logRank(time, absorbed, Uint32Array.of(0)), 'groups has 1 runs and time 2'],
      [() => logRank(time, absorbed, Uint32Array.of(0, 2)), 'no run of group 1'],
      [() => logRank(time, absorbed, Uint32Array.of(0, 1), Uint32Array.of(0)), 'strata has 1 runs'],
      [() => logRank(time, Uint8Array.of(1, 3), Uint32Array.of(0, 1)), 'absorbed[1] is 3'],
      [() => logRank(new Float64Array(0), new Uint8Array(0), new Uint32Array(0)), 'at least one run'],
    ];
    for (const [attempt, message] of attempts) {
      expect(attempt).toThrow(AnalysisInputError);
      expect(attempt).toThrow(message);
    }
  });
});
