import Database from 'better-sqlite3';
import type { SQL } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { migrate } from 'drizzle-orm/better-sqlite3/migrator';
import { accessSync, constants } from 'node:fs';
import { dirname } from 'node:path';
import { errorCode } from '../../common/error-code.js';
import { errorMessage, PanicError } from '../../common/errors.js';
import { accessFailure, isThere } from '../../common/presence.js';
import { heldFailure, openingFailure, refuseNoFile } from '../../common/sqlite-file.js';
import { NewerTables, NewerTablesRefused, OlderTables, refuseNewer } from '../versions/compatibility.js';
import type { StatedVersions, TablesVersion } from '../versions/compatibility.js';
import type { Database as AnyDatabase, Snapshot, SqlValue } from './database.js';
import { newerSchema } from '../versions/newer-schema.js';
import {
  appliedMigrations,
  foreignSchema,
  hasOwnTables,
  knownMigrations,
  MIGRATIONS,
  objectsText,
  schemaAfter,
  schemaDifferences,
} from '../versions/own-schema.js';
import { GUARDED, readableFile } from './readable-file.js';
import type { ReadableFile } from './readable-file.js';
import { ownSqliteInstance, sqliteInstance } from '../versions/instance.js';
import * as schema from '../schema.js';
import { all, runNow } from './work.js';
import { createWriter } from './writer.js';

/** An SQLite file. Reads and writes run on one connection, each as a whole; writes use group commit. */
export interface Connection extends AnyDatabase {
  readonly dialect: 'sqlite';
  readonly sqlite: Database.Database;
  readonly file: ReadableFile;
}

export { MIGRATIONS } from '../versions/own-schema.js';
const BUSY_TIMEOUT_MS = 30_000;

/**
 * The treatment of a file with rules that are not ours (`SchemaDifferences`). `refused`: this program does
 * not open it. `told`: it opens the file if the file's tables are ours. A caller that chooses `told` reports
 * the rules, or copies the rows to another file, and writes nothing.
 */
export type ForeignRules = 'refused' | 'told';

interface Connected {
  readonly sqlite: Database.Database;
  /** A file without tables counts as one without any migration. */
  readonly tables: TablesVersion;
}

/** The purpose of a connection: a file of a newer version may permit reading alone. */
type Use = 'reading' | 'writing';

/**
 * @throws PanicError InvalidInput if `file` is no file or no SQLite file, or if its schema is not ours. At
 * that point SQLite has run nothing of the schema and written nothing.
 */
function connect(file: string, use: Use, rules: ForeignRules, location = file): Connected {
  refuseNoFile(file);
  const readonly = use === 'reading';
  const sqlite = new Database(location, { timeout: BUSY_TIMEOUT_MS, readonly });
  try {
    harden(sqlite);
    if (readonly) sqlite.pragma('query_only = ON');
    // Reads the first page: it shows here whether the file is of another kind.
    sqlite.pragma('schema_version');
    const tables = examinedSchema(sqlite, file, rules, use);
    if (!readonly) {
      sqlite.pragma('journal_mode = WAL');
      // With WAL, FULL fsyncs the log at every commit: a committed step survives a loss of power, and not
      // only a crash.
      sqlite.pragma('synchronous = FULL');
    }
    sqlite.pragma('foreign_keys = ON');
    return { sqlite, tables };
  } catch (error) {
    sqlite.close();
    throw openingFailure(error, file);
  }
}

/**
 * Protects against crafted files (https://sqlite.org/security.html). The library itself has switched on
 * SQLITE_DBCONFIG_DEFENSIVE.
 */
export function harden(sqlite: Database.Database): void {
  sqlite.pragma('trusted_schema = OFF');
  sqlite.pragma('cell_size_check = ON');
  sqlite.pragma('mmap_size = 0');
}

/**
 * The version of the schema. Throws InvalidInput if the schema is not ours. Also throws it for a newer schema
 * that does not permit this use, or that has parts which this version cannot judge. All reads see the file at
 * one moment: another process may be making its tables.
 */
function examinedSchema(
  sqlite: Database.Database,
  file: string,
  rules: ForeignRules,
  use: Use,
): TablesVersion {
  return sqlite.transaction(() => examined(sqlite, file, rules, use))();
}

