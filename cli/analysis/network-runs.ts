import type { ChosenRun } from './chosen-runs.js';

/** The runs of one network. */
export interface NetworkRuns {
  /** The names of its models with arrows between. */
  readonly network: string;
  readonly runs: readonly ChosenRun[];
}

/** Runs by network, in order of first appearance. Networks are never mixed. */
export function byNetwork(runs: readonly ChosenRun[]): NetworkRuns[] {
  const networks = new Map<string, ChosenRun[]>();
  for (const run of runs) {
    const name = run.network.join(' → ');
    const known = networks.get(name);
    if (known === undefined) networks.set(name, [run]);
    else known.push(run);
  }
  return [...networks].map(([network, members]) => ({ network, runs: members }));
}

/** Numbers texts from 0 in order of first appearance. */
export function numbered(texts: readonly string[]): {
  readonly numbers: Uint32Array;
  readonly names: string[];
} {
  const numberOf = new Map<string, number>();
  const numbers = Uint32Array.from(texts, (text) => {
    const number = numberOf.get(text) ?? numberOf.size;
    numberOf.set(text, number);
    return number;
  });
  return { numbers, names: [...numberOf.keys()] };
}
