import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import type { Database, SqlValue } from '../connection/database.js';
import type { Work } from '../connection/work.js';

/** A query for few rows, and the type of a row. Each `?` stands for the next value. */
export interface Query<R> {
  readonly text: string;
  readonly values: readonly SqlValue[];
  /** Only the type uses it. */
  readonly row?: R;
}

/** Runs queries within a read of a database, without a snapshot. */
export function queryRunner({ rows }: Pick<Database, 'rows'>) {
  function found<R>(query: Query<R>): Work<R[]> {
    return rows<R>(sqlOf(query));
  }

  /** The row of a query that always has one. */
  function* only<R>(query: Query<R>): Work<R> {
    return (yield* found(query))[0]!;
  }

  return { found, only };
}

/** The same query with numbered values, as Drizzle takes it. */
function sqlOf({ text, values }: Query<unknown>): SQL {
  const parts = text.split('?').map((part) => sql.raw(part));
  return sql.join(parts.flatMap((part, k) => (k < values.length ? [part, sql`${values[k]}`] : [part])));
}