function examined(sqlite: Database.Database, file: string, rules: ForeignRules, use: Use): TablesVersion {
  const known = knownMigrations();
  const applied = appliedMigrations(sqlite, file);
  if (applied > 0) refuseOtherTables(sqlite, file);
  const encoding = String(sqlite.pragma('encoding', { simple: true }));
  if (encoding !== 'UTF-8') {
    throw new PanicError(
      'InvalidInput',
      `${file} keeps its texts in ${encoding}, which no version of panic-tda did`,
    );
  }
  if (applied > known) return examinedNewer(sqlite, file, applied, use);
  const differences = schemaDifferences(sqlite, applied);
  if (differences.foreign.length > 0 && !(rules === 'told' && hasOwnTables(differences, applied))) {
    throw foreignSchema(file, differences.foreign);
  }
  return tablesVersion(sqlite, applied);
}

/** This function reads no table before it knows that reading runs nothing of the file's own. */
function examinedNewer(sqlite: Database.Database, file: string, applied: number, use: Use): TablesVersion {
  const { unreadable, unwritable } = newerSchema(sqlite);
  if (unreadable.length > 0) throw foreignSchema(file, unreadable);
  const tables = tablesVersion(sqlite, applied);
  refuseNewer(file, tables, use);
  if (use === 'writing' && unwritable.length > 0) {
    throw new NewerTablesRefused(
      `${file} is of a newer panic-tda (${applied} migrations, this one knows ${knownMigrations()}) and has what SQLite would run when this version ` +
        `writes: ${objectsText(unwritable)}. This version looks at it, and does not write to it; update panic-tda`,
    );
  }
  return tables;
}

/** A file that a user damaged by hand may not have the row. */
function tablesVersion(sqlite: Database.Database, applied: number): TablesVersion {
  const known = knownMigrations();
  const tables = new Set(schemaAfter(Math.min(applied, known)).map(({ name }) => name));
  if (!tables.has('databases')) return { applied, known, stated: null };
  return { applied, known, stated: sqlite.prepare<[], StatedVersions>(STATED).get() ?? null };
}

const STATED = `
  select readable_from as "readableFrom", writable_from as "writableFrom", version from databases where id = 1`;

export function isSqlite(db: AnyDatabase): db is Connection {
  return db.dialect === 'sqlite';
}

function databaseOver({ sqlite, tables }: Connected, name: string, file: ReadableFile): Connection {
  const build = drizzle(sqlite, { schema });
  const now = (): TablesVersion => tablesVersion(sqlite, appliedMigrations(sqlite, name));
  const writer = createWriter(sqlite, writableTables(sqlite, name, now));

  async function written<T>(work: () => T): Promise<T> {
    try {
      return await writer.write(work);
    } catch (error) {
      throw heldFailure(error, name, 'StoreUnavailable') ?? error;
    }
  }

  const connection: Connection = {
    dialect: 'sqlite',
    name,
    sqlite,
    file,
    build,
    read: async (work) => whileUnchanged(file, name, () => runNow(work())),
    write: async (work) => await written(() => runNow(work())),
    *rows<T>(query: SQL) {
      return yield* all({ all: () => build.all<T>(query) });
    },
    snapshot: async () => snapshotOf(openSnapshot(connection), file, name),
    schemaVersion: tables.applied,
    tables,
    tablesNow: async () => ({ tables: now(), leaveFor: null }),
    async instance(draw) {
      const known = sqliteInstance(dirname(name));
      // If several first processes start together, only one draws the id: the transaction lets one write at a
      // time.
      return known !== null || !draw ? known : await written(() => ownSqliteInstance(dirname(name)));
    },
    // The size includes pages that only the write-ahead log has yet.
    size: async () => pragmaNumber(sqlite, 'page_count') * pragmaNumber(sqlite, 'page_size'),
    connections: () => null,
    async close() {
      writer.close();
      sqlite.close();
    },
  };
  return connection;
}

/**
 * Throws NewerTables if another process has migrated the tables so that this version may not write to them.
 * Each transaction asks this, so no migration can come between the question and the write.
 */
function writableTables(sqlite: Database.Database, name: string, now: () => TablesVersion): () => void {
  const known = knownMigrations();
  let statement: Database.Statement<[], number> | null = null;
  return () => {
    statement ??= sqlite.prepare<[], number>('select writable_from from databases').pluck();
    const writableFrom = statement.get();
    if (writableFrom !== undefined && writableFrom > known) throw new NewerTables(name, now());
  };
}

function pragmaNumber(sqlite: Database.Database, name: 'page_count' | 'page_size'): number {
  return Number(sqlite.pragma(name, { simple: true }));
}

/**
 * Returns what `read` gives, unless the file changed meanwhile: then neither the rows nor an error of SQLite
 * means anything.
 */
function whileUnchanged<T>(file: ReadableFile, name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw tooLarge(error, name);
  } finally {
    file.refuseIfChanged();
  }
}

