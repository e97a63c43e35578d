import { asc, eq } from 'drizzle-orm';
import type { Database } from '../connection/database.js';
import { routes } from '../schema.js';
import { all, run } from '../connection/work.js';
import type { Work } from '../connection/work.js';

/** The worker that gave a model its route, and the time. */
export interface RouteRecord {
  /** Identity of a worker. */
  readonly by: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** Routes of models, as a worker recorded them for all machines. */
export interface RecordedRoutes {
  readonly byModel: ReadonlyMap<string, { readonly route: string } & RouteRecord>;
  /** The last change of any route, also if none is left. */
  readonly last: RouteRecord;
}

/**
 * The row of the last change. It is no model, and its route is no route. It tells routes that a user took
 * back from routes that never existed.
 */
const LAST_CHANGE = { model: 'unrouted', route: '(none)' };

/**
 * Routes that all machines know. They belong to no experiment: no command merges or deletes them, and they
 * are no content.
 */
export function routeTable({ build, read, write }: Database) {
  const { model, route, recordedBy, recordedAt } = routes;
  const columns = { model, route, by: recordedBy, at: recordedAt };

  function* found(): Work<RecordedRoutes | null> {
    const rows = yield* all(build.select(columns).from(routes).orderBy(asc(model)));
    const last = rows.find((row) => row.model === LAST_CHANGE.model);
    if (last === undefined) return null;
    const ofModels = rows.filter((row) => row !== last);
    return { byModel: new Map(ofModels.map(({ model: name, ...rest }) => [name, rest])), last };
  }

  /** Null if no worker has recorded any. */
  async function recorded(): Promise<RecordedRoutes | null> {
    return await read(found);
  }

  function* put(values: typeof routes.$inferInsert): Work<void> {
    yield* run(build.insert(routes).values(values).onConflictDoUpdate({ target: model, set: values }));
  }

  function* madeFirst(wanted: ReadonlyMap<string, string>, who: RouteRecord): Work<RecordedRoutes> {
    const last = { ...LAST_CHANGE, recordedBy: who.by, recordedAt: who.at };
    // Make this row before all others: of several workers that begin at once one makes it, and the others
    // wait for the routes of that one.
    const isFirst = (yield* run(build.insert(routes).values(last).onConflictDoNothing())) > 0;
    if (isFirst) yield* exchanged(wanted, who);
    return (yield* found())!;
  }

  function* replaced(wanted: ReadonlyMap<string, string>, who: RouteRecord): Work<RecordedRoutes> {
    const before = yield* found();
    if (before !== null && isEqual(before, wanted)) return before;
    yield* put({ ...LAST_CHANGE, recordedBy: who.by, recordedAt: who.at });
    yield* exchanged(wanted, who);
    return (yield* found())!;
  }

  function* exchanged(wanted: ReadonlyMap<string, string>, { by, at }: RouteRecord): Work<void> {
    const before = (yield* found())?.byModel ?? new Map<string, { readonly route: string }>();
    for (const name of before.keys()) {
      if (!wanted.has(name)) yield* run(build.delete(routes).where(eq(model, name)));
    }
    for (const [name, to] of wanted) {
      if (before.get(name)?.route === to) continue;
      yield* put({ model: name, route: to, recordedBy: by, recordedAt: at });
    }
  }

  /** Records these routes if none were ever recorded. Returns the routes that are recorded then. */
  async function recordFirst(wanted: ReadonlyMap<string, string>, who: RouteRecord): Promise<RecordedRoutes> {
    return (await recorded()) ?? (await write(() => madeFirst(wanted, who)));
  }

  /**
   * Replaces the recorded routes by these: a model that is not among them no longer has a route. An unchanged
   * route keeps its record.
   */
  async function replace(wanted: ReadonlyMap<string, string>, who: RouteRecord): Promise<RecordedRoutes> {
    return await write(() => replaced(wanted, who));
  }

  return { recorded, recordFirst, replace };
}

function isEqual({ byModel }: RecordedRoutes, wanted: ReadonlyMap<string, string>): boolean {
  return byModel.size === wanted.size && [...wanted].every(([name, to]) => byModel.get(name)?.route === to);
}
