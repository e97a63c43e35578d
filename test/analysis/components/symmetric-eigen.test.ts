import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { symmetricEigen } from '../../../analysis/components/symmetric-eigen.js';
import { atOnce } from '../../../tda/pacer.js';
import { SeededRandom } from '../../../tda/random.js';

/** A symmetric matrix, row-major. */
interface Symmetric {
  readonly size: number;
  readonly matrix: Float64Array;
}

function symmetric(size: number, entryOf: (row: number, column: number) => number): Symmetric {
  const matrix = new Float64Array(size * size);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column <= row; column++) {
      matrix[row * size + column] = matrix[column * size + row] = entryOf(row, column);
    }
  }
  return { size, matrix };
}

/** Small whole numbers, most of them 0, give equal eigenvalues, and matrices that fall into parts. */
const matrices: fc.Arbitrary<Symmetric> = fc.integer({ min: 1, max: 9 }).chain((size) =>
  fc
    .array(fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.integer({ min: -3, max: 3 })), {
      minLength: size * size,
      maxLength: size * size,
    })
    .map((entries) => symmetric(size, (row, column) => entries[row * size + column]!)),
);

function randomSymmetric(size: number): Symmetric {
  const random = new SeededRandom(size);
  return symmetric(size, () => random.normal());
}

interface AllAtOnce {
  readonly values: Float64Array;
  readonly vectors: (count: number) => Float64Array;
}

function eigenOf(matrix: Float64Array, size: number): AllAtOnce {
  const eigen = atOnce(symmetricEigen(matrix, size));
  return { values: eigen.values, vectors: (count) => atOnce(eigen.vectors(count)) };
}

/** The largest errors of A v = λ v and of vᵢ·vⱼ = δᵢⱼ. */
function errorsOf({ size, matrix }: Symmetric): { ofValues: number; ofLengths: number } {
  const { values, vectors } = eigenOf(matrix.slice(), size);
  const found = vectors(size);
  let [ofValues, ofLengths] = [0, 0];
  for (let i = 0; i < size; i++) {
    const v = found.subarray(i * size, (i + 1) * size);
    for (let row = 0; row < size; row++) {
      const image = dot(matrix.subarray(row * size, (row + 1) * size), v);
      ofValues = Math.max(ofValues, Math.abs(image - values[i]! * v[row]!));
    }
    for (let j = 0; j <= i; j++) {
      const product = dot(v, found.subarray(j * size, (j + 1) * size));
      ofLengths = Math.max(ofLengths, Math.abs(product - (i === j ? 1 : 0)));
    }
  }
  return { ofValues, ofLengths };
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, place) => sum + value * b[place]!, 0);
}

