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
  checkFinite(row, others, count, out, offset);
}

/**
 * Rows `row` and `row + 1` of the lower triangle at once, the same sums as `distancesFromRow`: 2 × 4 pairs to a loop, so
 * that a coordinate once loaded serves several of them. `rows` lists the row numbers; `out` is the whole triangle.
 */
function twoRowsOfDistances(
  points: Float32Array,
  dimension: number,
  row: number,
  rows: Int32Array,
  out: Float32Array,
): void {
  const offset = pairCount(row);
  const nextOffset = pairCount(row + 1);
  const base = row * dimension;
  const nextBase = base + dimension;
  let k = 0;
  for (; k + 4 <= row; k += 4) {
    const base0 = k * dimension;
    const base1 = base0 + dimension;
    const base2 = base1 + dimension;
    const base3 = base2 + dimension;
    let sum0 = 0;
    let sum1 = 0;
    let sum2 = 0;
    let sum3 = 0;
    let nextSum0 = 0;
    let nextSum1 = 0;
    let nextSum2 = 0;
    let nextSum3 = 0;
    for (let c = 0; c < dimension; c++) {
      const x = points[base + c]!;
      const y = points[nextBase + c]!;
      const z0 = points[base0 + c]!;
      const z1 = points[base1 + c]!;
      const z2 = points[base2 + c]!;
      const z3 = points[base3 + c]!;
      sum0 += (x - z0) * (x - z0);
      sum1 += (x - z1) * (x - z1);
      sum2 += (x - z2) * (x - z2);
      sum3 += (x - z3) * (x - z3);
      nextSum0 += (y - z0) * (y - z0);
      nextSum1 += (y - z1) * (y - z1);
      nextSum2 += (y - z2) * (y - z2);
      nextSum3 += (y - z3) * (y - z3);
    }
    out[offset + k] = Math.sqrt(sum0);
    out[offset + k + 1] = Math.sqrt(sum1);
    out[offset + k + 2] = Math.sqrt(sum2);
    out[offset + k + 3] = Math.sqrt(sum3);
    out[nextOffset + k] = Math.sqrt(nextSum0);
    out[nextOffset + k + 1] = Math.sqrt(nextSum1);
    out[nextOffset + k + 2] = Math.sqrt(nextSum2);
    out[nextOffset + k + 3] = Math.sqrt(nextSum3);
  }
  distancesFromRow(points, dimension, row, rows.subarray(k), row - k, out, offset + k);
  distancesFromRow(points, dimension, row + 1, rows.subarray(k), row + 1 - k, out, nextOffset + k);
  checkFinite(row, rows, k, out, offset);
  checkFinite(row + 1, rows, k, out, nextOffset);
}

function checkFinite(
  row: number,
  others: Int32Array,
  count: number,
  out: Float32Array,
  offset: number,
): void {
  for (let k = 0; k < count; k++) {
    if (out[offset + k] === Infinity) {
      throw new TdaInputError(
        `the distance between rows ${others[k]} and ${row} does not fit in float32; scale the points down`,
      );
    }
  }
}

/**
 * Fills row `row` of the lower triangle `out`, and the one after it if there is one; returns the next row to fill.
 * `rows` lists the row numbers.
 */
export function fillDistances(
  points: Float32Array,
  dimension: number,
  row: number,
  rows: Int32Array,
  out: Float32Array,
): number {
  if (row + 1 < rows.length) twoRowsOfDistances(points, dimension, row, rows, out);
  else distancesFromRow(points, dimension, row, rows, row, out, pairCount(row));
  return row + 2;
}

/**
 * Euclidean distances of the rows of `points` (row-major, n × dimension): the strict lower triangle, n(n-1)/2 float32.
 *
 * Throws TdaInputError for an empty, ragged or non-finite cloud, and for distances beyond float32.
 */
export function euclideanDistances(points: Float32Array, dimension: number): Float32Array {
  const pointCount = checkPoints(points, dimension);
  const distances = new Float32Array(pairCount(pointCount));
  const rows = rowNumbers(pointCount);
  for (let row = 1; row < pointCount;) row = fillDistances(points, dimension, row, rows, distances);
  return distances;
}

/** 0, 1, 2… */
export function rowNumbers(pointCount: number): Int32Array {
  return Int32Array.from({ length: pointCount }, (_, row) => row);
}
