import { storeRunStatistics } from '../../activities/run-statistics.js';
import type { Store } from '../../db/index.js';
import { runCount } from '../../experiment/config.js';
import type { ExperimentConfig } from '../../experiment/config.js';
import { config, finishExperiment, imagePoints, NOW, textPoints } from './small-experiment.js';

const MODELS = [textPoints, imagePoints];

/** Computes and stores the numbers of a run as the activity of diagrams does. Returns how many rows it made. */
export async function measureRun(store: Store, id: string, index: number): Promise<number> {
  const { embedding_models: names } = await store.experiments.config(id);
  const run = await store.runs.get(id, index);
  let made = 0;
  for (const { name, input, dimension, ...model } of MODELS.filter((one) => names.includes(one.name))) {
    const used = {
      id: await store.provenance.modelId({ ...model, name, input, dimension }),
      name,
      input,
      dimension,
    };
    const { signal } = new AbortController();
    if (await storeRunStatistics({ store, now: () => NOW }, run, used, signal)) made++;
  }
  return made;
}

/** Plans and finishes a whole experiment with the numbers of its runs; returns its id. */
export async function measuredExperiment(store: Store, of: ExperimentConfig = config): Promise<string> {
  const id = await finishExperiment(store, of);
  for (let index = 0; index < runCount(of); index++) await measureRun(store, id, index);
  return id;
}
