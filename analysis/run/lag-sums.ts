import { DistanceKernel, ROWS_AT_ONCE } from '../../tda/kernel.js';
import type { Work } from '../../tda/pacer.js';
import { type Trajectory, vectorAt } from '../trajectory.js';

/** Adds the square of each distance of a step from the steps before it to the sum of its lag, up to the last lag. */
export function addSquares(sums: Float64Array, distances: Float32Array, step: number): void {
  const first = Math.max(0, step + 1 - sums.length);
  for (let other = first; other < step; other++) {
    const distance = distances[other]!;
    sums[step - other]! += distance * distance;
  }
}

/**
 * Sums of ‖x(k + lag) - x(k)‖² over k for each lag from 0 to `longest`, of a trajectory of any length: the kernel
 * of tda/ gets the steps in chunks that overlap by the longest lag.
 */
export function* slidingLagSums(trajectory: Trajectory, longest: number): Work<Float64Array> {
  const { sequence, dimension } = trajectory;
  const n = sequence.length;
  const sums = new Float64Array(longest + 1);
  // Chunks of the longest lag compute half as much again as is needed, and of much more than that too.
  const fresh = Math.max(longest, ROWS_AT_ONCE);
  for (let from = 0; from < n; from += fresh) {
    const start = Math.max(0, from - longest);
    const end = Math.min(n, from + fresh);
    const chunk = new Float32Array((end - start) * dimension);
    for (let step = start; step < end; step++) {
      chunk.set(vectorAt(trajectory, step), (step - start) * dimension);
    }
    yield (end - start) * dimension;
    const kernel = new DistanceKernel(chunk, dimension);
    for (let row = from - start; row < end - start; row += ROWS_AT_ONCE) {
      const count = Math.min(ROWS_AT_ONCE, end - start - row);
      const others = row + count;
      const block = kernel.rows(row, count, others);
      for (let r = 0; r < count; r++) {
        addSquares(sums, block.subarray(r * others, (r + 1) * others), row + r);
      }
      yield count * others * dimension;
    }
  }
  return sums;
}
