import { fillDistances } from './crew-tasks.js';
import { TdaInputError } from './errors.js';
import { checkPoints } from './input.js';
import { atOnce, type Work } from './pacer.js';
import { pairCount, pairRow } from './triangle.js';

/**
 * Euclidean distances of the rows of `points` (row-major, n × dimension): the strict lower triangle, n(n-1)/2
 * float32.
 *
 * Differences and squares are float32. Their sums are float32 within blocks of 64 coordinates, and float64
 * beyond. The root is rounded once. The relative error is at most a few 1e-7, and mostly below 1e-7. Where
 * float32 would overflow or underflow, all is float64. A pair has the same distance in both orders. Rows have
 * distance 0 if they are equal, or if float32 cannot represent their distance.
 *
 * Throws TdaInputError for an empty, ragged or non-finite cloud, and for distances beyond float32.
 */
export function euclideanDistances(points: Float32Array, dimension: number): Float32Array {
  const pointCount = atOnce(checkPoints(points, dimension));
  const distances = new Float32Array(pairCount(pointCount));
  let next = 0;
  atOnce(fillDistances({ points, dimension, distances }, () => next++));
  atOnce(checkFinite(distances));
  return distances;
}

/** Throws TdaInputError if a computed distance is infinite. */
export function* checkFinite(distances: Float32Array): Work {
  for (let start = 0; start < distances.length; start += DISTANCES_PER_STEP) {
    const found = distances.subarray(start, start + DISTANCES_PER_STEP).indexOf(Infinity);
    if (found >= 0) {
      const row = pairRow(start + found);
      throw beyondFloat32(row, start + found - pairCount(row));
    }
    yield DISTANCES_PER_STEP;
  }
}

const DISTANCES_PER_STEP = 2 ** 20;

export function beyondFloat32(a: number, b: number): TdaInputError {
  return new TdaInputError(
    `the distance between rows ${Math.min(a, b)} and ${Math.max(a, b)} does not fit in float32; scale the points down`,
  );
}
