import { describe, expect, test } from '@jest/globals';
import { euclideanDistances } from '../../tda/index.js';
import { DistanceKernel } from '../../tda/kernel.js';
import { randomPoints } from '../support/point-clouds.js';

/** Distances in float64 throughout, of each pair (i, j) with j < i. */
function inFloat64(points: Float32Array, dimension: number): number[] {
  const distances: number[] = [];
  for (let i = 1; i < points.length / dimension; i++) {
    for (let j = 0; j < i; j++) {
      let sum = 0;
      for (let c = 0; c < dimension; c++) {
        sum += (points[i * dimension + c]! - points[j * dimension + c]!) ** 2;
      }
      distances.push(Math.sqrt(sum));
    }
  }
  return distances;
}

function worstRelativeError(points: Float32Array, dimension: number): number {
  const expected = inFloat64(points, dimension);
  const errors = [...euclideanDistances(points, dimension)].map((distance, k) =>
    expected[k] === 0 ? distance : Math.abs(distance / expected[k]! - 1),
  );
  return Math.max(...errors);
}

// Dimensions and numbers of points with and without a remainder: of lanes, of blocks, and of groups of four points.
describe.each([1, 3, 4, 7, 64, 65, 100, 768, 1023])('in dimension %i', (dimension) => {
  test.each([1, 1e-30, 1e-15, 1e15, 1e30])('distances of coordinates near %p are right', (scale) => {
    const points = randomPoints(11, dimension, dimension).map((value) => value * scale);
    expect(worstRelativeError(points, dimension)).toBeLessThan(4e-7);
  });

  test('distances of points far from the origin and close to each other lose nothing', () => {
    const points = randomPoints(9, dimension, 1).map((value) => 1000 + value / 100);
    expect(worstRelativeError(points, dimension)).toBeLessThan(4e-7);
  });

  test('a pair has one distance, whichever function computes it', () => {
    const count = 11;
    const kernel = new DistanceKernel(randomPoints(count, dimension, 2), dimension);
    const all = kernel.rows(0, count, count);
    for (let i = 0; i < count; i++) {
      for (let j = 0; j < i; j++) expect(all[i * count + j]).toBe(all[j * count + i]);
      expect(all[i * count + i]).toBe(0);
    }
  });
});

test('points have a distance above 0 even where float32 cannot hold its square', () => {
  const distances = euclideanDistances(Float32Array.of(0, 0, 0, 0, 3e-30, 4e-30, 1, 0, 0, 0, 1, 0), 2);
  expect(distances[pair(2, 1)]).toBeCloseTo(5e-30, 36);
  expect(distances[pair(1, 0)]).toBe(0);
  expect(distances[pair(3, 0)]).toBe(1);
});

test('equal points are at distance 0, even with zeros of either sign', () => {
  const points = Float32Array.from({ length: 2 * 70 }, (_, k) => (k < 70 ? 0 : -0));
  expect([...euclideanDistances(points, 70)]).toEqual([0]);
});

function pair(larger: number, smaller: number): number {
  return (larger * (larger - 1)) / 2 + smaller;
}
