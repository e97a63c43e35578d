import type { Work } from '../../tda/pacer.js';
import { eigenvalues } from './eigenvalues.js';
import { denseMatrix } from './transition-matrix.js';
import type { TransitionCounts } from './transition-counts.js';

/** Steps between the two states of a pair: equal times at all of them support that the symbols are Markov. */
export const LAGS = [1, 2, 4] as const;

export interface Relaxation {
  /** Steps between the states of the counted pairs. */
  readonly lag: number;
  /**
   * abs(λ2) of the matrix of this lag, from 0 to 1. Null for a class of one state, and where no pair of this lag leaves
   * some state of the class.
   */
  readonly secondEigenvalue: number | null;
  /** -lag / ln abs(λ2), in steps. Null where abs(λ2) is null, 0 (nothing to relax) or 1 (periodic: it never does). */
  readonly time: number | null;
}

/** Below it λ2 is what rounding leaves of 0; nearer than it to 1, of 1. */
const ROUNDING = 1e-10;

/** How fast a closed class forgets where it was (Prinz et al. 2011, J. Chem. Phys. 134:174105, implied timescales). */
export function* relaxation(counts: TransitionCounts, states: Uint32Array, lag: number): Work<Relaxation> {
  const matrix = states.length > 1 ? denseMatrix(counts, states) : null;
  if (matrix === null) return { lag, secondEigenvalue: null, time: null };
  const second = secondLargest(yield* eigenvalues(matrix, states.length));
  const relaxes = second > ROUNDING && second < 1 - ROUNDING;
  return { lag, secondEigenvalue: second, time: relaxes ? -lag / Math.log(second) : null };
}

function secondLargest({ real, imaginary }: { real: Float64Array; imaginary: Float64Array }): number {
  let largest = 0;
  let second = 0;
  for (let at = 0; at < real.length; at++) {
    const modulus = Math.hypot(real[at]!, imaginary[at]!);
    if (modulus >= largest) {
      second = largest;
      largest = modulus;
    } else if (modulus > second) second = modulus;
  }
  return Math.min(1, second);
}
