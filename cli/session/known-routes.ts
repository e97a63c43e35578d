import type { Store } from '../../db/index.js';
import { disagreementText, knownRoutes } from '../../workers/settings/known-routes.js';
import type { Context } from '../context.js';

/** The routes that a command uses. */
export interface Routed {
  /**
   * The context with the routes that the database has for all machines. If it has none, with those of this
   * machine's file.
   */
  readonly context: Context;
  /**
   * Says where the file of this machine disagrees, and what to do: a sentence without its full stop. Null if it
   * agrees.
   */
  readonly disagreement: string | null;
  /** Whether the routes are known. They are not if the database has none and the file cannot be used. */
  readonly known: boolean;
}

/** Reads the routes from the database. `store` is null if there is no database yet. */
export async function routedBy(context: Context, store: Store | null): Promise<Routed> {
  const recorded = (await store?.routes.recorded()) ?? null;
  const { routes, disagreements } = knownRoutes(context.routes, recorded);
  return {
    context: { ...context, routes },
    disagreement: disagreementText(disagreements),
    known: recorded !== null || context.routesProblems.length === 0,
  };
}
