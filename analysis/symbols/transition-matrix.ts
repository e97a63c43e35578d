import { leavingCounts, type TransitionCounts } from './transition-counts.js';

/**
 * P_ij = N_ij / Σ_j N_ij of the used cells of a row. A row is null where no run left the state: it has no
 * probabilities, and the state is not absorbing.
 */
export function probabilityRows(counts: TransitionCounts): (Float64Array | null)[] {
  const leaving = leavingCounts(counts);
  return Array.from(leaving, (total, state) => {
    if (total === 0) return null;
    const row = counts.counts.subarray(counts.rowStarts[state], counts.rowStarts[state + 1]);
    return Float64Array.from(row, (count) => count / total);
  });
}

/**
 * P among some states, row-major and dense. Transitions to other states are left out, so that rows of a closed class
 * sum to 1. Null where no run left one of the states.
 */
export function denseMatrix(counts: TransitionCounts, states: Uint32Array): Float64Array | null {
  const size = states.length;
  const placeOf = new Int32Array(counts.stateCount).fill(-1);
  for (let place = 0; place < size; place++) placeOf[states[place]!] = place;
  const matrix = new Float64Array(size * size);
  for (let place = 0; place < size; place++) {
    const start = counts.rowStarts[states[place]!]!;
    const end = counts.rowStarts[states[place]! + 1]!;
    if (start === end) return null;
    let total = 0;
    for (let cell = start; cell < end; cell++) total += counts.counts[cell]!;
    for (let cell = start; cell < end; cell++) {
      const to = placeOf[counts.targets[cell]!]!;
      if (to >= 0) matrix[place * size + to] = counts.counts[cell]! / total;
    }
  }
  return matrix;
}
