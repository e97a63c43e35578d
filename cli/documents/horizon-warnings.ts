import type { CommonHorizon } from '../analysis/common-horizon.js';
import { runText } from '../analysis/request.js';
import { count, plural } from '../terminal/format.js';

/** How runs of a network were made equally long: a sentence each. `where` names the network. */
export function horizonWarnings(
  where: string,
  { steps, askedSteps, cutBy }: CommonHorizon,
  runs: readonly { readonly storedSteps: number }[],
): string[] {
  const extended = runs.filter(({ storedSteps }) => storedSteps < steps).length;
  const cut = `all runs are compared up to there, not up to the ${count(askedSteps)} of the horizon`;
  const them = extended === 1 ? 'it' : 'them';
  return [
    ...(cutBy === null
      ? []
      : [`${where}: ${runText(cutBy)} ends after ${plural(steps, 'step')} and is in no cycle, so ${cut}.`]),
    ...(extended === 0
      ? []
      : [
          `${where}: ${extended} of ${plural(runs.length, 'run')} stopped at an exact cycle; the cycle extends ${them} exactly to ${plural(steps, 'step')}.`,
        ]),
  ];
}
