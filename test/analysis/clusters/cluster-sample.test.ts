import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { createHash } from 'node:crypto';
import { NOISE } from '../../../analysis/index.js';
import { contentOrder } from '../../../analysis/clusters/content-order.js';
import { findNearest } from '../../../analysis/clusters/nearest-task.js';
import { extendToRest, sampledClusterSize } from '../../../analysis/clusters/sample.js';
import { euclideanDistances } from '../../../tda/index.js';
import { atOnce } from '../../../tda/pacer.js';
import { pairIndex } from '../../../tda/triangle.js';
import { randomPoints } from '../../support/point-clouds.js';

function digestOf(value: number): string {
  return createHash('sha256')
    .update(new Uint8Array(Float32Array.of(value).buffer))
    .digest('hex');
}

describe('rows are ordered by their SHA-256', () => {
  // Pairs of numbers whose digests begin with the same 32 bits.
  const alike = [20_700, 71_447, 37_216, 106_442, 103_131, 131_039];
  test('even where the beginnings of two are equal', () => {
    for (const values of [alike, alike.toReversed()]) {
      const corpus = { vectors: Float32Array.from(values), dimension: 1, runs: [] };
      const { rows, digest } = atOnce(contentOrder(corpus, values.length));
      const sorted = values.map((value) => digestOf(value)).toSorted();
      expect(Array.from(rows, (row) => digestOf(values[row]!))).toEqual(sorted);
      expect(digest).toEqual(createHash('sha256').update(sorted.join(''), 'hex').digest());
    }
  });
});

test('the nearest row is found in blocks of any size, the first of equally near ones', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 1, max: 33 }),
      fc.integer({ min: 0, max: 1000 }),
      (count, rest, blockRows, seed) => {
        // A grid: many are equally near.
        const all = randomPoints(count + rest, 2, seed).map((x) => Math.floor(5 * x));
        const nearest = new Uint32Array(rest);
        const distances = new Float32Array(rest);
        const task = {
          points: all.subarray(0, 2 * count),
          others: all.subarray(2 * count),
          dimension: 2,
          blockRows,
        };
        let next = 0;
        let pairs = 0;
        for (const some of findNearest({ ...task, nearest, distances }, () => next++)) pairs += some;
        expect(pairs).toBe(count * rest);
        const expected = euclideanDistances(all, 2);
        for (let row = 0; row < rest; row++) {
          const lengths = Array.from(
            { length: count },
            (_, point) => expected[pairIndex(count + row, point)]!,
          );
          expect(distances[row]).toBe(Math.min(...lengths));
          expect(nearest[row]).toBe(lengths.indexOf(distances[row]!));
        }
      },
    ),
  );
});

test('a row joins the cluster of its nearest up to the 0.95 quantile of its core distances', () => {
  // 21 core distances of the cluster 7: 0, 0.1 … 2. Their 0.95 quantile is 1.9.
  const coreDistances = Float32Array.from({ length: 22 }, (_, row) => row / 10);
  const clusters = new Int32Array(22).fill(7);
  clusters[21] = NOISE;
  const probabilities = Float64Array.from({ length: 22 }, (_, row) => row / 21);
  const limit = Math.fround(1.9);
  const next = Math.fround(limit + 2e-7);
  expect(next).toBeGreaterThan(limit);
  const nearest = Uint32Array.of(3, 5, 21);
  const distances = Float32Array.of(limit, next, 0);
  const found = extendToRest({ clusters, probabilities, births: [], stabilities: [] }, coreDistances, {
    nearest,
    distances,
  });
  expect([...found.clusters.subarray(22)]).toEqual([7, NOISE, NOISE]);
  expect([...found.probabilities.subarray(22)]).toEqual([3 / 21, 0, 0]);
  expect(found.clusters.subarray(0, 22)).toEqual(clusters);
});

test.each([
  // The least size, the share of the weight, the size in the sample.
  [100, 1, 100],
  [100, 0.256, 25],
  [100, 0.01, 5],
  [4, 0.5, 4],
  [2, 0.1, 2],
])('a least size of %i is, in a sample of the share %d, %i', (minClusterSize, share, expected) => {
  expect(sampledClusterSize(minClusterSize, share)).toBe(expected);
});
