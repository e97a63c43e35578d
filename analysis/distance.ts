/**
 * The squared Euclidean distance of two vectors of one length: differences in float32, their squares summed in
 * float64. A distance that decides something (a cluster, a recurrence) is `Math.fround` of its root.
 */
export function squaredDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) {
    const difference = Math.fround(a[at]! - b[at]!);
    sum += difference * difference;
  }
  return sum;
}
