import type { Work } from './pacer.js';
import { pairCount, pairIndex } from './triangle.js';

/** Distances among the points that are left when each set of exact duplicates has become one point. */
export interface DistinctPoints {
  readonly distances: Float32Array;
  readonly pointCount: number;
  /** The earlier number of each of these points, which is the first of its duplicates. */
  readonly firstOf: readonly number[];
}

/**
 * Merges points at distance 0 of each other whose distances to every other point are equal. Each such
 * duplicate adds one bar [0, 0) and nothing else (its vertex is dominated from the start). In a matrix that
 * is no metric, points at distance 0 that differ elsewhere stay: their edge is an ordinary edge of length 0.
 *
 * `inPlace` allows the result to overwrite `distances`.
 */
export function* mergeDuplicates(
  distances: Float32Array,
  pointCount: number,
  inPlace: boolean,
): Work<DistinctPoints> {
  const kept: number[] = [];
  for (let point = 0; point < pointCount; point++) {
    if (!(yield* isDuplicate(distances, pointCount, point))) kept.push(point);
  }
  if (kept.length === pointCount) return { distances, pointCount, firstOf: kept };
  // A pair moves only towards the front, so rows can be packed in place.
  const packed = inPlace ? distances : new Float32Array(pairCount(kept.length));
  for (let row = 1; row < kept.length; row++) {
    packRow(distances, kept, row, packed);
    yield 4 * row;
  }
  const distinct = packed.subarray(0, pairCount(kept.length));
  return { distances: distinct, pointCount: kept.length, firstOf: kept };
}

/** Whether an earlier point is equal to it. */
function* isDuplicate(distances: Float32Array, pointCount: number, point: number): Work<boolean> {
  const start = pairCount(point);
  const row = distances.subarray(start, start + point);
  for (let other = row.indexOf(0); other >= 0; other = row.indexOf(0, other + 1)) {
    if (haveEqualDistances(distances, pointCount, other, point)) return true;
    yield 4 * pointCount;
  }
  yield point;
  return false;
}

function haveEqualDistances(distances: Float32Array, pointCount: number, a: number, b: number): boolean {
  for (let c = 0; c < pointCount; c++) {
    if (c !== a && c !== b && distances[pairIndex(a, c)] !== distances[pairIndex(b, c)]) return false;
  }
  return true;
}

function packRow(distances: Float32Array, kept: readonly number[], row: number, packed: Float32Array): void {
  const from = pairCount(kept[row]!);
  const to = pairCount(row);
  for (let column = 0; column < row; column++) packed[to + column] = distances[from + kept[column]!]!;
}
