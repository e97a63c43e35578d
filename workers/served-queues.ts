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
  /** Task queues of model calls that a worker polls. It serves every model of them. */
  readonly queues: readonly string[];
  /** Why it does not serve others, as sentences. */
  readonly leftOut: readonly string[];
}

interface Machine {
  readonly routes: ModelRoutes;
  readonly catalogue: Catalogue;
  readonly modelsFolder: string;
}

/**
 * The queues of model calls that a worker serves: those of `models` (names, and `unrouted`), or all of them but for routes to
 * models that this machine has no files of.
 * @throws PanicError `InvalidInput` where a queue would bring it work that it was not told to do, or cannot do.
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

/** Several things can be wrong with a list, and all are told at once. */
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

/** What is missing on this machine for these models; null where all can be used. */
function unusable(names: readonly string[], { catalogue, modelsFolder }: Machine): string | null {
  // Routes of the database may be of models that this machine has never heard of.
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
