import Database from 'better-sqlite3';
import { isThere } from '../../../common/presence.js';
import { renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorCode } from '../../../common/error-code.js';
import { errorMessage, PanicError } from '../../../common/errors.js';
import { harden } from '../../connection/sqlite.js';
import { knownMigrations, makeSchema } from '../../versions/own-schema.js';
import { synchronise } from '../../connection/synchronise.js';

/** Tables whose rows can be made again if they cannot be read. */
const DERIVED: ReadonlySet<string> = new Set([
  'vectors',
  'embeddings',
  'prompt_vectors',
  'run_statistics',
  'run_curves',
  'diagrams',
  'diagram_dimensions',
  'surrogates',
]);

export interface Rebuilt {
  /** The path of the damaged file now. */
  readonly kept: string;
  /** Derived tables that could not be read to their ends. Later repairs make the missing rows again. */
  readonly cutShort: readonly string[];
}

/**
 * Copies every table of a database file into a new one, which replaces it. The new file has the tables,
 * indices and triggers of the first `applied` migrations: all of this version, unless the file is of an older
 * one. The copy reads rows from the tables themselves, so damaged indices do not matter. From a damaged
 * derived table it takes the rows that can be read. No process may have the file open. Throws StoreConflict
 * if a table that cannot be made again is damaged; the file then stays as it was.
 */
export function rebuildFile(file: string, now: number, applied = knownMigrations()): Rebuilt {
  const fresh = `${file}.rebuilt`;
  removeFile(fresh);
  const sqlite = new Database(fresh);
  let cutShort: string[];
  try {
    sqlite.transaction(() => makeSchema(sqlite, applied))();
    cutShort = copyTables(sqlite, file);
  } catch (error) {
    sqlite.close();
    removeFile(fresh);
    throw error;
  }
  sqlite.close();
  synchronise(fresh);
  const kept = `${file}.damaged-${now}`;
  for (const suffix of ['-wal', '-shm', '']) {
    if (isThere(file + suffix)) renameSync(file + suffix, kept + suffix);
  }
  renameSync(fresh, file);
  synchronise(dirname(file));
  return { kept, cutShort };
}

function copyTables(sqlite: Database.Database, file: string): string[] {
  sqlite.pragma('foreign_keys = OFF');
  sqlite.pragma('ignore_check_constraints = ON');
  sqlite.pragma('synchronous = OFF');
  const objects = sqlite
    .prepare<[], { type: string; name: string; sql: string }>(
      `select type, name, sql from sqlite_master where sql is not null order by type desc`,
    )
    .all();
  const tables = objects.filter(({ type, name }) => type === 'table' && !name.startsWith('sqlite_'));
  const others = objects.filter(({ type }) => type !== 'table');
  // The copy must not refuse rows that the old file already had: such rows have repairs of their own.
  for (const { type, name } of others) sqlite.exec(`drop ${type} "${name}"`);
  const damaged = new Database(file, { fileMustExist: true });
  // The file may come from another person.
  harden(damaged);
  damaged.pragma('query_only = ON');
  const cutShort: string[] = [];
  try {
    sqlite.exec('begin');
    for (const { name } of tables) if (!copyTable(sqlite, damaged, name)) cutShort.push(name);
    for (const { name, sql } of others) make(sqlite, name, sql);
    sqlite.exec('commit');
  } finally {
    damaged.close();
  }
  return cutShort;
}

/** A unique index can only be made after a repair has removed the duplicates. */
function make(sqlite: Database.Database, name: string, sql: string): void {
  try {
    sqlite.exec(sql);
  } catch (error) {
    if (errorCode(error) !== 'SQLITE_CONSTRAINT_UNIQUE') throw error;
    process.emitWarning(`${name}: ${errorMessage(error)}`);
  }
}

/** Copies a table. Returns whether it could be read to its end. */
function copyTable(sqlite: Database.Database, damaged: Database.Database, name: string): boolean {
  const columns = sqlite
    .prepare<[string], string>('select name from pragma_table_info(?)')
    .pluck()
    .all(name)
    .map((column) => `"${column}"`);
  const list = columns.join(', ');
  sqlite.exec(`delete from "${name}"`);
  const insert = sqlite.prepare(
    `insert or ignore into "${name}" (${list}) values (${columns.map(() => '?').join(', ')})`,
  );
  try {
    const rows = damaged
      .prepare<[], unknown[]>(`select ${list} from "${name}" not indexed`)
      .raw(true)
      .iterate();
    for (const row of rows) insert.run(...row);
    return true;
  } catch (error) {
    if (DERIVED.has(name)) return false;
    throw new PanicError(
      'StoreConflict',
      `the table ${name} of ${file(damaged)} cannot be read to its end (${errorMessage(error)}), and nothing makes its rows again`,
      { cause: error },
    );
  }
}

function file(sqlite: Database.Database): string {
  return sqlite.name;
}

function removeFile(path: string): void {
  for (const suffix of ['', '-wal', '-shm', '.migrate-lock']) rmSync(path + suffix, { force: true });
}
