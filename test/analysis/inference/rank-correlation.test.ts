import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { z } from 'zod';
import { AnalysisInputError, kendallTau, partialSpearman, spearman } from '../../../analysis/index.js';
import { describeReference, readReference } from '../reference.js';

/** Three variables of small whole numbers, so that ties are common. */
const variables = fc
  .array(fc.tuple(fc.nat(5), fc.nat(5), fc.nat(5)), { minLength: 0, maxLength: 25 })
  .map((runs) => ({
    a: Float64Array.from(runs, ([a]) => a),
    b: Float64Array.from(runs, ([, b]) => b),
    c: Float64Array.from(runs, ([, , c]) => c),
  }));

/** The rank of a value: those below it, and half of the others equal to it, counted from 1. */
function meanRanks(values: Float64Array): number[] {
  return Array.from(values, (value) => {
    const below = values.filter((other) => other < value).length;
    const equal = values.filter((other) => other === value).length;
    return below + (equal + 1) / 2;
  });
}

function pearson(a: readonly number[], b: readonly number[]): number {
  return products(a, b) / Math.sqrt(products(a, a) * products(b, b));
}

/** The sum of products of differences from the means. */
function products(a: readonly number[], b: readonly number[]): number {
  const [meanA, meanB] = [a, b].map(
    (values) => values.reduce((sum, value) => sum + value, 0) / values.length,
  );
  return a.reduce((sum, value, place) => sum + (value - meanA!) * (b[place]! - meanB!), 0);
}

/** What is left of the ranks of a variable after its least-squares line on other ranks. */
function residuals(ranks: readonly number[], on: readonly number[]): number[] {
  const slope = products(ranks, on) / products(on, on);
  return ranks.map((rank, place) => rank - slope * on[place]!);
}

function tauByPairs(a: Float64Array, b: Float64Array): number {
  let [agreement, untiedInA, untiedInB] = [0, 0, 0];
  for (let j = 0; j < a.length; j++) {
    for (let i = 0; i < j; i++) {
      const [signA, signB] = [Math.sign(a[j]! - a[i]!), Math.sign(b[j]! - b[i]!)];
      agreement += signA * signB;
      untiedInA += signA ** 2;
      untiedInB += signB ** 2;
    }
  }
  return agreement / Math.sqrt(untiedInA * untiedInB);
}

const hasOneValue = (values: Float64Array): boolean => new Set(values).size < 2;

describeReference('rank correlations of pingouin', () => {
  const { duplicates_and_entropy: values } = readReference(
    'statistics.json',
    z.object({
      duplicates_and_entropy: z.object({
        entropy: z.array(z.number()),
        distinct: z.array(z.number()),
        other: z.array(z.number()),
        spearman_entropy_distinct: z.number(),
        spearman_entropy_other: z.number(),
        partial_spearman_entropy_other_given_distinct: z.number(),
      }),
    }),
  );
  const { entropy, distinct, other } = values;

  test('entropy follows the number of distinct outputs', () => {
    expect(spearman(entropy, distinct)).toBeCloseTo(values.spearman_entropy_distinct, 9);
    expect(spearman(entropy, other)).toBeCloseTo(values.spearman_entropy_other, 9);
  });

  test('little of the correlation with another variable is left, given that number', () => {
    expect(partialSpearman(entropy, other, distinct)).toBeCloseTo(
      values.partial_spearman_entropy_other_given_distinct,
      9,
    );
  });
});

describe('spearman', () => {
  test('is the correlation of mean ranks, and null where a variable has one value', () => {
    fc.assert(
      fc.property(variables, ({ a, b }) => {
        if (hasOneValue(a) || hasOneValue(b)) expect(spearman(a, b)).toBeNull();
        else expect(spearman(a, b)).toBeCloseTo(pearson(meanRanks(a), meanRanks(b)), 9);
      }),
    );
  });

  test('is exactly 1 for equal orders, and -1 for opposite ones, whatever the scale', () => {
    fc.assert(
      fc.property(variables, ({ a }) => {
        fc.pre(!hasOneValue(a));
        expect(
          spearman(
            a,
            a.map((value) => value ** 3 * 1e-300),
          ),
        ).toBe(1);
        expect(
          spearman(
            a,
            a.map((value) => -1e300 * value),
          ),
        ).toBe(-1);
      }),
    );
  });
});

describe('partialSpearman', () => {
  test('is the correlation of what the line on the given ranks leaves', () => {
    fc.assert(
      fc.property(variables, ({ a, b, c }) => {
        const partial = partialSpearman(a, b, c);
        if (
          [a, b, c].some(hasOneValue) ||
          Math.abs(spearman(a, c)!) === 1 ||
          Math.abs(spearman(b, c)!) === 1
        ) {
          expect(partial).toBeNull();
          return;
        }
        const left = [a, b].map((variable) => residuals(meanRanks(variable), meanRanks(c)));
        expect(partial).toBeCloseTo(pearson(left[0]!, left[1]!), 9);
      }),
    );
  });

  test('is null where the given variable has the order of another, or its reverse', () => {
    const [a, b] = [Float64Array.of(3, 1, 2, 2), Float64Array.of(1, 2, 5, 4)];
    for (const given of [a, b, a.map((value) => -value), b.map((value) => Math.exp(value))]) {
      expect(partialSpearman(a, b, given)).toBeNull();
    }
  });
});

describe('kendallTau', () => {
  test('is tau-b of its definition by pairs, and null where a variable has one value', () => {
    fc.assert(
      fc.property(variables, ({ a, b }) => {
        if (hasOneValue(a) || hasOneValue(b)) expect(kendallTau(a, b)).toBeNull();
        else expect(kendallTau(a, b)).toBeCloseTo(tauByPairs(a, b), 9);
      }),
      { numRuns: 300 },
    );
  });

  test('is exactly 1 for equal orders, and -1 for opposite ones', () => {
    fc.assert(
      fc.property(variables, ({ a }) => {
        fc.pre(!hasOneValue(a));
        expect(kendallTau(a, a)).toBe(1);
        expect(
          kendallTau(
            a,
            a.map((value) => -value),
          ),
        ).toBe(-1);
      }),
    );
  });
});

test.each([
  ['spearman', spearman],
  ['kendallTau', kendallTau],
  ['partialSpearman', (a: number[], b: number[]) => partialSpearman(a, b, [1, 2])],
] as const)(
  '%s refuses other lengths and values that are not finite, and names the place',
  (_, correlate) => {
    expect(() => correlate([1, 2], [1])).toThrow(AnalysisInputError);
    expect(() => correlate([1, 2], [1])).toThrow('a has 2, b has 1');
    expect(() => correlate([1, 2], [1, NaN])).toThrow('b[1] is NaN');
    expect(() => correlate([Infinity, 2], [1, 2])).toThrow('a[0] is Infinity');
  },
);
