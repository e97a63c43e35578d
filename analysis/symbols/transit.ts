import type { CodedRuns } from './symbol-runs.js';

/** Share of all steps that are noise, from 0 to 1: the time in transit between clusters. Null without a step. */
export function transitShare({ alphabet, codes }: CodedRuns): number | null {
  let steps = 0;
  let noise = 0;
  for (const run of codes) {
    steps += run.length;
    for (const code of run) if (code === alphabet.length) noise++;
  }
  return steps === 0 ? null : noise / steps;
}
