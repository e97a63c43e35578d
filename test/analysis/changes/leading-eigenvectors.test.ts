import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { dot, leadingEigenvectors } from '../../../analysis/changes/leading-eigenvectors.js';
import { atOnce } from '../../../tda/pacer.js';
import { SeededRandom } from '../../../tda/random.js';

/** A symmetric matrix with these eigenvalues, in a random basis. */
function matrixOf(values: readonly number[], seed: number): Float32Array {
  const size = values.length;
  const random = new SeededRandom(seed);
  const basis: Float64Array[] = [];
  while (basis.length < size) {
    const vector = Float64Array.from({ length: size }, () => random.normal());
    for (let pass = 0; pass < 2; pass++) {
      for (const other of basis) {
        const part = dot(vector, other);
        for (let at = 0; at < size; at++) vector[at]! -= part * other[at]!;
      }
    }
    const length = Math.sqrt(dot(vector, vector));
    basis.push(vector.map((x) => x / length));
  }
  const matrix = new Float32Array(size * size);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      let sum = 0;
      for (const [at, value] of values.entries()) sum += value * basis[at]![row]! * basis[at]![column]!;
      matrix[row * size + column] = sum;
    }
  }
  return matrix;
}

function expectLeading(values: readonly number[], share: number, most: number, seed: number): void {
  const size = values.length;
  const sorted = values.toSorted((a, b) => b - a);
  const total = sorted.reduce((sum, value) => sum + value, 0);
  const matrix = matrixOf(values, seed);
  const found = atOnce(leadingEigenvectors(matrix, size, share, most));
  let count = 0;
  for (let sum = 0; count < most && sum < share * total - 1e-6 * total; count++) sum += sorted[count]!;
  expect(found.values).toHaveLength(count);
  for (const [at, value] of found.values.entries()) {
    expect(Math.abs(value - sorted[at]!)).toBeLessThan(2e-6 * total);
    const vector = found.vectors[at]!;
    for (let row = 0; row < size; row++) {
      const image = dot(Float64Array.from(matrix.subarray(row * size, (row + 1) * size)), vector);
      expect(Math.abs(image - value * vector[row]!)).toBeLessThan(1e-5 * total);
    }
    for (const [other, vector2] of found.vectors.entries()) {
      expect(dot(vector, vector2)).toBeCloseTo(other === at ? 1 : 0, 9);
    }
  }
}

describe('the leading eigenvectors', () => {
  test('belong to the largest eigenvalues, as many as the share takes', () => {
    const spectra = fc.array(fc.constantFrom(0, 0.01, 0.1, 1, 1, 3, 7), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(
        spectra,
        fc.constantFrom(0.5003, 0.9007, 0.9951),
        fc.constantFrom(1, 3, 40),
        fc.nat(),
        (values, share, most, seed) => {
          fc.pre(values.some((value) => value > 0));
          expectLeading(values, share, most, seed);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('are all found where one eigenvalue has several, and many small ones follow', () => {
    const values = [5, 5, 5, 4, 4, ...Array.from({ length: 115 }, (_, at) => 1 - at / 200)];
    expectLeading(values, 0.99, 5, 1);
    expectLeading(values, 0.99, 20, 2);
  });

  test('are found where all eigenvalues are equal, or nearly', () => {
    const size = 6;
    const identity = Float32Array.from({ length: size * size }, (_, at) =>
      at % (size + 1) === 0 ? 0.25 : 0,
    );
    for (const [share, most, count] of [
      [0.6, 6, 4],
      [1, 6, 6],
      [1, 2, 2],
    ] as const) {
      const { values } = atOnce(leadingEigenvectors(identity, size, share, most));
      expect(values).toHaveLength(count);
      for (const value of values) expect(value).toBeCloseTo(0.25, 12);
    }
    // What is left after the first of two is about the first.
    for (let seed = 0; seed < 200; seed++) expectLeading([0.1, 0.1], 0.9951, 40, seed);
    expectLeading(
      Array.from({ length: 150 }, (_, at) => 1 + 0.5 * Math.cos(at)),
      0.995,
      40,
      3,
    );
  });

  test('are the same each time', () => {
    const matrix = matrixOf([3, 2, 1, 1], 4);
    const one = atOnce(leadingEigenvectors(matrix, 4, 0.99, 3));
    expect(atOnce(leadingEigenvectors(matrix, 4, 0.99, 3))).toEqual(one);
  });
});
