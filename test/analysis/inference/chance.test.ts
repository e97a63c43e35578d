import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { digestOf, DRAWS, drawRandom, permutationP } from '../../../analysis/inference/chance.js';
import { AnalysisInputError } from '../../../analysis/index.js';
import { SeededRandom, shuffle } from '../../../tda/random.js';

const numbers = fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 1, maxLength: 40 });

test('999 draws are the default', () => expect(DRAWS).toBe(999));

describe('digestOf', () => {
  test('is SHA-256 of the bytes of the arrays, one after another (by Python)', () => {
    expect(digestOf(Float32Array.of(1.5, -0, 3), Uint32Array.of(1, 2))).toBe(
      'b374fb0cdcb665efe0169fab74b90707c5676075d92e19ff63e6a80eb3210877',
    );
  });

  test('of a view reads the bytes of the view alone', () => {
    const whole = Float32Array.of(9, 1, 2, 9);
    expect(digestOf(whole.subarray(1, 3))).toBe(digestOf(Float32Array.of(1, 2)));
    expect(digestOf(whole)).not.toBe(digestOf(whole.subarray(1, 3)));
  });
});

function words(index: number): number[] {
  const random = drawRandom('energy', 'abc', index);
  return [random.word(), random.word(), random.word()];
}

describe('drawRandom', () => {
  test('is seeded by the first 53 bits of SHA-256 of statistic, digest and index (by Python)', () => {
    expect(words(0)).toEqual([3634327690, 1347761182, 1535983062]);
    expect(words(7)).toEqual([356697482, 1082242998, 2648312503]);
  });

  test('differs by statistic, by digest and by index', () => {
    const first = [
      drawRandom('energy', 'abc', 0),
      drawRandom('energies', 'abc', 0),
      drawRandom('energy', 'abd', 0),
      drawRandom('energy', 'abc', 1),
    ].map((random) => random.word());
    expect(new Set(first).size).toBe(4);
  });
});

describe('permutationP', () => {
  test('counts the observed arrangement, and all draws that reach it', () => {
    fc.assert(
      fc.property(numbers, fc.double({ noNaN: true, min: -1e6, max: 1e6 }), (draws, observed) => {
        const p = permutationP(observed, draws);
        const above = draws.filter((draw) => draw > observed).length;
        const near = draws.filter(
          (draw) => draw > observed - 1.1e-9 * Math.abs(observed) || draw === observed,
        ).length;
        expect(p).toBeGreaterThanOrEqual((1 + above) / (draws.length + 1));
        expect(p).toBeLessThanOrEqual((1 + near) / (draws.length + 1));
      }),
    );
  });

  test('does not depend on the order of draws, and does not grow with the observed value', () => {
    fc.assert(
      fc.property(numbers, fc.double({ noNaN: true, min: -1e6, max: 1e6 }), (draws, observed) => {
        const p = permutationP(observed, draws);
        expect(permutationP(observed, draws.toReversed())).toBe(p);
        expect(permutationP(observed + 1, draws)).toBeLessThanOrEqual(p);
      }),
    );
  });

  test.each([1, -1, 1e-200, -1e200])(
    'a draw within 1e-9 of %p is a tie, and counts; one further below does not',
    (observed) => {
      const below = (share: number): number => observed - share * Math.abs(observed);
      expect(permutationP(observed, [observed])).toBe(1);
      expect(permutationP(observed, [below(0.9e-9)])).toBe(1);
      expect(permutationP(observed, [below(1.1e-9)])).toBe(1 / 2);
      expect(permutationP(observed, [below(-1)])).toBe(1);
    },
  );

  test('at 0 and at infinity only equal values are ties', () => {
    expect(permutationP(0, [0, -0, -1e-300])).toBe(3 / 4);
    expect(permutationP(Infinity, [Infinity, 1e308])).toBe(2 / 3);
    expect(permutationP(-Infinity, [-Infinity, 5])).toBe(1);
    expect(permutationP(3, [Infinity, -Infinity])).toBe(2 / 3);
  });

  test('refuses no draw, and a value that is NaN', () => {
    expect(() => permutationP(1, [])).toThrow(AnalysisInputError);
    expect(() => permutationP(1, [])).toThrow('draws is empty');
    expect(() => permutationP(1, [2, NaN])).toThrow('draws[1] is NaN');
    expect(() => permutationP(NaN, [2])).toThrow('observed is NaN');
  });
});

describe('shuffle', () => {
  test('keeps the values, and gives the same order for the same seed', () => {
    fc.assert(
      fc.property(fc.uint32Array({ maxLength: 30 }), fc.nat(), (values, seed) => {
        const once = values.slice();
        const twice = values.slice();
        shuffle(once, new SeededRandom(seed));
        shuffle(twice, new SeededRandom(seed));
        expect(once).toEqual(twice);
        expect(once.toSorted()).toEqual(values.toSorted());
      }),
    );
  });

  test('gives every order equally often', () => {
    const counts = new Map<string, number>();
    const random = new SeededRandom(11);
    for (let draw = 0; draw < 24 * 200; draw++) {
      const values = Uint32Array.of(0, 1, 2, 3);
      shuffle(values, random);
      counts.set(values.join(''), (counts.get(values.join('')) ?? 0) + 1);
    }
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - 200) ** 2 / 200, 0);
    expect(counts.size).toBe(24);
    // 23 degrees of freedom: one seed in a thousand passes 49.7.
    expect(chiSquare).toBeLessThan(49.7);
  });
});
