/** A stretch of steps in one state. */
export interface StateDwell {
  readonly state: number;
  /** In steps, at least 1. */
  readonly length: number;
  /** Whether the stretch lasted until the run ended, so that its length is a lower bound. */
  readonly censored: boolean;
}

/**
 * The dwell times of one run: run-length encoding of its states. The last dwell is censored, unless the run is in a
 * cycle. (A run that rests for ever in one state is in a cycle; the length of its last dwell is that of the record.)
 */
export function dwellsOf(states: Uint32Array, inCycle: boolean): StateDwell[] {
  const dwells: StateDwell[] = [];
  let start = 0;
  for (let step = 1; step <= states.length; step++) {
    if (step < states.length && states[step] === states[start]) continue;
    const censored = step === states.length && !inCycle;
    dwells.push({ state: states[start]!, length: step - start, censored });
    start = step;
  }
  return dwells;
}
