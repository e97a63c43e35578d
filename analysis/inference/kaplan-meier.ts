import { refuseTimes, riskSets } from './risk-sets.js';

/** The share of runs that are not absorbed yet, after each time at which a run is absorbed. */
export interface KaplanMeier {
  /** Distinct times of absorption, ascending. */
  readonly at: Float64Array;
  /** The share still free right after each of these times, in [0, 1]. */
  readonly survival: Float64Array;
  /** Runs neither absorbed nor lost before each of these times. */
  readonly atRisk: Uint32Array;
  /** The first time after which at most half are free; null if there is none, or no run. */
  readonly median: number | null;
}

// Shares such as 3/4 · 2/3 come out a few last bits beside 1/2.
const HALF = 0.5 * (1 + 1e-12);

/**
 * The Kaplan-Meier curve of the time to absorption, in steps. `absorbed` is 1 for a run that was absorbed at its
 * time, and 0 for one that was free until its time, and not observed after it. A run that ends at the time of an
 * absorption was at risk then.
 *
 * Throws AnalysisInputError, which names the run, for a time that is negative or not finite, or another mark.
 *
 * Source: Kaplan & Meier 1958, J. Am. Stat. Assoc. 53:457.
 */
export function kaplanMeier(time: Float64Array, absorbed: Uint8Array): KaplanMeier {
  refuseTimes(time, absorbed);
  const at: number[] = [];
  const survival: number[] = [];
  const atRisk: number[] = [];
  let free = 1;
  for (const risk of riskSets(time, absorbed)) {
    free *= (risk.atRisk - risk.absorbed) / risk.atRisk;
    at.push(risk.at);
    survival.push(free);
    atRisk.push(risk.atRisk);
  }
  const median = survival.findIndex((share) => share <= HALF);
  return {
    at: Float64Array.from(at),
    survival: Float64Array.from(survival),
    atRisk: Uint32Array.from(atRisk),
    median: at[median] ?? null,
  };
}
