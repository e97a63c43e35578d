import type { Position, RunRow } from '../db/index.js';
import { modelAt, modelNames } from '../experiment/config.js';
import type { ExperimentConfig } from '../experiment/config.js';
import { TASK_QUEUES } from '../workflows/names.js';
import type { Routing } from '../workflows/contract.js';
import type { ModelRouting } from './dependencies.js';

/** Whether any model of the experiment has a task queue of its own. */
export function isRouted(
  config: Pick<ExperimentConfig, 'networks' | 'embedding_models'>,
  routing: ModelRouting,
): boolean {
  return modelNames(config).some((name) => routing.queueOf(name) !== TASK_QUEUES.gpu);
}

/** The queue where a run at `position` continues: for its next step, or for the embeddings of an ended run. */
export function routingOf(
  run: Pick<RunRow, 'network'>,
  { sequence }: Pick<Position, 'sequence'>,
  ended: boolean,
  embeddingModels: readonly string[],
  routing: ModelRouting,
): Routing {
  if (!ended) return ownQueue(modelAt(run.network, sequence), routing);
  const embeddingQueues = Object.fromEntries(
    embeddingModels.flatMap((name) => {
      const { queue } = ownQueue(name, routing);
      return queue === undefined ? [] : [[name, queue]];
    }),
  );
  return Object.keys(embeddingQueues).length === 0 ? {} : { embeddingQueues };
}

/**
 * The queue of a worker that is asked what is left to do of an ended run. Every worker with models can answer;
 * this one serves a model that the run needs, or needed before.
 */
export function endedRunQueue(
  { network }: Pick<RunRow, 'network'>,
  embeddingModels: readonly string[],
  routing: ModelRouting,
): Routing {
  return ownQueue(embeddingModels[0] ?? network[0]!, routing);
}

function ownQueue(model: string, routing: ModelRouting): { readonly queue?: string } {
  const queue = routing.queueOf(model);
  return queue === TASK_QUEUES.gpu ? {} : { queue };
}
