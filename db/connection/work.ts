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
export function all<Q extends All<Values>>(query: Q, values?: Values): Work<Awaited<ReturnType<Q['all']>>>;
// The overload states that `work` receives what its call returned, which the type of a generator does not say.
export function* all(query: All<Values>, values?: Values): Work<unknown> {
  return yield () => query.all(values);
}

/** The first row of a query; undefined if there is none and the query's type allows for that. */
export function get<Q extends Get<Values>>(query: Q, values?: Values): Work<Awaited<ReturnType<Q['get']>>>;
export function* get(query: Get<Values>, values?: Values): Work<unknown> {
  return yield () => query.get(values);
}

/** Runs a statement that returns no rows. Returns the number of rows that it changed. */
export function* run(query: Run<Values>, values?: Values): Work<number> {
  const answer = yield () => query.run(values);
  if (!saysChanges(answer)) throw new Error('the database did not say how many rows a statement changed');
  return answer.changes;
}

function saysChanges(answer: unknown): answer is { readonly changes: number } {
  return (
    typeof answer === 'object' && answer !== null && 'changes' in answer && typeof answer.changes === 'number'
  );
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
