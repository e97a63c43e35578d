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

/** Where a run goes on that stands at `position`: with its next step, or with the embeddings of what it has. */
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
 * Where a run that has ended is asked what is left to do of it. Any worker of models can tell; this is one that it needs, or has
 * needed, anyway.
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
