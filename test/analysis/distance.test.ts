import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { squaredDistance } from '../../analysis/distance.js';
import { euclideanDistances } from '../../tda/index.js';

/** Three vectors of one length whose coordinates lie within 2^50 of 0. */
const vectors = fc.integer({ min: 1, max: 20 }).chain((length) => {
  const vector = fc.float32Array({
    minLength: length,
    maxLength: length,
    min: -(2 ** 50),
    max: 2 ** 50,
    noNaN: true,
  });
  return fc.tuple(vector, vector, vector);
});

describe('squaredDistance', () => {
  test('takes differences in float32, and sums their squares in float64', () => {
    fc.assert(
      fc.property(vectors, ([a, b]) => {
        const differences = a.map((value, at) => value - b[at]!);
        const sum = Array.from(differences).reduce((total, difference) => total + difference * difference, 0);
        expect(squaredDistance(a, b)).toBe(sum);
      }),
    );
    // In float32 the difference is 1; in float64 it would be 1 - 2^-30.
    expect(squaredDistance(Float32Array.of(1), Float32Array.of(2 ** -30))).toBe(1);
    // In float32 the sum would be 2^24.
    expect(squaredDistance(Float32Array.of(4096, 1), Float32Array.of(0, 0))).toBe(2 ** 24 + 1);
  });

  test('is symmetric, 0 for equal vectors, and its root keeps the triangle inequality', () => {
    fc.assert(
      fc.property(vectors, ([a, b, c]) => {
        expect(squaredDistance(a, b)).toBe(squaredDistance(b, a));
        expect(squaredDistance(a, a.slice())).toBe(0);
        const [ab, bc, ac] = [[a, b] as const, [b, c] as const, [a, c] as const].map(([from, to]) =>
          Math.sqrt(squaredDistance(from, to)),
        );
        expect(ac!).toBeLessThanOrEqual((ab! + bc!) * (1 + 1e-6));
      }),
    );
  });

  test('its root is near the distance of the kernel', () => {
    fc.assert(
      fc.property(vectors, ([a, b]) => {
        const [distance] = euclideanDistances(Float32Array.from([...a, ...b]), a.length);
        // The kernel's distance is a float32, and the smallest of them are 2^-149 apart.
        const slack = 4e-7 * distance! + 2 ** -149;
        expect(Math.abs(Math.sqrt(squaredDistance(a, b)) - distance!)).toBeLessThanOrEqual(slack);
      }),
    );
  });
});
