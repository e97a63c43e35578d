/**
 * The squared Euclidean distance of two vectors of one length: differences in float32, their squares summed in
 * float64. A distance that decides something (a cluster, a recurrence) is `Math.fround` of its root.
 */
export function squaredDistance(a: Float32Array, b: Float32Array): number {
  return squaredDistanceAt(a, 0, b, 0, a.length);
}

/** The same of the vectors that begin at two places of two arrays. */
export function squaredDistanceAt(
  a: Float32Array,
  startA: number,
  b: Float32Array,
  startB: number,
  dimension: number,
): number {
  let sum = 0;
  for (let at = 0; at < dimension; at++) {
    const difference = Math.fround(a[startA + at]! - b[startB + at]!);
    sum += difference * difference;
  }
  return sum;
}
