import { escapeLiteral } from 'pg';
import type { ClientBase, QueryResult } from 'pg';
import type { Snapshot, SqlValue } from '../connection/database.js';

const FETCHED_AT_ONCE = 500;

/**
 * A database as it is now, in a read-only transaction. Each query is a cursor of the server, so that several
 * can be open side by side and the process holds none in memory. A reader makes several queries for each run,
 * and most return a few rows: each of those takes one round trip.
 */
export async function openSnapshot(client: ClientBase, close: () => Promise<void>): Promise<Snapshot> {
  // A transaction sees the database as it is at its first query, not at its beginning.
  await client.query('begin isolation level repeatable read read only; select');
  let cursors = 0;
  /** Statements that close finished cursors; the next query sends them along. */
  let closing = '';
  async function ask<T>(statements: string): Promise<readonly T[]> {
    const text = closing + statements;
    closing = '';
    const results: QueryResult | QueryResult[] = await client.query(text);
    const { rows }: { readonly rows: readonly T[] } = Array.isArray(results) ? results.at(-1)! : results;
    return rows;
  }
  return {
    async *rows<T>(query: string, ...values: readonly SqlValue[]) {
      const cursor = `c${cursors++}`;
      const fetch = `fetch ${FETCHED_AT_ONCE} from ${cursor}`;
      let rows = await ask<T>(
        `declare ${cursor} no scroll cursor for ${withValues(query, values)}; ${fetch}`,
      );
      try {
        for (;;) {
          yield* rows;
          if (rows.length < FETCHED_AT_ONCE) return;
          rows = await ask<T>(fetch);
        }
      } finally {
        closing += `close ${cursor}; `;
      }
    },
    close,
  };
}

/**
 * Replaces each `?` by its value, as a literal whose type Postgres infers as for a parameter. Text within
 * quotes stays as it is.
 */
function withValues(query: string, values: readonly SqlValue[]): string {
  let count = 0;
  return query.replaceAll(/'[^']*'|"[^"]*"|\?/g, (part) => {
    if (part !== '?') return part;
    const value = values[count++];
    if (value === undefined) throw new Error(`value ${count} of a query is missing: ${query}`);
    return value === null ? 'null' : escapeLiteral(String(value));
  });
}
