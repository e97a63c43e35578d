import { ANALYSIS_REVISION } from '../analysis/index.js';
import type { Store } from '../db/index.js';
import type { StatisticsCode } from '../db/doctor/index.js';
import { PanicError } from '../common/errors.js';
import { recomputedStatistics, storeRunStatistics } from './run-statistics.js';

/** The numbers of trajectories for `doctor`, which looks at this store and mends the store that it is given. */
export function statisticsCode(looked: Store, now: () => number): StatisticsCode {
  const { signal } = new AbortController();
  return {
    revision: ANALYSIS_REVISION,
    async recompute({ experiment, run: index, modelId }) {
      const run = await looked.runs.get(experiment, index);
      const model = await looked.provenance.embeddingModel(modelId);
      return model === null ? null : recomputedStatistics(looked, run, model, signal);
    },
    async store(store, { experiment, run: index, model: name }) {
      const run = await store.runs.get(experiment, index);
      // Another repair has reopened it: a worker computes them.
      if (run.status !== 'finished') return;
      const model = await store.provenance.embeddedWith(run.id, name);
      if (model === null) {
        throw new PanicError(
          'StoreConflict',
          `the run has no vectors of ${name}, or of several revisions of it`,
        );
      }
      await storeRunStatistics({ store, now }, run, model, signal);
    },
  };
}
