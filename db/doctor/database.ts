import type { Snapshot } from '../database.js';
import { expectedObjects, SCHEMA_OBJECTS as SERVER_OBJECTS } from '../postgres/schema-objects.js';
import type { FoundObject } from '../postgres/schema-objects.js';
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
    yield schemaViolation(type, name, table, found === undefined ? 'is missing' : OTHER);
  }
}

const OTHER = 'is not the one of this version';

/** The same of a Postgres database, with its checks and foreign keys. */
export async function* checkServerSchema(snapshot: Snapshot): AsyncGenerator<Violation, void, undefined> {
  const there = new Map<string, FoundObject>();
  for await (const found of snapshot.rows<FoundObject>(SERVER_OBJECTS)) there.set(found.name, found);
  for (const { type, name, table, source } of expectedObjects()) {
    const found = there.get(name);
    if (found === undefined) yield schemaViolation(type, name, table, 'is missing');
    else if (!found.sound) yield schemaViolation(type, name, table, 'does not hold for every row');
    else if (source !== null && normalised(found.source ?? '') !== normalised(source)) {
      yield schemaViolation(type, name, table, OTHER);
    }
  }
}

function schemaViolation(type: string, name: string, table: string, problem: string): Violation {
  const message = `the ${type} ${name} of ${table} ${problem}, so that rows which it refuses can have been written`;
  return { invariant: 6, table, id: name, message, repair: { kind: 'restore the schema', name } };
}

export const SCHEMA_OBJECTS = `
  select name, type, tbl_name as "table", sql from sqlite_master
  where type in ('trigger', 'index') and sql is not null order by name`;

function normalised(sql: string): string {
  return sql.replaceAll(/\s+/g, ' ').trim();
}
