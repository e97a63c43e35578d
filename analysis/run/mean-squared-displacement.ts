import { atOnce, type Work } from '../../tda/pacer.js';
import { squaredDistance } from '../distance.js';
import { ladder } from './ladder.js';
import { fitLine } from '../line-fit.js';
import { stepCount, type Trajectory, vectorAt } from '../trajectory.js';

/** Null with fewer steps, for this curve and the autocorrelation. */
export const FEWEST_STEPS = 8;
const FEWEST_FITTED_LAGS = 3;

export interface MeanSquaredDisplacement {
  /** round(2^(i/2)), each once, up to n/4. */
  readonly lags: Uint32Array;
  /** The mean of ‖x(k + lag) - x(k)‖² over k, for each lag. */
  readonly values: Float64Array;
  /**
   * Slope of ln MSD over ln lag for lags up to max(⌊n/10⌋, 4). Null with fewer than three such lags, or if the
   * MSD is 0 at one of them.
   */
  readonly exponent: number | null;
  /** Null without an exponent, or if the MSD is the same at all of these lags. */
  readonly rSquared: number | null;
}

/**
 * Mean squared displacement (Qian, Sheetz & Elson 1991, Biophys. J. 60:910). An exponent of 0 is bounded or
 * periodic, 1 diffusion, 2 a straight line. On a sphere the curve saturates at twice the total variance, so that
 * long runs have exponent 0 whatever they do: read the curve.
 *
 * Null with fewer than 8 steps. O(n · dimension) for each of about 2 · log₂(n/4) lags.
 *
 * Throws AnalysisInputError, which names the place, for a malformed trajectory.
 */
export function meanSquaredDisplacement(trajectory: Trajectory): MeanSquaredDisplacement | null {
  const n = stepCount(trajectory);
  return atOnce(displacementWork(trajectory, displacementLags(n)));
}

/** The lags of the curve for n steps; none with fewer than 8. */
export function displacementLags(n: number): Uint32Array {
  return ladder(1, n < FEWEST_STEPS ? 0 : Math.floor(n / 4));
}

/** The same in portions, for a trajectory that was checked. */
export function* displacementWork(
  trajectory: Trajectory,
  lags: Uint32Array,
): Work<MeanSquaredDisplacement | null> {
  const { sequence, dimension } = trajectory;
  const n = sequence.length;
  const sums = new Float64Array(lags.length);
  for (let place = 0; place < lags.length; place++) {
    const lag = lags[place]!;
    let sum = 0;
    for (let step = lag; step < n; step++) {
      if (sequence[step] === sequence[step - lag]) continue;
      sum += squaredDistance(vectorAt(trajectory, step), vectorAt(trajectory, step - lag));
      yield 2 * dimension;
    }
    sums[place] = sum;
  }
  return displacementOf(n, lags, sums);
}

/** The curve from the sum of squared distances at each of its lags. */
export function displacementOf(
  n: number,
  lags: Uint32Array,
  sums: Float64Array,
): MeanSquaredDisplacement | null {
  if (n < FEWEST_STEPS) return null;
  const values = sums.map((sum, place) => sum / (n - lags[place]!));
  const longest = Math.max(Math.floor(n / 10), 4);
  const fitted = lags.filter((lag) => lag <= longest).length;
  const moves = values.subarray(0, fitted).every((value) => value > 0);
  if (fitted < FEWEST_FITTED_LAGS || !moves) return { lags, values, exponent: null, rSquared: null };
  const { slope, rSquared } = fitLine(
    Float64Array.from(lags.subarray(0, fitted), Math.log),
    values.subarray(0, fitted).map(Math.log),
  );
  return { lags, values, exponent: slope, rSquared };
}