describe('symmetricEigen', () => {
  test('its vectors are orthonormal, and the matrix multiplies each by its value', () => {
    fc.assert(
      fc.property(matrices, (symmetricMatrix) => {
        const { ofValues, ofLengths } = errorsOf(symmetricMatrix);
        expect(ofValues).toBeLessThan(1e-13);
        expect(ofLengths).toBeLessThan(1e-13);
      }),
      { numRuns: 300 },
    );
    const { ofValues, ofLengths } = errorsOf(randomSymmetric(120));
    expect(ofValues).toBeLessThan(1e-12);
    expect(ofLengths).toBeLessThan(1e-12);
  });

  test('values fall, and have the sum and the sum of squares of the matrix', () => {
    fc.assert(
      fc.property(matrices, ({ size, matrix }) => {
        const { values } = eigenOf(matrix.slice(), size);
        expect([...values]).toEqual(Array.from(values).toSorted((a, b) => b - a));
        const trace = matrix
          .filter((_, place) => place % (size + 1) === 0)
          .reduce((sum, entry) => sum + entry, 0);
        expect(values.reduce((sum, value) => sum + value, 0)).toBeCloseTo(trace, 11);
        expect(dot(values, values)).toBeCloseTo(dot(matrix, matrix), 10);
      }),
    );
  });

  test('of second differences the values are 2 - 2 cos(k π / (size + 1)), and the vectors sine waves', () => {
    const size = 60;
    const { matrix } = symmetric(size, (row, column) => (row === column ? 2 : row - column === 1 ? -1 : 0));
    const { values, vectors } = eigenOf(matrix, size);
    const found = vectors(3);
    for (let place = 0; place < size; place++) {
      expect(values[place]).toBeCloseTo(2 - 2 * Math.cos(((size - place) * Math.PI) / (size + 1)), 12);
    }
    for (let vector = 0; vector < 3; vector++) {
      const wave = new Float64Array(size).map((_, place) =>
        Math.sin(((place + 1) * (size - vector) * Math.PI) / (size + 1)),
      );
      const overlap =
        dot(wave, found.subarray(vector * size, (vector + 1) * size)) / Math.sqrt(dot(wave, wave));
      expect(Math.abs(overlap)).toBeCloseTo(1, 11);
    }
  });

  test('reads the lower triangle only', () => {
    const { size, matrix } = randomSymmetric(7);
    const half = matrix.map((entry, place) => (place % size > Math.floor(place / size) ? NaN : entry));
    const whole = eigenOf(matrix, size);
    const lower = eigenOf(half, size);
    expect(lower.values).toEqual(whole.values);
    expect(lower.vectors(7)).toEqual(whole.vectors(7));
  });

  test('the first vectors are the same, whatever number of them is wanted', () => {
    const { size, matrix } = randomSymmetric(11);
    const eigen = eigenOf(matrix, size);
    expect(eigen.vectors(3)).toEqual(eigen.vectors(11).slice(0, 33));
  });

  test.each([-900, -300, 1, 300, 900])(
    'a matrix 2^%i times as large has the same vectors, to the bit',
    (exponent) => {
      const { size, matrix } = randomSymmetric(13);
      const scaled = eigenOf(
        matrix.map((entry) => entry * 2 ** exponent),
        size,
      );
      const plain = eigenOf(matrix, size);
      expect(scaled.vectors(size)).toEqual(plain.vectors(size));
      expect(scaled.values).toEqual(plain.values.map((value) => value * 2 ** exponent));
    },
  );

  test('couplings far below rounding leave the vectors orthonormal', () => {
    for (const coupling of [1e-100, 1e-140, 1e-155, 1e-170, 1e-300]) {
      const random = new SeededRandom(5);
      const matrix = symmetric(8, (row, column) => (row === column ? row : coupling * random.normal()));
      const { ofValues, ofLengths } = errorsOf(matrix);
      expect(ofValues).toBeLessThan(1e-14);
      expect(ofLengths).toBeLessThan(1e-14);
    }
  });

  test('a part that is far below rounding leaves the vectors orthonormal', () => {
    for (const scale of [1e-100, 1e-140, 1e-150, 1e-155, 1e-160, 1e-170, 1e-310]) {
      const random = new SeededRandom(6);
      const matrix = symmetric(7, (row, column) =>
        column === 0 ? Number(row === 0) : scale * random.normal(),
      );
      const { ofValues, ofLengths } = errorsOf(matrix);
      expect(ofValues).toBeLessThan(1e-14);
      expect(ofLengths).toBeLessThan(1e-14);
    }
  });

  test('a zero matrix has zeros and unit vectors, and a matrix of one entry has this one', () => {
    expect(errorsOf({ size: 4, matrix: new Float64Array(16) })).toEqual({ ofValues: 0, ofLengths: 0 });
    const single = eigenOf(Float64Array.of(-3), 1);
    expect([...single.values]).toEqual([-3]);
    expect([...single.vectors(1)]).toEqual([1]);
  });

  test('a matrix that is not finite ends with an error, not with numbers', () => {
    expect(() => eigenOf(Float64Array.of(1, 0, NaN, 1), 2)).toThrow('did not converge');
  });
});