/**
 * Turns SQLite's refusal of a text or blob that no string or buffer can hold into an error that names the
 * file. Returns other errors unchanged.
 */
function tooLarge(error: unknown, name: string): unknown {
  if (errorCode(error) !== 'SQLITE_TOOBIG') return error;
  return new PanicError(
    'StoreConflict',
    `${name} holds a text or blob that is larger than any of panic-tda; "panic-tda doctor" names its row`,
    { cause: error },
  );
}

/**
 * Reads row by row what a connection of `openSnapshot` sees, and closes the connection. `name` is the file's
 * name for people.
 */
export function snapshotOf(sqlite: Database.Database, file: ReadableFile, name: string): Snapshot {
  const statements = new Map<string, Database.Statement<SqlValue[]>>();
  return {
    async *rows<T>(query: string, ...values: readonly SqlValue[]) {
      const known = statements.get(query);
      const statement = known === undefined || known.busy ? sqlite.prepare<SqlValue[]>(query) : known;
      statements.set(query, statement);
      try {
        yield* iterated<T>(statement, values);
      } catch (error) {
        throw tooLarge(error, name);
      } finally {
        file.refuseIfChanged();
      }
    },
    async close() {
      sqlite.close();
    },
  };
}

// The overload states the type of a row, which only the caller of `rows` knows.
function iterated<T>(statement: Database.Statement<SqlValue[]>, values: readonly SqlValue[]): Iterable<T>;
function iterated(statement: Database.Statement<SqlValue[]>, values: readonly SqlValue[]): Iterable<unknown> {
  return statement.iterate(...values);
}

/**
 * Opens the SQLite file, creates it if it is missing, and brings its tables up to date. Throws InvalidInput
 * for a file of a newer panic-tda to which this version may not write, and if this user may not write to it.
 */
export function openDatabase(file: string, rules: ForeignRules = 'refused'): Connection {
  requireWritable(file);
  const { sqlite } = connect(file, 'writing', rules);
  try {
    bringUpToDate(sqlite, file);
    const tables = examinedSchema(sqlite, file, rules, 'writing');
    return databaseOver({ sqlite, tables }, file, { location: file, ...GUARDED });
  } catch (error) {
    sqlite.close();
    throw error;
  }
}

/**
 * SQLite needs to write to the folder too, for the files beside the database.
 * @throws PanicError InvalidInput that names the place to which this user may not write.
 */
export function requireWritable(file: string): void {
  const folder = dirname(file);
  for (const path of isThere(file) ? [folder, file] : [folder]) {
    try {
      accessSync(path, constants.W_OK | (path === folder ? constants.X_OK : 0));
    } catch (error) {
      throw accessFailure(error, path, 'written to');
    }
  }
}

/**
 * Opens an existing file for reading only; null if there is no file yet. Its tables are of this version, or
 * of a newer one that permits this version to read. This user needs no right to write to the file or its
 * folder. Throws InvalidInput that says what is missing.
 */
export function openDatabaseReadonly(file: string, rules: ForeignRules = 'refused'): Connection | null {
  const readable = readableFile(file);
  if (readable === null) return null;
  const connected = connect(file, 'reading', rules, readable.location);
  const {
    sqlite,
    tables: { applied, known },
  } = connected;
  try {
    if (applied >= known) return databaseOver(connected, file, readable);
    if (applied > 0) throw new OlderTables(olderText(sqlite, file, applied));
  } catch (error) {
    sqlite.close();
    throw error;
  }
  sqlite.close();
  return null;
}

/**
 * Opens a second connection to the same file, which writes nothing and sees the file as it is now, whatever
 * other connections write meanwhile. It serves to read much of the file row by row. Close it soon: the
 * write-ahead log cannot shrink while it is open.
 */
export function openSnapshot({ file }: Pick<Connection, 'file'>): Database.Database {
  // The connection is not read-only: SQLite then does not even parse column checks, and integrity_check skips
  // them.
  const snapshot = new Database(file.location, { timeout: BUSY_TIMEOUT_MS, fileMustExist: true });
  harden(snapshot);
  snapshot.pragma('query_only = ON');
  snapshot.exec('BEGIN');
  // A transaction sees the database as it is at its first read, not at its beginning.
  snapshot.prepare('select count(*) from sqlite_master').get();
  return snapshot;
}

