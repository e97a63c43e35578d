import { readMigrationFiles } from 'drizzle-orm/migrator';
import type { ClientBase } from 'pg';
import { compiledPath } from '../../experiment/compiled-file.js';
import { PanicError } from '../../experiment/errors.js';
import { codeOf } from './service.js';

const MIGRATIONS = compiledPath('db/postgres/migrations');
const OLDEST_SERVER = 14;
/** Any number that is ours: whoever changes tables holds it. */
const LOCK = 7_264_832_901;
const INSUFFICIENT_PRIVILEGE = '42501';

export const knownMigrations = () => readMigrationFiles({ migrationsFolder: MIGRATIONS });

/** Throws InvalidInput for a server that is too old, or a database that does not hold every text. */
export async function refuseOtherServers(client: ClientBase, name: string): Promise<void> {
  const { rows } = await client.query<{ version: string; encoding: string }>(
    `select current_setting('server_version_num') as version, current_setting('server_encoding') as encoding`,
  );
  const { version, encoding } = rows[0]!;
  const major = Math.floor(Number(version) / 10_000);
  if (major < OLDEST_SERVER) {
    throw new PanicError('InvalidInput', `${name} is Postgres ${major}; it can be ${OLDEST_SERVER} or later`);
  }
  if (encoding !== 'UTF8') {
    throw new PanicError('InvalidInput', `${name} has encoding ${encoding}; create a database with UTF8`);
  }
}

/** Hashes of the migrations that made the tables, in their order; none where there are no tables. */
async function appliedMigrations(client: ClientBase): Promise<string[]> {
  const { rows: found } = await client.query<{ there: boolean }>(
    // Asked of the rows of the catalogue: to_regclass may answer from before a lock was waited for.
    `select exists (
       select from pg_class where relname = '__drizzle_migrations' and relnamespace = quote_ident(current_schema())::regnamespace
     ) as there`,
  );
  if (!found[0]!.there) return [];
  const { rows } = await client.query<{ hash: string }>('select hash from __drizzle_migrations order by id');
  return rows.map(({ hash }) => hash);
}

/**
 * What is missing of the tables: the migrations that are still to be applied.
 * Throws InvalidInput where they were made by a newer panic-tda, or by other migrations.
 */
export async function missingMigrations(client: ClientBase, name: string) {
  const known = knownMigrations();
  const made = await appliedMigrations(client);
  if (made.length > known.length) {
    throw new PanicError(
      'InvalidInput',
      `${name} was written by a newer panic-tda (${made.length} migrations, this one knows ${known.length}); update panic-tda to use it`,
    );
  }
  const different = made.findIndex((hash, index) => hash !== known[index]!.hash);
  if (different >= 0) {
    throw new PanicError(
      'InvalidInput',
      `${name} has tables that this version of panic-tda did not make (migration ${different} differs); use the version that made it, or another database`,
    );
  }
  return known.slice(made.length);
}

/**
 * Makes the tables, or brings them up to date, in one transaction; returns how many migrations that took. Processes that
 * start together wait for each other at a lock of the server, and `enter` then looks again where tables are. Throws InvalidInput
 * where the role may not.
 */
export async function migrate(client: ClientBase, name: string, enter: () => Promise<void>): Promise<number> {
  if ((await missingMigrations(client, name)).length === 0) return 0;
  await client.query('begin');
  try {
    await client.query('select pg_advisory_xact_lock($1)', [LOCK]);
    // Another role may have made them meanwhile, in a schema of its own.
    await enter();
    const missing = await missingMigrations(client, name);
    await client.query(
      'create table if not exists __drizzle_migrations (id serial primary key, hash text not null, created_at bigint)',
    );
    for (const { sql, hash, folderMillis } of missing) {
      for (const statement of sql) await client.query(statement);
      const applied = [hash, folderMillis];
      await client.query('insert into __drizzle_migrations (hash, created_at) values ($1, $2)', applied);
    }
    await client.query('commit');
    return missing.length;
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw codeOf(error) === INSUFFICIENT_PRIVILEGE ? await mayNot(client, name, error) : error;
  }
}

async function mayNot(client: ClientBase, name: string, cause: unknown): Promise<PanicError> {
  const missing = (await missingMigrations(client, name)).length;
  const known = knownMigrations().length;
  const state =
    missing === known
      ? 'has no tables yet'
      : `was written by an older panic-tda (${known - missing} of ${known} migrations)`;
  return new PanicError(
    'InvalidInput',
    `${name} ${state}, and this role may not change that; "panic-tda setup database" with a role that owns the schema does`,
    { cause },
  );
}

/** Lets a role read and write rows, and nothing more. It must exist. */
export async function grantToRole(client: ClientBase, role: string): Promise<void> {
  const { rows } = await client.query<{ schema: string }>('select current_schema() as schema');
  const schema = client.escapeIdentifier(rows[0]!.schema);
  const name = client.escapeIdentifier(role);
  await client.query(`grant usage on schema ${schema} to ${name}`);
  await client.query(`grant select, insert, update, delete on all tables in schema ${schema} to ${name}`);
  await client.query(`revoke insert, update, delete on __drizzle_migrations from ${name}`);
  // Tables of later versions.
  await client.query(
    `alter default privileges in schema ${schema} grant select, insert, update, delete on tables to ${name}`,
  );
}
