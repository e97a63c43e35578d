import { atOnce } from '../../tda/pacer.js';
import { slidingLagSums } from './lag-sums.js';
import { FEWEST_STEPS } from './mean-squared-displacement.js';
import { MOST_PAIRED_STEPS } from './pair-pass.js';
import { squaresFromMean } from './step-statistics.js';
import { stepCount, type Trajectory } from '../trajectory.js';

/** Lags of a trajectory whose pairs are too many. */
const MOST_LAGS = 1000;
/** The window of the integrated time is the first that is at least so many times this time (Sokal 1997, section 3). */
const WINDOW_TIMES = 5;

export interface Autocorrelation {
  /** C(lag) for lag = 0, 1, 2…; C(0) = 1. */
  readonly values: Float64Array;
  /** The lag at which C first falls below 1/e, linear between lags; null if it does not. */
  readonly decorrelationTime: number | null;
  /** 1 + 2 Σ C(lag) up to `window`; null if no window is long enough. */
  readonly integratedTime: number | null;
  readonly window: number | null;
  /** n / max(integrated time, 1); null without an integrated time. */
  readonly effectiveSampleSize: number | null;
}

/**
 * The autocorrelation C(lag) = Σ (x(k) - x̄)·(x(k + lag) - x̄) / Σ ‖x(k) - x̄‖², in its biased form, which is
 * positive definite. Lags go up to n/4, or up to 1,000 for more than 20,000 steps. A transient looks like a long
 * memory. Source: A. Sokal 1997, Monte Carlo methods in statistical mechanics, section 3.
 *
 * Distances have an error of about 1e-7, so a value has an absolute error of about 1e-7 too.
 *
 * Null with fewer than 8 steps, or if all outputs are equal.
 *
 * Throws AnalysisInputError, which names the place, for a malformed trajectory.
 */
export function autocorrelation(trajectory: Trajectory): Autocorrelation | null {
  stepCount(trajectory);
  return atOnce(
    (function* work() {
      const { sequence } = trajectory;
      if (sequence.length < FEWEST_STEPS) return null;
      const sums = yield* slidingLagSums(trajectory, autocorrelationLags(sequence.length));
      return autocorrelationOf(sequence, yield* squaresFromMean(trajectory), sums);
    })(),
  );
}

/** The greatest lag for n steps. */
export function autocorrelationLags(n: number): number {
  return n > MOST_PAIRED_STEPS ? MOST_LAGS : Math.floor(n / 4);
}

/**
 * The autocorrelation from the squared distance of each row from the mean, and the sum of the squared distances
 * at each lag: x·y = (‖x‖² + ‖y‖² - ‖x - y‖²) / 2.
 */
export function autocorrelationOf(
  sequence: Uint32Array,
  rowSquares: Float64Array,
  sums: Float64Array,
): Autocorrelation | null {
  const n = sequence.length;
  let total = 0;
  for (const row of sequence) total += rowSquares[row]!;
  if (n < FEWEST_STEPS || total === 0) return null;
  // The steps k and k + lag without the last, or the first, `lag` steps of the run.
  let heads = total;
  let tails = total;
  const values = sums.map((sum, lag) => {
    if (lag > 0) {
      heads -= rowSquares[sequence[n - lag]!]!;
      tails -= rowSquares[sequence[lag - 1]!]!;
    }
    return (heads + tails - sum) / (2 * total);
  });
  const { time: integratedTime, window } = integrated(values);
  return {
    values,
    decorrelationTime: firstBelow(values, Math.exp(-1)),
    integratedTime,
    window,
    effectiveSampleSize: integratedTime === null ? null : n / Math.max(integratedTime, 1),
  };
}

/** The first place at which the values are below the level, linear between places; null without one. */
function firstBelow(values: Float64Array, level: number): number | null {
  const lag = values.findIndex((value) => value < level);
  if (lag < 1) return null;
  const before = values[lag - 1]!;
  return lag - 1 + (before - level) / (before - values[lag]!);
}

function integrated(values: Float64Array): { time: number | null; window: number | null } {
  let time = 1;
  for (let window = 1; window < values.length; window++) {
    time += 2 * values[window]!;
    if (window >= WINDOW_TIMES * time) return { time, window };
  }
  return { time: null, window: null };
}
