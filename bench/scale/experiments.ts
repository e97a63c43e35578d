import { experimentId } from '../../experiment/ids.js';
import { validateExperiment } from '../../experiment/index.js';
import { loadCatalogue } from '../../models/index.js';
import { CommandError } from '../common/command.js';
import type { ScaleShape, Series } from './series.js';

export interface ExperimentFile {
  readonly id: string;
  readonly runs: number;
  readonly steps: number;
  readonly text: string;
}

const TRIVIAL = ['DummyT2I', 'DummyI2T'];
const POISONED = ['DummyT2I', 'PoisonedI2T'];

/**
 * How many of `runs` runs PoisonedI2T fails, if their seeds are 0, 1, 2, ...: it fails the seeds 13, 113,
 * 213, ...
 */
export function poisonedRuns(runs: number): number {
  return Math.floor((runs + 86) / 100);
}

/** Gives all runs different seeds; the seeds are fixed if every hundredth run has to be poisoned. */
export async function experimentFiles(
  { experiments }: ScaleShape,
  { poisoned, embedded }: Series,
  concurrency: number,
): Promise<ExperimentFile[]> {
  const catalogue = await loadCatalogue({ modelsFolder: '.', testModels: true, catalogueFile: undefined });
  return experiments.map(({ runs, steps }, k) => {
    const seeds = poisoned
      ? { seeds: Array.from({ length: runs }, (_, seed) => seed) }
      : { seed_count: runs };
    const experiment = {
      name: `scale ${k}`,
      networks: [poisoned ? POISONED : TRIVIAL],
      prompts: ['a picture of a thing'],
      ...seeds,
      embedding_models: embedded ? ['Dummy'] : [],
      max_length: steps,
      max_dimension: 0,
      on_cycle: 'continue',
      concurrency,
    };
    const validation = validateExperiment(experiment, catalogue);
    if (!validation.ok) throw new CommandError(validation.problems.map(({ message }) => message).join('\n'));
    return { id: experimentId(validation.config), runs, steps, text: JSON.stringify(experiment) };
  });
}
