import { fillDistances } from './crew-tasks.js';
import { TdaInputError } from './errors.js';
import { checkPoints } from './input.js';
import { pairCount, pairRow } from './triangle.js';

/**
 * Euclidean distances of the rows of `points` (row-major, n × dimension): the strict lower triangle, n(n-1)/2 float32.
 *
 * Differences and their squares are summed in float64, and the root is rounded once to float32, so a pair has one distance
 * whichever way it is asked for, and equal rows have distance 0.
 *
 * Throws TdaInputError for an empty, ragged or non-finite cloud, and for distances beyond float32.
 */
export function euclideanDistances(points: Float32Array, dimension: number): Float32Array {
  const pointCount = checkPoints(points, dimension);
  const distances = new Float32Array(pairCount(pointCount));
  let next = 0;
  for (const _ of fillDistances({ points, dimension, distances }, () => next++));
  checkFinite(distances);
  return distances;
}

/** Throws TdaInputError where a computed distance has become infinite. */
export function checkFinite(distances: Float32Array): void {
  const place = distances.indexOf(Infinity);
  if (place < 0) return;
  const row = pairRow(place);
  throw beyondFloat32(row, place - pairCount(row));
}

export function beyondFloat32(a: number, b: number): TdaInputError {
  return new TdaInputError(
    `the distance between rows ${Math.min(a, b)} and ${Math.max(a, b)} does not fit in float32; scale the points down`,
  );
}
