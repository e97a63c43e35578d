import { getTableName } from 'drizzle-orm';
import { getTableConfig } from 'drizzle-orm/sqlite-core';
import type { Snapshot } from '../connection/database.js';
import { differencesOf, knownMigrations, SCHEMA_OBJECTS } from '../versions/own-schema.js';
import type { SchemaObject } from '../versions/own-schema.js';
import { expectedObjects, SCHEMA_OBJECTS as SERVER_OBJECTS } from '../postgres/schema-objects.js';
import { FOREIGN_OBJECTS } from '../postgres/foreign-objects.js';
import type { ForeignObject } from '../postgres/foreign-objects.js';
import type { FoundObject } from '../postgres/schema-objects.js';
import { TABLES } from './row-keys.js';
import type { Violation } from './violation.js';

/** More findings than a person reads; without a number SQLite stops at 100. */
const MOST_FINDINGS = 100_000;

/**
 * Checks the file itself: its pages and indices, by SQLite's own means. Another check names the rows that
 * break a column check.
 */
export async function* checkFile(snapshot: Snapshot): AsyncGenerator<Violation, void, undefined> {
  const problems = snapshot.rows<{ integrity_check: string }>(`pragma integrity_check(${MOST_FINDINGS})`);
  for await (const { integrity_check: problem } of problems) {
    if (problem === 'ok' || problem.startsWith('CHECK constraint failed')) continue;
    const table = /(?:failed in|value in|index|table) (\w+)/.exec(problem)?.[1] ?? 'database';
    const repair = { kind: 'rebuild the file' } as const;
    yield { invariant: 6, table, id: 'integrity_check', message: problem, repair };
  }
}

/**
 * Finds triggers and indices that the migrations make and the file does not have, and everything in the file
 * that is not ours. Returns whether the other checks can read the file: a foreign rule may run for ever when
 * SQLite checks pages.
 */
export async function* checkSchema(snapshot: Snapshot): AsyncGenerator<Violation, boolean, undefined> {
  const objects: SchemaObject[] = [];
  for await (const object of snapshot.rows<SchemaObject>(SCHEMA_OBJECTS)) objects.push(object);
  const { foreign, missing } = differencesOf(objects, knownMigrations());
  for (const { name, type, table } of missing) yield schemaViolation(type, name, table, 'is missing');
  const repair = { kind: 'rebuild the file' } as const;
  for (const { name, type, table } of foreign) {
    const message = `the ${type} ${name} of ${table} is not of panic-tda, and SQLite runs it when rows are written or checked; nothing else was looked at`;
    yield { invariant: 6, table, id: name, message, repair };
  }
  return foreign.length === 0;
}

/**
 * Finds foreign texts and blobs that would fill the memory, by SQLite's record headers alone. Returns whether
 * all values can be read.
 */
export async function* checkLengths(snapshot: Snapshot): AsyncGenerator<Violation, boolean, undefined> {
  let fit = true;
  for (const table of TABLES) {
    const name = getTableName(table);
    for (const { name: column, dataType } of getTableConfig(table).columns) {
      if (dataType !== 'string' && dataType !== 'buffer' && dataType !== 'json') continue;
      const rows = snapshot.rows<{ id: number; bytes: number }>(
        `select rowid as id, octet_length("${column}") as bytes from "${name}" where octet_length("${column}") > ? limit 10`,
        MOST_VALUE_BYTES,
      );
      for await (const { id, bytes } of rows) {
        fit = false;
        const message = `its ${column} has ${bytes} bytes, and nothing that is stored has more than ${MOST_VALUE_BYTES}; nothing else was looked at`;
        yield { invariant: 6, table: name, id, message, repair: null };
      }
    }
  }
  return fit;
}

/** Enough for eight million bars, and for several times the drawn seeds of the largest config. */
const MOST_VALUE_BYTES = 64 * 2 ** 20;

/**
 * Checks the row in which the database states what it is: one row, which every version reads before anything
 * else. Copies, backups and other versions rely on it.
 */
export async function* checkDatabaseRow(snapshot: Snapshot): AsyncGenerator<Violation, void, undefined> {
  const ids: number[] = [];
  for await (const { id } of snapshot.rows<{ id: number }>('select id from databases order by id'))
    ids.push(id);
  const found = (id: number, message: string): Violation => ({
    invariant: 6,
    table: 'databases',
    id,
    message,
    // If two rows have the same key, nothing shows which one has the id of the database.
    repair: ids.filter((other) => other === 1).length > 1 ? null : { kind: 'restore the database row' },
  });
  if (!ids.includes(1)) {
    yield found(
      1,
      'row 1 of databases is missing: the database has no id, and does not say which versions may read it and write to it',
    );
  }
  const others = ids.filter((id, index) => id !== 1 || ids.indexOf(id) !== index);
  for (const id of others) yield found(id, `row ${id} of databases is one too many: a database has one id`);
}

const OTHER = 'is not the one of this version';

/** Checks the schema of a Postgres database, with its checks and foreign keys. */
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
  yield* checkServerForForeign(snapshot);
}

/** Only its owner may delete an object that is not ours: the doctor cannot know which program needs it. */
async function* checkServerForForeign(snapshot: Snapshot): AsyncGenerator<Violation, void, undefined> {
  const tables = TABLES.map(getTableName).join(',');
  const triggers = expectedObjects().filter(({ type }) => type === 'trigger');
  const names = triggers.map(({ name }) => name).join(',');
  for await (const { type, name, table } of snapshot.rows<ForeignObject>(FOREIGN_OBJECTS, tables, names)) {
    const message = `the ${type} ${name} of ${table} is not of panic-tda, and the server runs it with its statements; its owner can drop it`;
    yield { invariant: 6, table, id: name, message, repair: null };
  }
}

function schemaViolation(type: string, name: string, table: string, problem: string): Violation {
  const message = `the ${type} ${name} of ${table} ${problem}, so that rows which it refuses can have been written`;
  return { invariant: 6, table, id: name, message, repair: { kind: 'restore the schema', name } };
}

function normalised(sql: string): string {
  return sql.replaceAll(/\s+/g, ' ').trim();
}
