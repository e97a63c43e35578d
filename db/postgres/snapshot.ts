import type { ClientBase } from 'pg';
import type { Snapshot, SqlValue } from '../database.js';

const FETCHED_AT_ONCE = 500;

/**
 * A database as it is now, in a transaction that reads only. Each query is a cursor of the server, so that several can be
 * open side by side and none is held in memory.
 */
export async function openSnapshot(client: ClientBase, close: () => Promise<void>): Promise<Snapshot> {
  // A transaction sees the database as it is at its first query, not at its beginning.
  await client.query('begin isolation level repeatable read read only; select');
  let cursors = 0;
  return {
    async *rows<T>(query: string, ...values: readonly SqlValue[]) {
      const cursor = `c${cursors++}`;
      await client.query(`declare ${cursor} no scroll cursor for ${numbered(query)}`, [...values]);
      try {
        for (;;) {
          const { rows } = await client.query(`fetch ${FETCHED_AT_ONCE} from ${cursor}`);
          yield* rows as T[];
          if (rows.length < FETCHED_AT_ONCE) return;
        }
      } finally {
        // Nothing to close where the transaction has failed.
        await client.query(`close ${cursor}`).catch(() => undefined);
      }
    },
    close,
  };
}

/** `?` as Postgres numbers it; those within quotes are left alone. */
export function numbered(query: string): string {
  let count = 0;
  return query.replaceAll(/'[^']*'|"[^"]*"|\?/g, (part) => (part === '?' ? `$${++count}` : part));
}
