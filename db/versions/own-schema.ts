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
 * The differences between an SQLite file's schema and the one that our migrations make. A file from another
 * person can hold a view in a table's place that never ends, a trigger that acts on the next write, or a
 * check or an index that computes for hours. The program uses nothing that is listed here.
 */
export interface SchemaDifferences {
  /** Objects that are not ours, or that have only the name of ours. */
  readonly foreign: readonly SchemaObject[];
  readonly missing: readonly SchemaObject[];
}

/** The number of migrations that this version knows. */
export function knownMigrations(): number {
  return readMigrationFiles({ migrationsFolder: MIGRATIONS }).length;
}

/**
 * The table in which drizzle-orm counts migrations, in the form that drizzle-orm makes
 * (sqlite-core/dialect.js).
 */
const JOURNAL = '__drizzle_migrations';
const JOURNAL_SQL = `CREATE TABLE "${JOURNAL}" (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric)`;

/** More objects than any of our schemas has. */
const MOST_OBJECTS = 10_000;
const MOST_SQL_CHARACTERS = 100_000;

export const SCHEMA_OBJECTS = `
  select type, name, tbl_name as "table", substr(sql, 1, ${MOST_SQL_CHARACTERS}) as sql from sqlite_schema limit ${MOST_OBJECTS}`;

/** Everything in a file's schema. This function reads the schema only, and runs nothing of it. */
export function objectsOf(sqlite: Database.Database): SchemaObject[] {
  return sqlite.prepare<[], SchemaObject>(SCHEMA_OBJECTS).all();
}

/**
 * Whether an object is none of the tables that "ANALYZE" and "PRAGMA optimize" make, in the words of SQLite's
 * analyze.c.
 */
function isNoStatistics({ name, sql }: SchemaObject): boolean {
  return !/^sqlite_stat[14]$/.test(name) || !/^CREATE TABLE sqlite_stat[14]\([a-z,]+\)$/.test(sql ?? '');
}

/**
 * The number of our migrations in a file's own journal; 0 if it has no journal. Throws InvalidInput if the
 * journal is not ours.
 */
export function appliedMigrations(sqlite: Database.Database, file: string): number {
  const found = objectsOf(sqlite).find(({ name }) => name === JOURNAL);
  if (found === undefined) return 0;
  const ours = schemaAfter(0).find(({ name }) => name === JOURNAL)!;
  if (!isSame(found, ours)) throw foreignSchema(file, [found]);
  return Number(sqlite.prepare(`select count(*) from ${JOURNAL}`).pluck().get());
}

/** Compares a file's schema with the one that the first `applied` migrations make. */
export function schemaDifferences(sqlite: Database.Database, applied: number): SchemaDifferences {
  return differencesOf(objectsOf(sqlite), applied);
}

/** Compares the result of `SCHEMA_OBJECTS` with our schema; ignores the tables of ANALYZE. */
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

/** Whether a repair can leave the tables as they are: all of ours exist and are as they should be. */
export function hasOwnTables({ foreign, missing }: SchemaDifferences, applied: number): boolean {
  const tables = new Set(
    schemaAfter(applied)
      .filter(({ type }) => type === 'table')
      .map(({ name }) => name),
  );
  return [...foreign, ...missing].every(({ name }) => !tables.has(name));
}

/** The first few of these objects, for people. */
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

/** Whether two statements differ at most in the white space between words. */
function isSameSql(one: string | null, other: string | null): boolean {
  if (one === null || other === null) return one === other;
  return one === other || wordsOf(one).join(' ') === wordsOf(other).join(' ');
}

export function wordsOf(sql: string): readonly string[] {
  return sql.match(/'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|\w+|[^\s\w]/g) ?? [];
}

const made = new Map<number, readonly SchemaObject[]>();

/** The schema objects that the first `applied` migrations make. */
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

/**
 * Makes the schema of the first `applied` migrations in an empty file. The caller copies the rows of the
 * journal.
 */
export function makeSchema(sqlite: Database.Database, applied: number): void {
  sqlite.exec(JOURNAL_SQL);
  for (const { sql } of readMigrationFiles({ migrationsFolder: MIGRATIONS }).slice(0, applied)) {
    for (const statement of sql) sqlite.exec(statement);
  }
}
