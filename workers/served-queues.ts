import { PanicError } from '../common/errors.js';
import type { Catalogue } from '../experiment/model.js';
import { nearest } from '../common/nearest.js';
import { listed, quoted } from '../common/problems.js';
import { catalogueText } from '../experiment/unknown-models.js';
import { explainUnready, unreadyAmong } from '../models/index.js';
import { TASK_QUEUES } from '../workflows/names.js';
import {
  modelQueues,
  type ModelRoutes,
  modelsRoutedTo,
  originOfRoutes,
  queueOfModel,
  UNROUTED,
} from './settings/routes.js';

export interface ServedModelQueues {
  /** Task queues of model calls that the worker polls. It serves every model of each of them. */
  readonly queues: readonly string[];
  /** Sentences that say why the worker does not serve the other queues. */
  readonly leftOut: readonly string[];
}

interface Machine {
  readonly routes: ModelRoutes;
  readonly catalogue: Catalogue;
  readonly modelsFolder: string;
}

/**
 * The queues of model calls that a worker serves. With `models` (names, and `unrouted`) these are the queues
 * of the named models. Otherwise they are all queues, except those with a route to a model whose files this
 * machine lacks.
 * @throws PanicError `InvalidInput` if a queue would bring work that the user did not name, or that the
 * worker cannot do.
 */
export function servedModelQueues(models: readonly string[] | null, machine: Machine): ServedModelQueues {
  if (models === null) return all(machine);
  const { routes } = machine;
  const problems = models.flatMap((name) => problemOf(name, models, machine));
  if (problems.length > 0) throw new PanicError('InvalidInput', problems.join('\n'));
  const named = models.map((name) => (name === UNROUTED ? TASK_QUEUES.gpu : queueOfModel(routes, name)));
  return { queues: [...new Set(named)], leftOut: [] };
}

function all(machine: Machine): ServedModelQueues {
  const queues: string[] = [];
  const leftOut: string[] = [];
  for (const queue of modelQueues(machine.routes)) {
    const missing =
      queue === TASK_QUEUES.gpu ? null : unusable(modelsRoutedTo(machine.routes, queue), machine);
    if (missing === null) queues.push(queue);
    else leftOut.push(`The queue ${queue} is left to other workers: ${missing}`);
  }
  return { queues, leftOut };
}

/** Reports all problems of a list at once. */
function problemOf(name: string, models: readonly string[], machine: Machine): string[] {
  const { routes, catalogue } = machine;
  if (name === UNROUTED) return [];
  if (!catalogue.has(name)) {
    const near = nearest(name, catalogue.keys());
    const hint =
      near === null ? '"panic-tda models" lists those there are.' : `did you mean ${quoted(near)}?`;
    return [`--models: there is no model called ${quoted(name)}; ${hint} ${catalogueText(catalogue)}`];
  }
  const queue = queueOfModel(routes, name);
  if (queue === TASK_QUEUES.gpu) {
    return [
      `--models: ${name} has no route, so its work is on the queue ${queue} with that of all models without one; ` +
        `serve these with --models ${UNROUTED}, or give it a route (routes are from ${originOfRoutes(routes)})`,
    ];
  }
  const others = modelsRoutedTo(routes, queue).filter((other) => !models.includes(other));
  if (others.length > 0) {
    return [
      `--models: the queue ${queue} of ${name} also brings work for ${listed(others)}; name these, too, or give them another route (routes are from ${originOfRoutes(routes)})`,
    ];
  }
  const missing = unusable([name], machine);
  return missing === null ? [] : [`--models: ${missing}`];
}

/** What this machine lacks for these models; null if it can use all of them. */
function unusable(names: readonly string[], { catalogue, modelsFolder }: Machine): string | null {
  // The database may route models that the catalogue of this machine does not have.
  const unknown = names.filter((name) => !catalogue.has(name));
  if (unknown.length > 0) return `the catalogue of this machine has no model ${listed(unknown)}`;
  const unready = unreadyAmong(
    names.map((name) => catalogue.get(name)!),
    modelsFolder,
  );
  return unready.length === 0
    ? null
    : explainUnready(unready, (...words) => ['panic-tda', ...words].join(' '));
}
