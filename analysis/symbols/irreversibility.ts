/**
 * Half Σ abs(π_i P_ij - π_j P_ji), from 0 (detailed balance: the chain looks the same backwards in time) to 1 (no
 * transition has its reverse). `matrix` is dense, row-major.
 */
export function irreversibility(matrix: Float64Array, stationary: Float64Array): number {
  const size = stationary.length;
  let sum = 0;
  for (let a = 1; a < size; a++) {
    for (let b = 0; b < a; b++) {
      sum += Math.abs(stationary[a]! * matrix[a * size + b]! - stationary[b]! * matrix[b * size + a]!);
    }
  }
  return Math.min(1, sum);
}
