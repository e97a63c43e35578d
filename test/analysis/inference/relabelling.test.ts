import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import {
  canonicalGroups,
  countArrangements,
  layOut,
  eachArrangement,
} from '../../../analysis/inference/arrangements.js';
import type { Design } from '../../../analysis/inference/arrangements.js';
import { AnalysisInputError, relabellingTest } from '../../../analysis/index.js';
import { relabellingWork } from '../../../analysis/inference/relabelling.js';

/** Up to eight runs in up to three groups and two strata. */
const smallDesigns: fc.Arbitrary<Design> = fc
  .array(fc.record({ group: fc.nat(2), stratum: fc.constantFrom(7, 3) }), { minLength: 1, maxLength: 8 })
  .map((runs) => {
    const used = [...new Set(runs.map(({ group }) => group))];
    return {
      groups: Uint32Array.from(runs, ({ group }) => used.indexOf(group)),
      strata: Uint32Array.from(runs, ({ stratum }) => stratum),
    };
  });

/** Every relabelling within strata, from its definition: all words over the groups with the same sizes. */
function allRelabellings({ groups, strata }: Design): number[][] {
  const sizesOf = (labels: ArrayLike<number>): string =>
    Array.from(labels, (label, run) => `${strata?.[run] ?? 0}:${label}`)
      .toSorted()
      .join();
  const groupCount = Math.max(...groups) + 1;
  const words = [...groups].reduce<number[][]>(
    (begun) => begun.flatMap((word) => Array.from({ length: groupCount }, (_, group) => [...word, group])),
    [[]],
  );
  return words.filter((word) => sizesOf(word) === sizesOf(groups));
}

/** Which runs share a group, without the names of groups. */
function partitionOf(labels: ArrayLike<number>): string {
  const names: number[] = [];
  return Array.from(labels, (label) => {
    if (!names.includes(label)) names.push(label);
    return names.indexOf(label);
  }).join();
}

describe('arrangements', () => {
  test('are all partitions that a relabelling within strata can give, each visited once', () => {
    fc.assert(
      fc.property(smallDesigns, (design) => {
        const relabellings = allRelabellings(design);
        const partitions = new Set(relabellings.map(partitionOf));
        const layout = layOut(design);
        const visited: string[] = [];
        for (const groups of eachArrangement(layout)) visited.push(partitionOf(groups));
        expect(visited.toSorted()).toEqual([...partitions].toSorted());
        expect(countArrangements(layout)).toEqual({
          relabellings: BigInt(relabellings.length),
          arrangements: BigInt(partitions.size),
        });
      }),
    );
  });

  test('keep the sizes of groups in each stratum, and the canonical one of any relabelling is among them', () => {
    fc.assert(
      fc.property(smallDesigns, fc.nat(), (design, choice) => {
        const relabellings = allRelabellings(design);
        const relabelling = Uint32Array.from(relabellings[choice % relabellings.length]!);
        const layout = layOut(design);
        const visited: string[] = [];
        for (const groups of eachArrangement(layout)) visited.push(groups.join());
        const canonical = canonicalGroups(layout, relabelling);
        expect(visited).toContain(canonical.join());
        expect(partitionOf(canonical)).toBe(partitionOf(relabelling));
        expect(relabellings.map(String)).toEqual(expect.arrayContaining(visited));
      }),
    );
  });

  test('of five runs against five are 126 of 252 relabellings; of two networks in ten prompts 512 of 1024', () => {
    expect(countArrangements(layOut({ groups: Uint32Array.of(0, 1, 0, 1, 0, 1, 0, 1, 0, 1) }))).toEqual({
      relabellings: 252n,
      arrangements: 126n,
    });
    const groups = Uint32Array.from({ length: 20 }, (_, run) => run % 2);
    const strata = Uint32Array.from({ length: 20 }, (_, run) => Math.floor(run / 2));
    expect(countArrangements(layOut({ groups, strata }))).toEqual({
      relabellings: 1024n,
      arrangements: 512n,
    });
  });

  test('of a hundred thousand runs in one group are one', () => {
    expect([...eachArrangement(layOut({ groups: new Uint32Array(100_000) }))]).toHaveLength(1);
  });
});

const twoGroups = Uint32Array.of(0, 0, 0, 0, 1, 1, 1, 1);
const values = Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8);

/** The size of the difference of two sums: it does not depend on the names of the groups. */
const difference = (groups: Uint32Array): number =>
  Math.abs(values.reduce((sum, value, run) => sum + (groups[run] === 0 ? value : -value), 0));

const input = { statistic: 'difference', input: [values], groups: twoGroups };

/** A sum of squares between up to three groups. */
function between(groups: Uint32Array): number {
  const sums = [0, 0, 0];
  const sizes = [0, 0, 0];
  groups.forEach((group, run) => {
    sums[group]! += (run + 1) ** 2 % 7;
    sizes[group]!++;
  });
  return sums.reduce((total, sum, group) => total + (sizes[group] === 0 ? 0 : sum ** 2 / sizes[group]!), 0);
}

