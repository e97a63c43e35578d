import type { Store } from '../../db/index.js';
import { disagreementText, knownRoutes } from '../../workers/settings/known-routes.js';
import type { Context } from '../context.js';

/** Which routes a command goes by. */
export interface Routed {
  /** With the routes that all machines go by, which the database has; those of the file of this machine where it has none. */
  readonly context: Context;
  /** Where that file says something else, and what to do: a sentence without its full stop; null where it does not. */
  readonly disagreement: string | null;
  /** Whether they are known: a file that cannot be used tells none. */
  readonly known: boolean;
}

/** Asks the database for the routes. `store` is null where there is no database yet. */
export async function routedBy(context: Context, store: Store | null): Promise<Routed> {
  const recorded = (await store?.routes.recorded()) ?? null;
  const { routes, disagreements } = knownRoutes(context.routes, recorded);
  return {
    context: { ...context, routes },
    disagreement: disagreementText(disagreements),
    known: recorded !== null || context.routesProblems.length === 0,
  };
}
