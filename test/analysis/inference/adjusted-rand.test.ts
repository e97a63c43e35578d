import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { z } from 'zod';
import { adjustedRandIndex, AnalysisInputError, clusteredInBoth } from '../../../analysis/index.js';
import { describeReference, readReference } from '../reference.js';

const pairsOfPartitions = fc
  .array(fc.tuple(fc.integer({ min: -1, max: 3 }), fc.integer({ min: -1, max: 3 })), {
    minLength: 2,
    maxLength: 30,
  })
  .map((points) => ({ a: Int32Array.from(points, ([a]) => a), b: Int32Array.from(points, ([, b]) => b) }));

/** From the definition: of all pairs of points, those together in both partitions, against their expected number. */
function byPairs(a: Int32Array, b: Int32Array): number {
  let [both, inA, inB, pairs] = [0, 0, 0, 0];
  for (let j = 0; j < a.length; j++) {
    for (let i = 0; i < j; i++) {
      const [togetherInA, togetherInB] = [a[i] === a[j], b[i] === b[j]];
      pairs++;
      if (togetherInA) inA++;
      if (togetherInB) inB++;
      if (togetherInA && togetherInB) both++;
    }
  }
  const expected = (inA * inB) / pairs;
  const largest = (inA + inB) / 2;
  return largest === expected ? 1 : (both - expected) / (largest - expected);
}

describeReference('adjusted Rand index of scikit-learn', () => {
  const { adjusted_rand: cases } = readReference(
    'statistics.json',
    z.object({
      adjusted_rand: z.array(
        z.object({ a: z.array(z.number()), b: z.array(z.number()), adjusted_rand: z.number() }),
      ),
    }),
  );

  test.each(cases.map((one, index) => ({ ...one, index })))('case $index', ({ a, b, adjusted_rand }) => {
    expect(adjustedRandIndex(Int32Array.from(a), Int32Array.from(b))).toBeCloseTo(adjusted_rand, 9);
  });
});

describe('adjustedRandIndex', () => {
  test('is that of its definition by pairs of points, with noise as a class', () => {
    fc.assert(
      fc.property(pairsOfPartitions, ({ a, b }) => {
        expect(adjustedRandIndex(a, b)).toBeCloseTo(byPairs(a, b), 9);
      }),
    );
  });

  test('is symmetric, is 1 with itself, and does not depend on the names of labels', () => {
    fc.assert(
      fc.property(pairsOfPartitions, ({ a, b }) => {
        const index = adjustedRandIndex(a, b);
        expect(adjustedRandIndex(b, a)).toBeCloseTo(index!, 12);
        expect(adjustedRandIndex(a, a)).toBe(1);
        expect(
          adjustedRandIndex(
            a.map((label) => 1e9 - 7 * label),
            b,
          ),
        ).toBe(index);
      }),
    );
  });

  test('of labels in random order is near 0, and of a million points has no overflow', () => {
    const count = 1_000_000;
    const a = new Int32Array(count).map((_, point) => point % 1000);
    const b = new Int32Array(count).map((_, point) => Math.floor(point / 1000));
    expect(Math.abs(adjustedRandIndex(a, b)!)).toBeLessThan(1e-2);
    expect(adjustedRandIndex(a, a)).toBe(1);
  });

  test('of no point is null; of one point 1', () => {
    expect(adjustedRandIndex(Int32Array.of(), Int32Array.of())).toBeNull();
    expect(adjustedRandIndex(Int32Array.of(-1), Int32Array.of(4))).toBe(1);
  });

  test('of the points clustered in both leaves out what either calls noise', () => {
    const a = Int32Array.of(0, 0, 1, 1, -1, -1, 2);
    const b = Int32Array.of(5, 5, 6, 6, 5, -1, -1);
    const both = clusteredInBoth(a, b);
    expect(both).toEqual({ a: Int32Array.of(0, 0, 1, 1), b: Int32Array.of(5, 5, 6, 6) });
    expect(adjustedRandIndex(both.a, both.b)).toBe(1);
    expect(adjustedRandIndex(a, b)).toBeLessThan(0.7);
  });

  test('refuses partitions of different points', () => {
    for (const compare of [adjustedRandIndex, clusteredInBoth]) {
      expect(() => compare(Int32Array.of(1, 2), Int32Array.of(1))).toThrow(AnalysisInputError);
      expect(() => compare(Int32Array.of(1, 2), Int32Array.of(1))).toThrow('a labels 2 points and b 1');
    }
  });
});
