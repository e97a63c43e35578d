import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import Database from 'better-sqlite3';
import type { Client } from 'pg';
import { knownMigrations } from '../../db/postgres/migrate.js';
import { DATABASE_FILE, OBJECTS_FOLDER } from '../../db/layout.js';
import { repositoryPath } from './child-processes.js';
import { temporaryFolder } from './temporary-folder.js';
import { z } from 'zod';
import { readJsonFile } from './json.js';

const Stored = z.object({
  migrations: z.object({ sqlite: z.number(), postgres: z.number() }),
  experiments: z.array(
    z.object({
      id: z.string(),
      /** The result of that version's `contentDigest`. */
      contentSha256: z.string(),
      /**
       * Where the service of its driver is; null if it has no driver, or its row does not say where exactly.
       */
      driverAt: z.looseObject({}).nullable(),
    }),
  ),
});

/** A store that an earlier version made, in `test/fixtures/stores/`. */
export interface StoredVersion extends z.output<typeof Stored> {
  /** Version of the program, and its number of migrations in SQLite. */
  readonly name: string;
}

const FIXTURES = repositoryPath('test/fixtures/stores');

export const storedVersions: readonly StoredVersion[] = readdirSync(FIXTURES).map((name) => ({
  ...readJsonFile(join(FIXTURES, name, 'store.json'), Stored),
  name,
}));

/** A new data folder with the rows and pictures of the store, in the tables of that version. */
export function storedFolder({ name }: StoredVersion): string {
  const folder = temporaryFolder();
  const packed = readFileSync(join(FIXTURES, name, 'panic-tda.sqlite.br'));
  writeFileSync(join(folder, DATABASE_FILE), brotliDecompressSync(packed));
  cpSync(join(FIXTURES, name, OBJECTS_FOLDER), join(folder, OBJECTS_FOLDER), { recursive: true });
  return folder;
}

/**
 * Makes the tables of that version in an empty Postgres database, with the rows of an SQLite file of that
 * version.
 */
export async function storeInPostgres(
  client: Client,
  file: string,
  { migrations }: StoredVersion,
): Promise<void> {
  await client.query('set session_replication_role = replica');
  await client.query(
    'create table __drizzle_migrations (id serial primary key, hash text not null, created_at bigint)',
  );
  for (const { sql, hash, folderMillis } of knownMigrations().slice(0, migrations.postgres)) {
    for (const statement of sql) await client.query(statement);
    await client.query('insert into __drizzle_migrations (hash, created_at) values ($1, $2)', [
      hash,
      folderMillis,
    ]);
  }
  const { rows: tables } = await client.query<{ name: string }>(
    `select tablename as name from pg_tables where schemaname = current_schema() and tablename not in ('__drizzle_migrations', 'databases')`,
  );
  const sqlite = new Database(file, { readonly: true });
  try {
    for (const { name } of tables) {
      for (const row of sqlite.prepare<[], Record<string, unknown>>(`select * from "${name}"`).iterate()) {
        const columns = Object.keys(row).map((column) => `"${column}"`);
        const places = columns.map((_, k) => `$${k + 1}`);
        await client.query(
          `insert into "${name}" (${columns.join(', ')}) overriding system value values (${places.join(', ')})`,
          Object.values(row),
        );
      }
    }
  } finally {
    sqlite.close();
  }
}
