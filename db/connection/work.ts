/**
 * The steps of a read or a write: a generator that yields calls of the database and receives their results.
 * The same steps serve every database. SQLite runs them synchronously: on its one connection nothing can come
 * between two steps, and a whole group of writes fits into one transaction. A database behind a network waits
 * for each call.
 *
 * If the database gives up a transaction, the work runs again from its start. So it must change nothing
 * outside the database.
 */
export type Work<T> = Generator<Call, T, unknown>;

/** One statement. The database that runs it answers at once or later. */
export type Call = () => unknown;

interface All<Values> {
  all(values?: Values): unknown;
}
interface Get<Values> {
  get(values?: Values): unknown;
}
interface Run<Values> {
  run(values?: Values): unknown;
}
type Values = Record<string, unknown>;

/** All rows of a query, prepared or not. */
export function* all<Q extends All<Values>>(query: Q, values?: Values): Work<Awaited<ReturnType<Q['all']>>> {
  return (yield () => query.all(values)) as Awaited<ReturnType<Q['all']>>;
}

/** The first row of a query; undefined if there is none and the query's type allows for that. */
export function* get<Q extends Get<Values>>(query: Q, values?: Values): Work<Awaited<ReturnType<Q['get']>>> {
  return (yield () => query.get(values)) as Awaited<ReturnType<Q['get']>>;
}

/** Runs a statement that returns no rows. Returns the number of rows that it changed. */
export function* run(query: Run<Values>, values?: Values): Work<number> {
  const { changes } = (yield () => query.run(values)) as { readonly changes: number };
  return changes;
}

/**
 * Runs work on a database that answers at once. If a call fails, the generator gets the error, so that it can
 * close what it reads from.
 */
export function runNow<T>(work: Work<T>): T {
  let step = work.next();
  while (!step.done) {
    let answer: unknown;
    try {
      answer = step.value();
    } catch (error) {
      step = work.throw(error);
      continue;
    }
    step = work.next(answer);
  }
  return step.value;
}
