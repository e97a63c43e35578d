import { pairCount, pairIndex } from './triangle.js';

/** Distances among the points left once each set of exact duplicates has become one point. */
export interface DistinctPoints {
  readonly distances: Float32Array;
  readonly pointCount: number;
  /** Number that each of these points, the first of its duplicates, had before. */
  readonly firstOf: readonly number[];
}

/**
 * Merges points at distance 0 of each other whose distances to every other point are equal. Each such duplicate adds one
 * bar [0, 0) and nothing else (its vertex is dominated from the start). In a matrix that is no metric, points at distance 0
 * that differ elsewhere are left alone: their edge is an ordinary edge of length 0.
 *
 * `inPlace` allows the answer to overwrite `distances`.
 */
export function mergeDuplicates(
  distances: Float32Array,
  pointCount: number,
  inPlace: boolean,
): DistinctPoints {
  const kept: number[] = [];
  for (let b = 0; b < pointCount; b++) {
    if (
      !kept.some((a) => distances[pairIndex(a, b)] === 0 && haveEqualDistances(distances, pointCount, a, b))
    ) {
      kept.push(b);
    }
  }
  if (kept.length === pointCount) return { distances, pointCount, firstOf: kept };
  // A pair moves only towards the front, so rows can be packed where they are.
  const packed = inPlace ? distances : new Float32Array(pairCount(kept.length));
  let next = 0;
  for (let row = 1; row < kept.length; row++) {
    for (let column = 0; column < row; column++) {
      packed[next++] = distances[pairIndex(kept[row]!, kept[column]!)]!;
    }
  }
  return { distances: packed.subarray(0, next), pointCount: kept.length, firstOf: kept };
}

function haveEqualDistances(distances: Float32Array, pointCount: number, a: number, b: number): boolean {
  for (let c = 0; c < pointCount; c++) {
    if (c !== a && c !== b && distances[pairIndex(a, c)] !== distances[pairIndex(b, c)]) return false;
  }
  return true;
}
