import { TdaInputError } from './errors.js';
import { checkPoints } from './input.js';
import { pairCount } from './triangle.js';

/**
 * Distances from one row to `count` others: out[offset + k] = |points[row] - points[others[k]]|.
 *
 * Differences and their squares are summed in float64 in coordinate order, and the root is rounded once to float32, so a
 * pair has one distance whichever way it is asked for. Four rows at a time, for four independent sums in flight.
 *
 * Throws TdaInputError when a distance does not fit in float32.
 */
export function distancesFromRow(
  points: Float32Array,
  dimension: number,
  row: number,
  others: Int32Array,
  count: number,
  out: Float32Array,
  offset: number,
): void {
  const base = row * dimension;
  let k = 0;
  for (; k + 4 <= count; k += 4) {
    const base0 = others[k]! * dimension;
    const base1 = others[k + 1]! * dimension;
    const base2 = others[k + 2]! * dimension;
    const base3 = others[k + 3]! * dimension;
    let sum0 = 0;
    let sum1 = 0;
    let sum2 = 0;
    let sum3 = 0;
    for (let c = 0; c < dimension; c++) {
      const x = points[base + c]!;
      const difference0 = x - points[base0 + c]!;
      const difference1 = x - points[base1 + c]!;
      const difference2 = x - points[base2 + c]!;
      const difference3 = x - points[base3 + c]!;
      sum0 += difference0 * difference0;
      sum1 += difference1 * difference1;
      sum2 += difference2 * difference2;
      sum3 += difference3 * difference3;
    }
    out[offset + k] = Math.sqrt(sum0);
    out[offset + k + 1] = Math.sqrt(sum1);
    out[offset + k + 2] = Math.sqrt(sum2);
    out[offset + k + 3] = Math.sqrt(sum3);
  }
  for (; k < count; k++) {
    const otherBase = others[k]! * dimension;
    let sum = 0;
    for (let c = 0; c < dimension; c++) {
      const difference = points[base + c]! - points[otherBase + c]!;
      sum += difference * difference;
    }
    out[offset + k] = Math.sqrt(sum);
  }
  for (k = 0; k < count; k++) {
    if (out[offset + k] === Infinity) {
      throw new TdaInputError(
        `the distance between rows ${others[k]} and ${row} does not fit in float32; scale the points down`,
      );
    }
  }
}

/**
 * Euclidean distances of the rows of `points` (row-major, n × dimension): the strict lower triangle, n(n-1)/2 float32.
 *
 * Throws TdaInputError for an empty, ragged or non-finite cloud, and for distances beyond float32.
 */
export function euclideanDistances(points: Float32Array, dimension: number): Float32Array {
  const pointCount = checkPoints(points, dimension);
  const distances = new Float32Array(pairCount(pointCount));
  const rows = Int32Array.from({ length: pointCount }, (_, row) => row);
  for (let row = 1; row < pointCount; row++) {
    distancesFromRow(points, dimension, row, rows, row, distances, pairCount(row));
  }
  return distances;
}
