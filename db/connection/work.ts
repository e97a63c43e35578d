/**
 * What a read or a write does, step by step: it yields calls of the database and is given what they return. Written
 * once for every database. SQLite runs it synchronously, so that on its one connection nothing can come between two
 * steps, and a whole group of writes fits into one transaction; a database behind a network waits for each call.
 *
 * Such a body may be run again from its start where the database gives up a transaction; it must change nothing else.
 */
export type Work<T> = Generator<Call, T, unknown>;

/** One statement, run by a database that answers at once or later. */
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

/** The first row of a query; undefined where there is none and the query's type allows for that. */
export function* get<Q extends Get<Values>>(query: Q, values?: Values): Work<Awaited<ReturnType<Q['get']>>> {
  return (yield () => query.get(values)) as Awaited<ReturnType<Q['get']>>;
}

/** Runs a statement that returns no rows; tells how many it changed. */
export function* run(query: Run<Values>, values?: Values): Work<number> {
  const { changes } = (yield () => query.run(values)) as { readonly changes: number };
  return changes;
}

/** Runs work on a database that answers at once. Where a call fails the body is told, so that it leaves nothing open that it reads from. */
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
