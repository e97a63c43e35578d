import { getTableName } from 'drizzle-orm';
import { getTableConfig, SQLiteSyncDialect } from 'drizzle-orm/sqlite-core';
import type { SQLiteTable } from 'drizzle-orm/sqlite-core';
import type { Snapshot } from '../connection/database.js';
import { keyColumns, keyText, repairOfRow, TABLES } from './row-keys.js';
import type { Violation } from './violation.js';

const dialect = new SQLiteSyncDialect();

/**
 * Rows that break a column check of their table, by name of the check. SQLite's own integrity check names
 * only the table. And SQLite does not repeat a check for a row that was already accepted, by a connection
 * that ignored checks or by a version without this check.
 */
export async function* checkColumns(snapshot: Snapshot): AsyncGenerator<Violation, void, undefined> {
  for (const table of TABLES) yield* checkColumnsOf(snapshot, table);
}

async function* checkColumnsOf(
  snapshot: Snapshot,
  table: SQLiteTable,
): AsyncGenerator<Violation, void, undefined> {
  const checks = getTableConfig(table).checks.map(({ name, value }) => ({
    name,
    sql: dialect.sqlToQuery(value).sql,
  }));
  if (checks.length === 0) return;
  const name = getTableName(table);
  const key = keyColumns(table);
  const extra = name === 'invocations' ? ['run_id', 'sequence'] : [];
  const columns = [...new Set([...key, ...extra])].map((column) => `"${name}"."${column}"`);
  const results = checks.map(({ sql, name: check }) => `(${sql}) as "holds ${check}"`);
  const broken = snapshot.rows<Record<string, unknown>>(`
    select ${[...columns, ...results].join(', ')} from "${name}"
    where not (${checks.map(({ sql }) => `(${sql})`).join(' and ')})`);
  for await (const row of broken) {
    const id = keyText(table, row);
    const names = checks
      .filter(({ name: check }) => row[`holds ${check}`] !== 1)
      .map(({ name: check }) => check);
    const message = `row ${id} of ${name} breaks ${names.length === 1 ? 'the column check' : 'the column checks'} ${names.join(', ')}`;
    const repair =
      name === 'invocations'
        ? ({
            kind: 'recompute steps',
            run: Number(row['run_id']),
            from: Number(row['sequence']),
            to: Number(row['sequence']),
          } as const)
        : repairOfRow(table, row);
    yield { invariant: 6, table: name, id, message, repair };
  }
}
