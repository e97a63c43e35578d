import type { Plan } from '../../workflows/contract.js';

/** The plan that an activity of a test answers for an experiment of one run, without embeddings and search attributes. */
export function planOfOneRun(experiment: string): Plan {
  return {
    experiment,
    name: null,
    runs: 1,
    concurrency: 1,
    weight: 1,
    embeddingModels: [],
    unindexed: true,
  };
}
