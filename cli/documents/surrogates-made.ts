import type { Progress, Store } from '../../db/index.js';

/**
 * How many surrogates of an experiment are stored, of the `expected` ones. A finished run has all of its own,
 * so only those of the other runs are counted.
 */
export async function surrogatesMade(
  { summaries }: Pick<Store, 'summaries'>,
  id: string,
  { runs }: Progress,
  expected: number,
): Promise<number> {
  if (expected === 0) return 0;
  const runCount = Object.values(runs).reduce((sum, value) => sum + value, 0);
  // An experiment has no runs while it is being planned.
  if (runCount === 0) return 0;
  return (expected / runCount) * runs.finished + (await summaries.surrogatesOfUnfinished(id));
}
