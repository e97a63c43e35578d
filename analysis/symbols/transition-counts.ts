/** How often runs went from a state to a state: the used cells N_ij > 0 of a matrix, by rows. */
export interface TransitionCounts {
  readonly stateCount: number;
  /** Row i has the cells rowStarts[i] to rowStarts[i + 1] - 1. */
  readonly rowStarts: Uint32Array;
  /** The state that the cell leads to, ascending within its row. */
  readonly targets: Uint32Array;
  readonly counts: Uint32Array;
}

/**
 * Counts the pairs of states that are `lag` steps apart within a run, self-transitions included. The last state of a
 * run and the first of the next are no pair. O(steps + states).
 */
export function countTransitions(
  runs: readonly Uint32Array[],
  stateCount: number,
  lag = 1,
): TransitionCounts {
  const starts = pairStarts(runs, stateCount, lag);
  const pairCount = starts[stateCount]!;
  const pairTargets = new Uint32Array(pairCount);
  const next = starts.slice();
  for (const states of runs) {
    for (let step = lag; step < states.length; step++) {
      const from = states[step - lag]!;
      pairTargets[next[from]!] = states[step]!;
      next[from]!++;
    }
  }
  const rowStarts = new Uint32Array(stateCount + 1);
  const targets = new Uint32Array(pairCount);
  const counts = new Uint32Array(pairCount);
  let cell = 0;
  for (let state = 0; state < stateCount; state++) {
    const row = pairTargets.subarray(starts[state], starts[state + 1]).sort();
    for (let at = 0; at < row.length; at++) {
      if (at === 0 || row[at] !== row[at - 1]) targets[cell++] = row[at]!;
      counts[cell - 1]!++;
    }
    rowStarts[state + 1] = cell;
  }
  return { stateCount, rowStarts, targets: targets.slice(0, cell), counts: counts.slice(0, cell) };
}

/** Where the pairs that leave each state begin, if pairs are sorted by the state that they leave. */
function pairStarts(runs: readonly Uint32Array[], stateCount: number, lag: number): Uint32Array {
  const starts = new Uint32Array(stateCount + 1);
  for (const states of runs) {
    for (let step = lag; step < states.length; step++) starts[states[step - lag]! + 1]!++;
  }
  for (let state = 0; state < stateCount; state++) starts[state + 1]! += starts[state]!;
  return starts;
}

/** For each state the number of transitions out of it. */
export function leavingCounts({ stateCount, rowStarts, counts }: TransitionCounts): Float64Array {
  const leaving = new Float64Array(stateCount);
  for (let state = 0; state < stateCount; state++) {
    for (let cell = rowStarts[state]!; cell < rowStarts[state + 1]!; cell++) leaving[state]! += counts[cell]!;
  }
  return leaving;
}

/** For each state the number of transitions into it. */
export function enteringCounts({ stateCount, targets, counts }: TransitionCounts): Float64Array {
  const entering = new Float64Array(stateCount);
  for (let cell = 0; cell < targets.length; cell++) entering[targets[cell]!]! += counts[cell]!;
  return entering;
}
