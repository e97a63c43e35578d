import { pairIndex } from '../../tda/triangle.js';

/**
 * Squared distances between runs after a covariate: those of the residuals, if each coordinate of the runs were fitted
 * by a line over the covariate. It needs no coordinates: with z the covariate, centred and of length 1, and S the
 * matrix of squared distances, the squares become S_ij + δ (q_i - q_j) - δ² zᵀq / 2, where δ = z_i - z_j and q = S z.
 * They can be below 0 for distances that are not Euclidean, and by rounding.
 *
 * A covariate that is the same for all runs leaves the squares as they are. `squares` is the strict lower triangle.
 *
 * Source: McArdle & Anderson 2001, Ecology 82:290.
 */
export function residualSquares(squares: Float64Array, covariate: Float64Array): Float64Array {
  const runCount = covariate.length;
  const base = covariate[0] ?? 0;
  const mean = covariate.reduce((sum, value) => sum + (value - base), 0) / runCount;
  const z = covariate.map((value) => value - base - mean);
  const length = Math.sqrt(z.reduce((sum, value) => sum + value * value, 0));
  if (!(length > 0)) return squares.slice();
  for (let run = 0; run < runCount; run++) z[run]! /= length;
  const q = new Float64Array(runCount);
  for (let run = 0; run < runCount; run++) {
    for (let other = 0; other < runCount; other++) {
      if (other !== run) q[run]! += squares[pairIndex(run, other)]! * z[other]!;
    }
  }
  const product = z.reduce((sum, value, run) => sum + value * q[run]!, 0);
  const residuals = new Float64Array(squares.length);
  for (let run = 1, place = 0; run < runCount; run++) {
    for (let other = 0; other < run; other++, place++) {
      const delta = z[run]! - z[other]!;
      residuals[place] = squares[place]! + delta * (q[run]! - q[other]!) - (delta * delta * product) / 2;
    }
  }
  return residuals;
}
