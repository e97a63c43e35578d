import type { Snapshot } from '../database.js';
import type { Violation } from './violation.js';

/** More than anybody reads; without a number SQLite stops at 100. */
const MOST_FINDINGS = 100_000;

/** The file itself: its pages and indices, by SQLite's own means. Column checks are named by row elsewhere. */
export async function* checkFile(snapshot: Snapshot): AsyncGenerator<Violation, void, undefined> {
  const problems = snapshot.rows<{ integrity_check: string }>(`pragma integrity_check(${MOST_FINDINGS})`);
  for await (const { integrity_check: problem } of problems) {
    if (problem === 'ok' || problem.startsWith('CHECK constraint failed')) continue;
    const table = /(?:failed in|value in|index|table) (\w+)/.exec(problem)?.[1] ?? 'database';
    const repair = { kind: 'rebuild the file' } as const;
    yield { invariant: 6, table, id: 'integrity_check', message: problem, repair };
  }
}

export interface SchemaObject {
  readonly name: string;
  readonly type: string;
  readonly table: string;
  readonly sql: string;
}

/** Triggers and indices that the migrations make and the file does not have, or has otherwise. */
export async function* checkSchema(
  snapshot: Snapshot,
  expected: readonly SchemaObject[],
): AsyncGenerator<Violation, void, undefined> {
  const there = new Map<string, string>();
  const rows = snapshot.rows<SchemaObject>(SCHEMA_OBJECTS);
  for await (const { name, sql } of rows) there.set(name, sql);
  for (const { name, type, table, sql } of expected) {
    const found = there.get(name);
    if (found !== undefined && normalised(found) === normalised(sql)) continue;
    const message = `the ${type} ${name} of ${table} ${found === undefined ? 'is missing' : 'is not the one of this version'}, so that rows which it refuses can have been written`;
    const repair = { kind: 'restore the schema', name } as const;
    yield { invariant: 6, table, id: name, message, repair };
  }
}

export const SCHEMA_OBJECTS = `
  select name, type, tbl_name as "table", sql from sqlite_master
  where type in ('trigger', 'index') and sql is not null order by name`;

function normalised(sql: string): string {
  return sql.replaceAll(/\s+/g, ' ').trim();
}
