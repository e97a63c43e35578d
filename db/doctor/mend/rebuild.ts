import Database from 'better-sqlite3';
import { isThere } from '../../../common/presence.js';
import { renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorCode } from '../../../common/error-code.js';
import { errorMessage, PanicError } from '../../../common/errors.js';
import { harden } from '../../connection/sqlite.js';
import { knownMigrations, makeSchema } from '../../versions/own-schema.js';
import { synchronise } from '../../connection/synchronise.js';

/** Tables whose rows are made again where they cannot be read. */
const DERIVED: ReadonlySet<string> = new Set([
  'vectors',
  'embeddings',
  'diagrams',
  'diagram_dimensions',
  'surrogates',
]);

export interface Rebuilt {
  /** Where the damaged file is now. */
  readonly kept: string;
  /** Derived tables that could not be read to their ends: what is missing of them is made again. */
  readonly cutShort: readonly string[];
}

/**
 * Copies every table of a database file into a new one with the tables, indices and triggers that the first `applied` migrations make (all
 * of this version, unless the file is of an older one), and puts it in the old one's place. Rows are read from the tables themselves, so that damaged indices do not matter; of a damaged
 * table that is derived, what can be read. Nobody may have the file open.
 * Throws StoreConflict where a table that cannot be made again is damaged; the file is then as it was.
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
  // What was let in once is copied as it is; it has a repair of its own.
  for (const { type, name } of others) sqlite.exec(`drop ${type} "${name}"`);
  const damaged = new Database(file, { fileMustExist: true });
  // It may be a stranger's.
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

/** An index that duplicates do not allow for is made when these are gone. */
function make(sqlite: Database.Database, name: string, sql: string): void {
  try {
    sqlite.exec(sql);
  } catch (error) {
    if (errorCode(error) !== 'SQLITE_CONSTRAINT_UNIQUE') throw error;
    process.emitWarning(`${name}: ${errorMessage(error)}`);
  }
}

/** Whether the table could be read to its end. */
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
    const rows = damaged.prepare(`select ${list} from "${name}" not indexed`).raw(true).iterate();
    for (const row of rows) insert.run(...(row as unknown[]));
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
