import { factors, type Factors } from '../../analysis/index.js';
import type { Pacer } from '../../tda/pacer.js';
import type { ChosenModel } from './chosen-models.js';
import type { ChosenRun } from './chosen-runs.js';
import type { StoredNumbers } from './stored-numbers.js';
import type { FamilyTest } from './test-family.js';

/** What a stored number of runs owes to network, prompt and seed. */
export interface StatisticFactors {
  readonly statistic: string;
  readonly found: Factors;
  /** Runs for which the number is not defined, or not stored. They do not count. */
  readonly runsWithout: number;
}

/** Operations, about, of both tests of a number, for each run. */
const PER_RUN = 2 * 999 * 10;

/** Splits every stored number among network, prompt and seed. A number that no run has is left out. */
export async function analyseFactors(
  runs: readonly ChosenRun[],
  { numbers }: StoredNumbers,
  pacer: Pacer,
): Promise<StatisticFactors[]> {
  const analysed: StatisticFactors[] = [];
  for (const { statistic, values } of numbers) {
    const defined = runs.flatMap(({ network, prompt, seed }, place) => {
      const value = values[place];
      return value == null ? [] : [{ network: network.join(' → '), prompt, seed, value }];
    });
    if (defined.length === 0) continue;
    analysed.push({ statistic, found: factors(defined), runsWithout: runs.length - defined.length });
    await pacer.spend(runs.length * PER_RUN);
  }
  return analysed;
}

/** The tests of all numbers: networks against their interaction with prompts, and prompts. */
export function factorTests(
  { name: model }: ChosenModel,
  analysed: readonly StatisticFactors[],
): FamilyTest[] {
  return analysed.flatMap(({ statistic, found: { networkTest, promptTest } }) =>
    [
      { compares: NETWORKS, found: networkTest },
      { compares: PROMPTS, found: promptTest },
    ].map(({ compares, found: { f: value, test, reason } }) => ({
      model,
      network: null,
      statistic,
      compares,
      value,
      test,
      reason,
    })),
  );
}

/** What a test of a stored number compares. */
export const NETWORKS = 'networks, by a number of each run';
export const PROMPTS = 'prompts, by a number of each run';