function bringUpToDate(sqlite: Database.Database, file: string): void {
  const known = knownMigrations();
  if (appliedMigrations(sqlite, file) >= known) return;
  // Two processes that start together must not both create the tables: a lock file of its own lets in one at
  // a time.
  const lockFile = `${file}.migrate-lock`;
  refuseNoFile(lockFile);
  const lock = new Database(lockFile, { timeout: BUSY_TIMEOUT_MS });
  try {
    lockWhole(lock, lockFile);
    // Another process may have been first. The changes of a migration fire triggers, so all triggers must be
    // ours.
    const { applied } = examinedSchema(sqlite, file, 'refused', 'writing');
    if (applied < known) migrateWhole(sqlite, file, applied);
  } finally {
    lock.close();
  }
}

function lockWhole(lock: Database.Database, file: string): void {
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    throw openingFailure(error, file);
  }
}

/**
 * Brings the tables of a file up to date even if their rows break a rule. The caller mends these rows next.
 */
export function bringUpToDateForRepair(file: string): void {
  requireWritable(file);
  const { sqlite } = connect(file, 'writing', 'refused');
  try {
    sqlite.pragma('ignore_check_constraints = ON');
    bringUpToDate(sqlite, file);
  } finally {
    sqlite.close();
  }
}

/** All migrations share a transaction: all of them take effect, or none. */
function migrateWhole(sqlite: Database.Database, file: string, applied: number): void {
  try {
    migrate(drizzle(sqlite), { migrationsFolder: MIGRATIONS });
  } catch (error) {
    if (applied === 0) throw error;
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    const reason = errorMessage(cause);
    throw new PanicError(
      'InvalidInput',
      `${file}, of an older panic-tda (${applied} migrations), could not be brought up to date: ${reason}. It is as it was; ` +
        (isAboutCheck(cause)
          ? '"panic-tda doctor --fix" does it nevertheless, and mends the rows that the newer rules refuse'
          : 'restore the data folder from a copy, or go on with the version that wrote it'),
      { cause: error },
    );
  }
}

/**
 * Whether the error says that rows break a check. ALTER TABLE tests a new check on the existing rows, and
 * reports it in words alone (SQLite's src/alter.c).
 */
function isAboutCheck(error: unknown): boolean {
  return (
    errorCode(error) === 'SQLITE_CONSTRAINT_CHECK' ||
    errorMessage(error).startsWith('CHECK constraint failed')
  );
}

/**
 * The version of a file's tables, which may be an older one; null if there is no file. Changes nothing.
 * Throws InvalidInput for tables that no version of ours made, and for tables of a newer panic-tda that this
 * version cannot read.
 */
export function tablesOf(file: string): TablesVersion | null {
  const readable = readableFile(file);
  if (readable === null) return null;
  const { sqlite, tables } = connect(file, 'reading', 'refused', readable.location);
  sqlite.close();
  return tables;
}

/**
 * Throws InvalidInput if other migrations of the same number made the tables: no version of ours has those.
 */
function refuseOtherTables(sqlite: Database.Database, file: string): void {
  const made = sqlite.prepare('select hash from __drizzle_migrations order by created_at').pluck().all();
  const known = readMigrationFiles({ migrationsFolder: MIGRATIONS }).map(({ hash }) => hash);
  const different = known.slice(0, made.length).findIndex((hash, index) => hash !== made[index]);
  if (different < 0) return;
  throw new PanicError(
    'InvalidInput',
    `${file} has tables that this version of panic-tda did not make (migration ${different} differs); use the version that made it, or another data folder`,
  );
}

/**
 * If another program added something to the tables of an older version, no command brings the file up to date
 * as it is.
 */
function olderText(sqlite: Database.Database, file: string, applied: number): string {
  const known = knownMigrations();
  const { foreign } = schemaDifferences(sqlite, applied);
  if (foreign.length === 0) {
    return `${file} was written by an older panic-tda (${applied} of ${known} migrations); "panic-tda upgrade" copies it and brings it up to date`;
  }
  return (
    `${file} was written by an older panic-tda (${applied} of ${known} migrations), and has what no version put there: ${objectsText(foreign)}. ` +
    'If you trust who made it, "panic-tda doctor --fix" copies the rows to a new file without it, brings that up to date, and keeps the old file'
  );
}

/**
 * The additions of another program to a file of an older version whose tables are ours; null if there are
 * none. Changes nothing.
 */
export function addedToOlder(file: string): { readonly applied: number; readonly added: string } | null {
  const {
    sqlite,
    tables: { applied },
  } = connect(file, 'reading', 'told', readableFile(file)?.location);
  try {
    const { foreign } = schemaDifferences(sqlite, applied);
    return foreign.length === 0 ? null : { applied, added: objectsText(foreign) };
  } finally {
    sqlite.close();
  }
}