describe('relabellingTest', () => {
  test('in steps has the same result, and one step for each arrangement that it compares', () => {
    const work = relabellingWork(input, difference, 7);
    for (let step = 0; step < 34; step++) expect(work.next()).toEqual({ done: false, value: 7 });
    expect(work.next()).toEqual({ done: true, value: relabellingTest(input, difference) });
  });

  test('visits all arrangements if they are at most the limit', () => {
    const { observed, ...rest } = relabellingTest(input, difference);
    expect(observed).toBe(16);
    expect(rest).toEqual({
      p: 1 / 35,
      isExact: true,
      compared: 34,
      relabellings: 70,
      arrangements: 35,
      floor: 1 / 35,
    });
    expect(relabellingTest({ ...input, limit: 35 }, difference).isExact).toBe(true);
    expect(relabellingTest({ ...input, limit: 34 }, difference).isExact).toBe(false);
  });

  test('its exact p is the share of all relabellings that reach the observed statistic', () => {
    fc.assert(
      fc.property(smallDesigns, (design) => {
        const result = relabellingTest(
          { ...design, statistic: 'between', input: [], limit: 10_000 },
          between,
        );
        const all = allRelabellings(design).map((labels) => between(Uint32Array.from(labels)));
        const reached = all.filter((value) => value >= between(design.groups) * (1 - 1e-9)).length;
        if (result.p === null) expect(result.arrangements).toBe(1);
        else {
          expect(result.p).toBeCloseTo(reached / all.length, 12);
          expect(result.p).toBeGreaterThanOrEqual(result.floor);
        }
      }),
    );
  });

  test('draws give a p near the exact one, the same at every call, and another one for other data', () => {
    const drawn = relabellingTest({ ...input, limit: 0 }, difference);
    expect(drawn).toMatchObject({
      isExact: false,
      compared: 999,
      relabellings: 70,
      arrangements: 35,
      floor: 1 / 1000,
    });
    const standardError = Math.sqrt(((1 / 35) * (34 / 35)) / 999);
    expect(Math.abs(drawn.p! - 1 / 35)).toBeLessThan(4 * standardError);
    expect(relabellingTest({ ...input, limit: 0 }, difference)).toEqual(drawn);
    const other = relabellingTest({ ...input, input: [Float64Array.of(1)], limit: 0 }, difference);
    const named = relabellingTest({ ...input, statistic: 'other', limit: 0 }, difference);
    expect(new Set([drawn.p, other.p, named.p]).size).toBeGreaterThan(1);
  });

  test('draws of a stored input have the p that a program in Python computes from the same definitions', () => {
    const stored = Float64Array.of(3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8);
    const sizes = (groups: Uint32Array): number =>
      Math.abs(stored.reduce((sum, value, run) => sum + (groups[run] === 0 ? value : -value), 0));
    const groups = Uint32Array.of(0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1);
    expect(
      relabellingTest({ groups, statistic: 'difference', input: [stored], draws: 99, limit: 0 }, sizes),
    ).toMatchObject({ observed: 6, p: 0.61, relabellings: 924, arrangements: 462 });
  });

  test('draws exchange groups only within strata, each relabelling equally often', () => {
    const strata = Uint32Array.of(9, 2, 9, 2, 9, 2);
    const groups = Uint32Array.of(0, 1, 1, 1, 2, 0);
    const seen = new Map<string, number>();
    relabellingTest({ groups, strata, statistic: 'counting', input: [], draws: 1800, limit: 0 }, (labels) => {
      const word = labels.join();
      seen.set(word, (seen.get(word) ?? 0) + 1);
      return 0;
    });
    const all = allRelabellings({ groups, strata }).map(String);
    expect([...seen.keys()].toSorted()).toEqual(all.toSorted());
    const expected = 1801 / all.length;
    const chiSquare = [...seen.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // 17 degrees of freedom: one set of draws in a thousand passes 40.8.
    expect(all).toHaveLength(18);
    expect(chiSquare).toBeLessThan(40.8);
  });

  test('one arrangement has no p: it is no test', () => {
    for (const groups of [Uint32Array.of(0, 0, 0), Uint32Array.of(0, 1, 2), Uint32Array.of(0)]) {
      expect(relabellingTest({ groups, statistic: 'none', input: [], limit: 0 }, () => 5)).toMatchObject({
        p: null,
        floor: 1,
        isExact: true,
        compared: 0,
        arrangements: 1,
      });
    }
  });

  test('counts that no number holds exactly are null', () => {
    const groups = Uint32Array.from({ length: 80 }, (_, run) => run % 2);
    expect(relabellingTest({ groups, statistic: 'many', input: [], draws: 3 }, () => 0)).toMatchObject({
      relabellings: null,
      arrangements: null,
      compared: 3,
      p: 1,
    });
  });

  test.each([
    ['no run', { groups: Uint32Array.of() }, 'groups is empty'],
    [
      'a gap in the numbers of groups',
      { groups: Uint32Array.of(0, 2, 2) },
      'no run of group 1, but one of group 2',
    ],
    [
      'a number of a group far above the runs',
      { groups: Uint32Array.of(0, 4_000_000_000) },
      'no run of group 1',
    ],
    ['strata of other runs', { strata: Uint32Array.of(0) }, 'strata has 1 runs and groups has 8'],
    ['no draws', { draws: 0 }, 'draws is 0'],
    ['a part of a draw', { draws: 1.5 }, 'draws is 1.5'],
    ['a negative limit', { limit: -1 }, 'limit is -1'],
  ])('refuses %s', (_, wrong, message) => {
    const attempt = (): unknown => relabellingTest({ ...input, ...wrong }, difference);
    expect(attempt).toThrow(AnalysisInputError);
    expect(attempt).toThrow(message);
  });

  test('refuses a statistic that is NaN, observed or drawn', () => {
    expect(() => relabellingTest(input, () => NaN)).toThrow('difference is NaN for the groups as they are');
    let calls = 0;
    expect(() => relabellingTest(input, () => (calls++ === 3 ? NaN : 1))).toThrow(AnalysisInputError);
  });
});
