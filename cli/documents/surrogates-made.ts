import type { Progress, Store } from '../../db/index.js';

/** Surrogates that are stored of an experiment that is to have `expected`: of each finished run all, of the others those that are there. */
export async function surrogatesMade(
  { summaries }: Pick<Store, 'summaries'>,
  id: string,
  { runs }: Progress,
  expected: number,
): Promise<number> {
  if (expected === 0) return 0;
  const runCount = Object.values(runs).reduce((sum, value) => sum + value, 0);
  // While an experiment is being planned it has no runs.
  if (runCount === 0) return 0;
  return (expected / runCount) * runs.finished + (await summaries.surrogatesOfUnfinished(id));
}
