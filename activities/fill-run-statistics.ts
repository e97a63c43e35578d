import type { Store } from '../db/index.js';
import { runCount } from '../experiment/config.js';
import type { Catalogue } from '../experiment/model.js';
import { embedPrompts } from './embed-prompts.js';
import type { Dependencies } from './dependencies.js';
import { storeRunStatistics } from './run-statistics.js';

export interface FillOptions {
  readonly store: Store;
  readonly catalogue: Catalogue;
  /** The models of this machine, for the vectors of prompts. */
  readonly models: Pick<Dependencies['models'], 'embed'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** Called after each run. */
  readonly onRun?: (done: number, of: number) => void;
}

/** What a call did for an experiment. A trajectory is that of a run under an embedding model. */
export interface Filled {
  readonly computed: number;
  /** Trajectories whose numbers were there, and not stale. */
  readonly current: number;
  /** Runs that are not finished. */
  readonly unfinishedRuns: number;
  /** Embedding models that the catalogue lacks, so that prompts without a vector stay without. */
  readonly unknownModels: readonly string[];
  /** Trajectories of no model, or of several revisions of one. */
  readonly ambiguous: number;
}

/**
 * Computes the numbers that the finished runs of an experiment lack, or have from an earlier revision, and before
 * them the vectors of its prompts. It runs nothing else again. A later call continues a call that was cut off.
 */
export async function fillRunStatistics(
  experimentId: string,
  { store, catalogue, models, now, signal, onRun }: FillOptions,
): Promise<Filled> {
  const config = await store.experiments.config(experimentId);
  const of = runCount(config);
  const unknown = new Set<string>();
  let [computed, current, unfinishedRuns, ambiguous] = [0, 0, 0, 0];
  for (let index = 0; index < of; index++) {
    signal.throwIfAborted();
    const run = await store.runs.get(experimentId, index);
    if (run.status !== 'finished') unfinishedRuns++;
    for (const name of run.status === 'finished' ? config.embedding_models : []) {
      const model = await store.provenance.embeddedWith(run.id, name);
      if (model === null) {
        ambiguous++;
        continue;
      }
      if (model.input === 'text') {
        if (!catalogue.has(name)) unknown.add(name);
        else await embedPrompts({ store, models }, run, config.prompts.length, model, signal, Infinity);
      }
      if (await storeRunStatistics({ store, now }, run, model, signal)) computed++;
      else current++;
    }
    onRun?.(index + 1, of);
  }
  return { computed, current, unfinishedRuns, unknownModels: [...unknown], ambiguous };
}
