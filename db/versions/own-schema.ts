import Database from 'better-sqlite3';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { compiledPath } from '../../common/compiled-file.js';
import { PanicError } from '../../common/errors.js';

export const MIGRATIONS = compiledPath('db/migrations');

/** A table, an index, a trigger or a view of an SQLite file. */
export interface SchemaObject {
  readonly type: string;
  readonly name: string;
  readonly table: string;
  /** Null for an index that SQLite makes by itself. */
  readonly sql: string | null;
}

/**
 * In which an SQLite file differs from what our migrations make. A stranger's file can hold a view in a table's place that never ends, a
 * trigger that acts on the next write, a check or an index that computes for hours: whatever is named here is not touched.
 */
export interface SchemaDifferences {
  /** Is not ours, or is ours by its name alone. */
  readonly foreign: readonly SchemaObject[];
  readonly missing: readonly SchemaObject[];
}

/** How many migrations this version knows. */
export function knownMigrations(): number {
  return readMigrationFiles({ migrationsFolder: MIGRATIONS }).length;
}

/** Where drizzle-orm counts migrations, as it makes it (sqlite-core/dialect.js). */
const JOURNAL = '__drizzle_migrations';
const JOURNAL_SQL = `CREATE TABLE "${JOURNAL}" (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric)`;

/** More than any of ours has. */
const MOST_OBJECTS = 10_000;
const MOST_SQL_CHARACTERS = 100_000;

export const SCHEMA_OBJECTS = `
  select type, name, tbl_name as "table", substr(sql, 1, ${MOST_SQL_CHARACTERS}) as sql from sqlite_schema limit ${MOST_OBJECTS}`;

/** Everything in a file's schema. Reads that alone, and runs nothing of it. */
export function objectsOf(sqlite: Database.Database): SchemaObject[] {
  return sqlite.prepare<[], SchemaObject>(SCHEMA_OBJECTS).all();
}

/** Tables that "ANALYZE" and "PRAGMA optimize" make, in the words of SQLite's analyze.c. */
function isNoStatistics({ name, sql }: SchemaObject): boolean {
  return !/^sqlite_stat[14]$/.test(name) || !/^CREATE TABLE sqlite_stat[14]\([a-z,]+\)$/.test(sql ?? '');
}

/** How many of our migrations a file's own journal tells of; 0 where it has none. Throws InvalidInput where that is not our journal. */
export function appliedMigrations(sqlite: Database.Database, file: string): number {
  const found = objectsOf(sqlite).find(({ name }) => name === JOURNAL);
  if (found === undefined) return 0;
  const ours = schemaAfter(0).find(({ name }) => name === JOURNAL)!;
  if (!isSame(found, ours)) throw foreignSchema(file, [found]);
  return Number(sqlite.prepare(`select count(*) from ${JOURNAL}`).pluck().get());
}

/** Compared with what the first `applied` migrations make. */
export function schemaDifferences(sqlite: Database.Database, applied: number): SchemaDifferences {
  return differencesOf(objectsOf(sqlite), applied);
}

/** The same of what `SCHEMA_OBJECTS` has found; what ANALYZE keeps is passed over. */
export function differencesOf(all: readonly SchemaObject[], applied: number): SchemaDifferences {
  const found = all.filter(isNoStatistics);
  // A new file has nothing, not even a journal.
  const expected = found.length === 0 ? [] : schemaAfter(applied);
  const [there, ours] = [byName(found), byName(expected)];
  return {
    foreign: found.filter((object) => {
      const own = ours.get(object.name);
      return own === undefined || !isSame(object, own);
    }),
    missing: expected.filter(({ name }) => !there.has(name)),
  };
}

/** Whether a difference can be mended while the tables stay as they are: those of ours are there, and as they should be. */
export function hasOwnTables({ foreign, missing }: SchemaDifferences, applied: number): boolean {
  const tables = new Set(
    schemaAfter(applied)
      .filter(({ type }) => type === 'table')
      .map(({ name }) => name),
  );
  return [...foreign, ...missing].every(({ name }) => !tables.has(name));
}

/** The first of these objects, for people. */
export function objectsText(foreign: readonly SchemaObject[]): string {
  const named = foreign.slice(0, 3).map(({ type, name, table }) => {
    return type === 'table' || type === 'view' ? `the ${type} ${name}` : `the ${type} ${name} of ${table}`;
  });
  const more = foreign.length > 3 ? `, and ${foreign.length - 3} more` : '';
  return `${named.join(', ')}${more}`;
}

export function foreignSchema(file: string, foreign: readonly SchemaObject[]): PanicError {
  return new PanicError(
    'InvalidInput',
    `${file} has what no version of panic-tda put there: ${objectsText(foreign)}. SQLite would run it whenever rows are read or written, so the ` +
      'file is not used; if you trust who made it, "panic-tda doctor" says what takes it out',
  );
}

function byName(objects: readonly SchemaObject[]): Map<string, SchemaObject> {
  return new Map(objects.map((object) => [object.name, object]));
}

export function isSameObject(one: SchemaObject | undefined, other: SchemaObject): boolean {
  return one !== undefined && isSame(one, other);
}

function isSame(one: SchemaObject, other: SchemaObject): boolean {
  return one.type === other.type && one.table === other.table && isSameSql(one.sql, other.sql);
}

/** Whether two statements are the same but for white space between words. */
function isSameSql(one: string | null, other: string | null): boolean {
  if (one === null || other === null) return one === other;
  return one === other || wordsOf(one).join(' ') === wordsOf(other).join(' ');
}

export function wordsOf(sql: string): readonly string[] {
  return sql.match(/'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|\w+|[^\s\w]/g) ?? [];
}

const made = new Map<number, readonly SchemaObject[]>();

/** What the first `applied` migrations make. */
export function schemaAfter(applied: number): readonly SchemaObject[] {
  const known = made.get(applied);
  if (known !== undefined) return known;
  const sqlite = new Database(':memory:');
  try {
    makeSchema(sqlite, applied);
    const objects = sqlite.prepare<[], SchemaObject>(SCHEMA_OBJECTS).all();
    made.set(applied, objects);
    return objects;
  } finally {
    sqlite.close();
  }
}

/** Makes what the first `applied` migrations make in an empty file; the rows of its journal are for the caller to copy. */
export function makeSchema(sqlite: Database.Database, applied: number): void {
  sqlite.exec(JOURNAL_SQL);
  for (const { sql } of readMigrationFiles({ migrationsFolder: MIGRATIONS }).slice(0, applied)) {
    for (const statement of sql) sqlite.exec(statement);
  }
}
