import type { TransitionCounts } from './transition-counts.js';

export interface CommunicatingClass {
  /** In ascending order. */
  readonly states: Uint32Array;
  /**
   * Whether no transition leaves the class, and one was counted in it. Such a class is absorbing. A state that runs
   * merely ended in, without a transition out of it, is none.
   */
  readonly closed: boolean;
}

/**
 * Sets of states that runs can go to and fro between, by their least state: strongly connected components of the used
 * cells (Tarjan 1972, SIAM J. Comput. 1:146), without recursion, since a path may have as many states as a run.
 */
export function communicatingClasses({
  stateCount,
  rowStarts,
  targets,
}: TransitionCounts): CommunicatingClass[] {
  /** 1 + the order in which the search reached the state; 0: not yet. */
  const reached = new Uint32Array(stateCount);
  const lowest = new Uint32Array(stateCount);
  const nextCell = rowStarts.slice(0, stateCount);
  const classOf = new Int32Array(stateCount).fill(-1);
  /** States that have no class yet, and the path of the search. */
  const open: number[] = [];
  const path: number[] = [];
  const classes: Uint32Array[] = [];
  let order = 0;
  for (let root = 0; root < stateCount; root++) {
    if (reached[root] !== 0) continue;
    path.push(root);
    while (path.length > 0) {
      const state = path.at(-1)!;
      if (reached[state] === 0) {
        lowest[state] = reached[state] = ++order;
        open.push(state);
      }
      if (nextCell[state]! < rowStarts[state + 1]!) {
        const target = targets[nextCell[state]!++]!;
        if (reached[target] === 0) path.push(target);
        else if (classOf[target] === -1) lowest[state] = Math.min(lowest[state]!, reached[target]!);
        continue;
      }
      path.pop();
      if (lowest[state] === reached[state]) {
        const states = Uint32Array.from(open.splice(open.lastIndexOf(state))).sort();
        for (const member of states) classOf[member] = classes.length;
        classes.push(states);
      }
      const parent = path.at(-1);
      if (parent !== undefined) lowest[parent] = Math.min(lowest[parent]!, lowest[state]!);
    }
  }
  return classes
    .map((states, number) => ({ states, closed: states.every((state) => staysIn(state, number)) }))
    .sort((a, b) => a.states[0]! - b.states[0]!);

  function staysIn(state: number, number: number): boolean {
    const row = targets.subarray(rowStarts[state], rowStarts[state + 1]);
    return row.length > 0 && row.every((target) => classOf[target] === number);
  }
}
