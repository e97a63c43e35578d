/**
 * What becomes of noise steps:
 *
 * - `milestone`: a noise step has the last cluster reached; the steps before the first cluster have no state. The
 *   clusters are core sets, and a run is in the one that it visited last (Schütte et al. 2011, J. Chem. Phys.
 *   134:204105).
 * - `keep`: noise is a state of its own.
 * - `drop`: noise steps are left out, and what they separated meets. Dwells grow by it.
 */
export type NoiseRule = 'milestone' | 'keep' | 'drop';

/** Whether it is one of the rules; a caller without types can give anything. */
export function isNoiseRule(rule: unknown): rule is NoiseRule {
  return rule === 'milestone' || rule === 'keep' || rule === 'drop';
}

/** The states of a run in order. `codes` has the code of each step; the greatest code, `noise`, stands for noise. */
export function statesOf(codes: Uint32Array, noise: number, rule: NoiseRule): Uint32Array {
  if (rule === 'keep') return codes;
  if (rule === 'drop') return codes.filter((code) => code !== noise);
  const first = codes.findIndex((code) => code !== noise);
  if (first < 0) return new Uint32Array(0);
  const states = codes.slice(first);
  for (let step = 1; step < states.length; step++) {
    if (states[step] === noise) states[step] = states[step - 1]!;
  }
  return states;
}
