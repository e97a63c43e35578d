import { getTableName } from 'drizzle-orm';
import { getTableConfig } from 'drizzle-orm/sqlite-core';
import type { SQLiteTable } from 'drizzle-orm/sqlite-core';
import type { Snapshot } from '../connection/database.js';
import { keyColumns, keyText, repairOfRow, TABLES } from './row-keys.js';
import type { Repair } from './repair.js';
import type { Violation } from './violation.js';

/** Rows that point at a missing row. It looks up the foreign keys of every table. */
export async function* checkReferences(snapshot: Snapshot): AsyncGenerator<Violation, void, undefined> {
  for (const table of TABLES) {
    for (const { reference } of getTableConfig(table).foreignKeys) {
      const { columns, foreignColumns, foreignTable } = reference();
      const [column, foreignColumn] = [columns[0]!.name, foreignColumns[0]!.name];
      yield* checkReference(snapshot, table, column, getTableName(foreignTable), foreignColumn);
    }
  }
}

async function* checkReference(
  snapshot: Snapshot,
  table: SQLiteTable,
  column: string,
  parent: string,
  parentKey: string,
): AsyncGenerator<Violation, void, undefined> {
  const name = getTableName(table);
  const extra = name === 'invocations' ? ['run_id', 'sequence'] : [];
  const wanted = [...new Set([...keyColumns(table), ...extra])].map((key) => `child.${key}`).join(', ');
  const dangling = snapshot.rows<Record<string, unknown>>(`
    select ${wanted}, child.${column} as "reference" from ${name} child left join ${parent} on ${parent}.${parentKey} = child.${column}
    where child.${column} is not null and ${parent}.${parentKey} is null`);
  for await (const row of dangling) {
    const id = keyText(table, row);
    const message = `row ${id} of ${name} points at row ${String(row['reference'])} of ${parent}, which is missing`;
    const repair = name === 'invocations' ? repairOfStep(row, parent) : repairOfReference(table, row, parent);
    yield { invariant: 6, table: name, id, message, repair };
  }
}

function repairOfStep(row: Readonly<Record<string, unknown>>, parent: string): Repair {
  if (parent === 'runs') return { kind: 'delete step', invocation: Number(row['id']) };
  const sequence = Number(row['sequence']);
  return { kind: 'recompute steps', run: Number(row['run_id']), from: sequence, to: sequence };
}

function repairOfReference(
  table: SQLiteTable,
  row: Readonly<Record<string, unknown>>,
  parent: string,
): Repair | null {
  // A run without its experiment belongs to no plan.
  if (parent === 'experiments') return { kind: 'delete run', run: Number(row['id']) };
  return repairOfRow(table, row);
}
