import Database from 'better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { migrate } from 'drizzle-orm/better-sqlite3/migrator';
import { cpSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MIGRATIONS } from '../../db/connection/sqlite.js';
import { z } from 'zod';
import { readJsonFile } from './json.js';

/** Loose, since `makeOlder` writes the other fields to another file. */
const Journal = z.looseObject({ entries: z.array(z.looseObject({ tag: z.string() })) });

/** The number of migrations before the one of this name. */
export function migrationsBefore(tag: string): number {
  const { entries } = readJsonFile(join(MIGRATIONS, 'meta/_journal.json'), Journal);
  return entries.findIndex((entry) => entry.tag.endsWith(`_${tag}`));
}

/**
 * Copies the rows of an SQLite file into tables of the first `count` migrations, as an older version would
 * have left them. Leaves out columns that the older tables lack. No other connection may have the file open.
 */
export function makeOlder(file: string, count: number): void {
  const folder = mkdtempSync(join(tmpdir(), 'panic-tda-migrations-'));
  const older = `${file}.older`;
  const sqlite = new Database(older);
  try {
    cpSync(MIGRATIONS, folder, { recursive: true });
    const journal = join(folder, 'meta/_journal.json');
    const known = readJsonFile(journal, Journal);
    writeFileSync(journal, JSON.stringify({ ...known, entries: known.entries.slice(0, count) }));
    migrate(drizzle(sqlite), { migrationsFolder: folder });
    copyRows(sqlite, file);
  } finally {
    sqlite.close();
    rmSync(folder, { recursive: true });
  }
  for (const beside of [file, `${file}-wal`, `${file}-shm`]) rmSync(beside, { force: true });
  renameSync(older, file);
}

/** Without triggers, which expect rows that come one after another. */
function copyRows(sqlite: Database.Database, from: string): void {
  const named = (type: string, schema: string) =>
    sqlite
      .prepare<[string], { name: string; sql: string }>(
        `select name, sql from ${schema}.sqlite_master where type = ? and name not like '%drizzle%' and sql is not null`,
      )
      .all(type);
  sqlite.pragma('foreign_keys = OFF');
  sqlite.prepare('attach ? as newer').run(from);
  const triggers = named('trigger', 'main');
  for (const { name } of triggers) sqlite.exec(`drop trigger "${name}"`);
  for (const { name } of named('table', 'main')) {
    const columns = sqlite
      .prepare<[string], string>('select name from pragma_table_info(?)')
      .pluck()
      .all(name)
      .map((column) => `"${column}"`)
      .join(', ');
    // Migrations put rows of their own there.
    sqlite.exec(`delete from main."${name}"`);
    sqlite.exec(`insert into main."${name}" (${columns}) select ${columns} from newer."${name}"`);
  }
  for (const { sql } of triggers) sqlite.exec(sql);
  sqlite.exec('detach newer');
}
