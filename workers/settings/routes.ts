import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RouteRecord } from '../../db/index.js';
import { ROUTES_FILE } from '../../db/layout.js';
import { errorMessage, PanicError } from '../../common/errors.js';
import { decodedText, unreadableFile } from '../../common/file-text.js';
import { parseJsonText } from '../../common/json-text.js';
import type { Catalogue } from '../../experiment/model.js';
import { isThere } from '../../common/presence.js';
import { readRegularFileNow, UnfitFile } from '../../common/regular-file.js';
import { nearest } from '../../common/nearest.js';
import { described, formatProblems, pathText, type Problem, quoted } from '../../common/problems.js';
import { catalogueText } from '../../experiment/unknown-models.js';
import { routeQueue, TASK_QUEUES } from '../../workflows/names.js';

/** In a list of models: all models without a route. */
export const UNROUTED = 'unrouted';

/** Which models have a task queue of their own. All others are on the queue `panic-tda-gpu`. */
export interface ModelRoutes {
  /** The route by the model's name, such as `flux` for the queue `panic-tda-gpu-flux`. */
  readonly byModel: ReadonlyMap<string, string>;
  /** The file that they were read from, for messages; null if they are from no file of this machine. */
  readonly file: string | null;
  /** The last change in the database; null if they are not from there. */
  readonly recorded: RouteRecord | null;
}

export const NO_ROUTES: ModelRoutes = { byModel: new Map(), file: null, recorded: null };

const ROUTE = /^[a-z0-9][a-z0-9-]{0,39}$/;
const ALLOWED_ROUTE =
  'lower-case letters, digits and hyphens, at most 40, such as "flux" for the queue panic-tda-gpu-flux';

export interface RoutesAt {
  /** Path that the user gave; the file has to exist. */
  readonly routesFile: string | undefined;
  readonly dataFolder: string;
}

/** The task queue of a model's calls. */
export function queueOfModel({ byModel }: ModelRoutes, model: string): string {
  const route = byModel.get(model);
  return route === undefined ? TASK_QUEUES.gpu : routeQueue(route);
}

/**
 * All task queues of model calls: first that of models without a route, then those of the routes, by name.
 */
export function modelQueues({ byModel }: ModelRoutes): string[] {
  return [TASK_QUEUES.gpu, ...[...new Set(byModel.values())].sort().map(routeQueue)];
}

/** Every task queue that workers with these routes may be asked to serve. */
export function allQueues(routes: ModelRoutes): string[] {
  return [TASK_QUEUES.main, ...modelQueues(routes), TASK_QUEUES.cpu];
}

/** The origin of the routes, for people. */
export function originOfRoutes({ file, recorded }: ModelRoutes): string {
  if (recorded !== null) return `the database, where ${recordText(recorded)}`;
  return file ?? 'routes.json in the data folder';
}

/** `A has the route "large", B has the route "large"`, and their origin. */
export function routesText(routes: ModelRoutes): string {
  const each = [...routes.byModel].map(([model, route]) => `${model} has the route ${quoted(route)}`);
  return `${each.join(', ')} (from ${originOfRoutes(routes)})`;
}

/** `PID@HOST:QUEUES recorded them at 2026-07-01T09:12:00.000Z` */
export function recordText({ by, at }: RouteRecord): string {
  return `${by} recorded them at ${new Date(at).toISOString()}`;
}

/** The models that have a route to this queue. */
export function modelsRoutedTo(routes: ModelRoutes, queue: string): string[] {
  return [...routes.byModel.keys()].filter((model) => queueOfModel(routes, model) === queue);
}

/**
 * The routes of `routesFile`, or of `routes.json` in the data folder if there is one: `{ "MODEL": "route" }`.
 * Never throws: if something is wrong, `problems` has it as sentences, and there are no routes.
 */
export function readRoutes(
  at: RoutesAt,
  catalogue: Catalogue,
): { readonly routes: ModelRoutes; readonly problems: readonly string[] } {
  const file = at.routesFile ?? join(at.dataFolder, ROUTES_FILE);
  try {
    if (at.routesFile === undefined && !isThere(file)) return { routes: NO_ROUTES, problems: [] };
  } catch (error) {
    return { routes: NO_ROUTES, problems: [errorMessage(error)] };
  }
  const read = parseRoutes(file, at.routesFile !== undefined, catalogue);
  if (Array.isArray(read)) return { routes: NO_ROUTES, problems: [formatProblems(read, file)] };
  return { routes: { byModel: read, file, recorded: null }, problems: [] };
}

/** @throws PanicError `InvalidInput` with every problem of the file. */
export function loadRoutes(at: RoutesAt, catalogue: Catalogue): ModelRoutes {
  const { routes, problems } = readRoutes(at, catalogue);
  if (problems.length > 0) throw new PanicError('InvalidInput', problems.join('\n'));
  return routes;
}

function parseRoutes(file: string, named: boolean, catalogue: Catalogue): Map<string, string> | Problem[] {
  const text = textOf(file, named);
  if (typeof text !== 'string') return [ofRoutes(text.path, text.found, text.allowed)];
  const json = parseJsonText(text, 'routes in JSON: { "MODEL": "route" }');
  if (!json.ok) return [ofRoutes(json.problem.path, json.problem.found, json.problem.allowed)];
  const problems = json.repeatedKeys.map(({ path, found, allowed }) => ofRoutes(path, found, allowed));
  const { value } = json;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [...problems, ofRoutes('', described(value), 'an object: { "MODEL": "route" }')];
  }
  const routes = new Map<string, string>();
  const entries: readonly [name: string, route: unknown][] = Object.entries(value);
  for (const [name, route] of entries) {
    if (typeof route === 'string' && ROUTE.test(route)) routes.set(name, route);
    else problems.push(ofRoutes(pathText([name]), described(route), ALLOWED_ROUTE));
    if (!catalogue.has(name)) problems.push(unknownModel(name, catalogue));
  }
  return problems.length > 0 ? problems : routes;
}

function unknownModel(name: string, catalogue: Catalogue): Problem {
  const near = nearest(name, catalogue.keys());
  const allowed = near === null ? 'the names that "panic-tda models" lists' : `did you mean ${quoted(near)}?`;
  return {
    ...ofRoutes(pathText([name]), 'a model that is not in the catalogue of this machine', allowed),
    note: `${catalogueText(catalogue)}.`,
  };
}

/** Enough for a line for each model. */
const MOST_ROUTES_BYTES = 2 ** 20;

function textOf(file: string, named: boolean): string | Problem {
  try {
    // A user may name a pipe. But in a folder that others may have filled, reading a pipe could wait for
    // ever.
    return decodedText(
      named ? readFileSync(file) : readRegularFileNow(file, MOST_ROUTES_BYTES, { links: true }),
    );
  } catch (error) {
    if (error instanceof UnfitFile) return ofRoutes('', `a path that ${error.message}`, 'a file');
    return unreadableFile(error, 'the path of a file of routes (JSON)');
  }
}

function ofRoutes(path: string, found: string, allowed: string): Problem {
  return { path, found, allowed, message: `${path || 'the routes'}: found ${found}; allowed: ${allowed}` };
}
