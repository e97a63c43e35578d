import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { eigenvalues } from '../../../analysis/symbols/eigenvalues.js';
import { SeededRandom } from '../../../tda/random.js';
import { atOnce } from '../../../tda/pacer.js';

/** Eigenvalues sorted by their real part, then the imaginary one. */
function sorted(matrix: readonly number[], size: number): (readonly [number, number])[] {
  const { real, imaginary } = atOnce(eigenvalues(Float64Array.from(matrix), size));
  return Array.from(real, (x, at) => [x, imaginary[at]!] as const).toSorted(([a, c], [b, d]) =>
    Math.abs(a - b) > 1e-9 ? a - b : c - d,
  );
}

function expectEigenvalues(
  matrix: readonly number[],
  size: number,
  expected: readonly (readonly [number, number])[],
): void {
  const found = sorted(matrix, size);
  const wanted = expected.toSorted(([a, c], [b, d]) => (Math.abs(a - b) > 1e-9 ? a - b : c - d));
  expect(found).toHaveLength(wanted.length);
  for (const [at, [real, imaginary]] of wanted.entries()) {
    expect(found[at]![0]).toBeCloseTo(real, 9);
    expect(found[at]![1]).toBeCloseTo(imaginary, 9);
  }
}

function multiply(a: readonly number[], b: readonly number[], size: number): number[] {
  return Array.from({ length: size * size }, (_, at) => {
    let sum = 0;
    for (let k = 0; k < size; k++) sum += a[size * Math.floor(at / size) + k]! * b[size * k + (at % size)]!;
    return sum;
  });
}

describe('eigenvalues', () => {
  test('of no rows, and of one', () => {
    expect(sorted([], 0)).toEqual([]);
    expect(sorted([-3], 1)).toEqual([[-3, 0]]);
  });

  test.each([3, 4, 5, 8, 12, 31])('of a ring of %i states are the roots of 1', (size) => {
    const ring = Array.from({ length: size * size }, (_, at) =>
      (Math.floor(at / size) + 1) % size === at % size ? 1 : 0,
    );
    const roots = Array.from({ length: size }, (_, k) => {
      const angle = (2 * Math.PI * k) / size;
      return [Math.cos(angle), Math.sin(angle)] as const;
    });
    expectEigenvalues(ring, size, roots);
  });

  test('are those that a matrix was made of, whatever basis it is written in', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 6 }),
        fc.integer({ min: 0, max: 4 }),
        fc.nat(),
        (reals, pairs, seed) => {
          const size = reals + 2 * pairs;
          const random = new SeededRandom(seed);
          const expected: (readonly [number, number])[] = [];
          let matrix = Array.from({ length: size * size }, () => 0);
          for (let k = 0; k < reals; k++) {
            const value = 2 * k - 3 + random.uniform();
            matrix[k * size + k] = value;
            expected.push([value, 0]);
          }
          for (let k = reals; k < size; k += 2) {
            const real = 3 * k - 10 + random.uniform();
            const imaginary = 0.5 + random.uniform();
            matrix[k * size + k] = matrix[(k + 1) * size + k + 1] = real;
            matrix[k * size + k + 1] = imaginary;
            matrix[(k + 1) * size + k] = -imaginary;
            expected.push([real, imaginary], [real, -imaginary]);
          }
          // Reflections I - 2vvᵀ/vᵀv are their own inverses.
          for (let turn = 0; turn < 3; turn++) {
            const v = Array.from({ length: size }, () => random.normal());
            const norm = v.reduce((sum, x) => sum + x * x, 0);
            const reflection = Array.from({ length: size * size }, (_, at) => {
              const row = Math.floor(at / size);
              const column = at % size;
              return (row === column ? 1 : 0) - (2 * v[row]! * v[column]!) / norm;
            });
            matrix = multiply(multiply(reflection, matrix, size), reflection, size);
          }
          expectEigenvalues(matrix, size, expected);
        },
      ),
    );
  });

  test('of a block triangular matrix are those of its blocks', () => {
    // [[0, 1], [-1, 0]] and [[2, 1], [0, 3]], with anything above.
    expectEigenvalues([0, 1, 7, 8, -1, 0, 9, 10, 0, 0, 2, 1, 0, 0, 0, 3], 4, [
      [0, 1],
      [0, -1],
      [2, 0],
      [3, 0],
    ]);
  });

  test('of a random stochastic matrix of 200 states begin with 1, and their sum is the trace', () => {
    const size = 200;
    const random = new SeededRandom(1);
    const matrix = Float64Array.from({ length: size * size }, () => random.exponential());
    for (let row = 0; row < size; row++) {
      const ofRow = matrix.subarray(row * size, (row + 1) * size);
      const total = ofRow.reduce((sum, x) => sum + x, 0);
      for (let column = 0; column < size; column++) ofRow[column]! /= total;
    }
    const { real, imaginary } = atOnce(eigenvalues(matrix, size));
    const trace = real.reduce((sum, _, row) => sum + matrix[row * size + row]!, 0);
    expect(real.reduce((sum, x) => sum + x, 0)).toBeCloseTo(trace, 9);
    expect(imaginary.reduce((sum, x) => sum + x, 0)).toBeCloseTo(0, 9);
    const moduli = Array.from(real, (x, at) => Math.hypot(x, imaginary[at]!)).toSorted((a, b) => b - a);
    expect(moduli[0]).toBeCloseTo(1, 9);
    expect(moduli[1]).toBeLessThan(0.2);
  });
});
