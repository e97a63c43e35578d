import { AnalysisInputError } from '../errors.js';

export interface RiskSet {
  readonly at: number;
  /** Runs whose time is `at` or later. */
  readonly atRisk: number;
  /** Runs that are absorbed at this time. */
  readonly absorbed: number;
}

/** One set for each time of absorption, ascending. */
export function riskSets(time: Float64Array, absorbed: Uint8Array): RiskSet[] {
  const order = Uint32Array.from(time, (_, run) => run).sort((i, j) => time[i]! - time[j]!);
  const sets: RiskSet[] = [];
  for (let first = 0, next: number; first < order.length; first = next) {
    const at = time[order[first]!]!;
    let absorbedHere = 0;
    for (next = first; next < order.length && time[order[next]!] === at; next++) {
      absorbedHere += absorbed[order[next]!]!;
    }
    if (absorbedHere > 0) sets.push({ at, atRisk: order.length - first, absorbed: absorbedHere });
  }
  return sets;
}

/** Throws AnalysisInputError, which names the run, for a time that is negative or not finite, or another mark. */
export function refuseTimes(time: Float64Array, absorbed: Uint8Array): void {
  if (time.length !== absorbed.length) {
    throw new AnalysisInputError(
      `time has ${time.length} runs and absorbed ${absorbed.length}; expected the same runs`,
    );
  }
  for (let run = 0; run < time.length; run++) {
    if (!(time[run]! >= 0 && time[run]! < Infinity)) {
      throw new AnalysisInputError(
        `time[${run}] is ${time[run]}; expected a finite number of steps, at least 0`,
      );
    }
    if (absorbed[run]! > 1) {
      throw new AnalysisInputError(
        `absorbed[${run}] is ${absorbed[run]}; expected 1 (absorbed) or 0 (free until the end)`,
      );
    }
  }
}
