import type { ExperimentConfig } from '../../experiment/config.js';
import { listed } from '../../common/problems.js';
import { setCurrentCommand } from '../../workers/temporal/worker-deployment.js';
import type { QueueState } from '../../workers/temporal/queue-states.js';
import {
  allQueues,
  type ModelRoutes,
  modelsRoutedTo,
  queueOfModel,
  UNROUTED,
} from '../../workers/settings/routes.js';
import { TASK_QUEUES } from '../../workflows/names.js';
import type { Context } from '../context.js';
import { duration, isoTime, plural, time } from '../terminal/format.js';

/** A task queue as `--json` prints it. */
export interface QueueDocument {
  readonly queue: string;
  readonly workers: readonly string[];
  readonly backlog: number;
  readonly waitingSince: string | null;
  /** What is wrong and how to mend it. Null if nothing is wrong. */
  readonly problem: string | null;
}

/** The task queues for the work of an experiment. */
export function queuesOf(
  { networks, embedding_models }: Pick<ExperimentConfig, 'networks' | 'embedding_models'>,
  routes: ModelRoutes,
): string[] {
  const models = [...networks.flat(), ...embedding_models].map((name) => queueOfModel(routes, name));
  return [TASK_QUEUES.main, ...new Set(models), TASK_QUEUES.cpu];
}

export function queueDocument(context: Context, state: QueueState): QueueDocument {
  const { queue, workers, backlog, waitingSince } = state;
  return { queue, workers, backlog, waitingSince: isoTime(waitingSince), problem: problemOf(context, state) };
}

/** Why no worker does the work of a queue, and how to start one. Null if a worker does it. */
export function problemOf(context: Context, state: QueueState): string | null {
  const { queue, workers, passedOver } = state;
  if (workers.length === 0) {
    const serves = workerCommand(context, queue);
    const remedy =
      serves === null
        ? 'no route leads there any more: "cancel" and then "resume" of the experiment send its runs to where the routes lead now'
        : `start one with "${serves}"`;
    return `no worker serves the task queue ${queue}${waitingText(state)}; ${remedy}`;
  }
  if (passedOver === null) return null;
  const { version, current } = passedOver;
  const whose =
    current === null ? 'workers without a version' : `build ${current.buildId} of ${current.deploymentName}`;
  const remedy =
    version === null
      ? 'it has none; start workers of that build'
      : `it is of build ${version.buildId}, which gets work after "${setCurrentCommand(version)}"`;
  return `the work of the task queue ${queue}${waitingText(state)} is for ${whose}, and ${listed(workers)} gets none: ${remedy}`;
}

function waitingText({ backlog, waitingSince }: QueueState): string {
  if (waitingSince === null) return '';
  const since = `since ${time(waitingSince)} (${duration(Date.now() - waitingSince)})`;
  return `, where ${plural(backlog, 'task')} ${backlog === 1 ? 'has' : 'have'} waited ${since}`;
}

/**
 * The command that starts a worker for the queue. Null if the queue belongs to a route that no longer exists.
 */
function workerCommand({ routes, command }: Context, queue: string): string | null {
  if (!allQueues(routes).includes(queue)) return null;
  if (queue === TASK_QUEUES.main) return command('worker', '--queues', 'main');
  if (queue === TASK_QUEUES.cpu) return command('worker', '--queues', 'cpu');
  if (routes.byModel.size === 0) return command('worker', '--queues', 'gpu');
  const models = queue === TASK_QUEUES.gpu ? [UNROUTED] : modelsRoutedTo(routes, queue);
  return command('worker', '--queues', 'gpu', '--models', models.join(','));
}
