import { readMigrationFiles } from 'drizzle-orm/migrator';
import type { ClientBase } from 'pg';
import { compiledPath } from '../../common/compiled-file.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { PanicError } from '../../common/errors.js';
import { plannedMigration, refuseNewer } from '../versions/compatibility.js';
import type {
  Migration,
  PlannedMigration,
  StatedVersions,
  TablesVersion,
} from '../versions/compatibility.js';
import { migrationFiles } from '../versions/migration-files.js';
import { codeOf } from './service.js';
import { askToLeave, enterForMigration, users } from './users.js';

const MIGRATIONS = compiledPath('db/postgres/migrations');
const OLDEST_SERVER = 14;
/** An arbitrary number of ours. A process that changes tables holds this lock. */
const LOCK = 7_264_832_901;
const INSUFFICIENT_PRIVILEGE = '42501';
const LOCK_NOT_AVAILABLE = '55P03';
/**
 * A change of a table waits for every transaction that uses it, and all later transactions wait behind it. So
 * the change gives up soon, and tries again after the others had their turn.
 */
const TABLE_LOCK_MS = 2000;
const TABLE_LOCK_ATTEMPTS = 40;
const PAUSE_MS = 1000;

let read: ReturnType<typeof readMigrationFiles> | null = null;

/** Read once, because every new connection compares them with the tables. */
export const knownMigrations = () => (read ??= readMigrationFiles({ migrationsFolder: MIGRATIONS }));

/**
 * Throws InvalidInput for a server that is too old, or for a database whose encoding cannot hold every text.
 */
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

/** Hashes of the migrations that made the tables, in their order; empty if there are no tables. */
async function appliedMigrations(client: ClientBase): Promise<string[]> {
  if (!(await isTable(client, '__drizzle_migrations'))) return [];
  const { rows } = await client.query<{ hash: string }>('select hash from __drizzle_migrations order by id');
  return rows.map(({ hash }) => hash);
}

/**
 * This query reads the rows of the catalogue: to_regclass may give an answer from before the wait for a lock.
 */
async function isTable(client: ClientBase, name: string): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>(
    `select exists (
       select from pg_class where relname = $1 and relnamespace = quote_ident(current_schema())::regnamespace
     ) as there`,
    [name],
  );
  return rows[0]!.there;
}

/**
 * The version of the tables. Throws InvalidInput if other migrations made them, or if a newer panic-tda made
 * them and this version cannot read them.
 */
export async function readableTables(client: ClientBase, name: string): Promise<TablesVersion> {
  const tables = await tablesVersion(client, name);
  refuseNewer(name, tables, 'reading');
  return tables;
}

/** The version of the tables, also of tables that this version cannot read. */
export async function tablesVersion(client: ClientBase, name: string): Promise<TablesVersion> {
  const known = knownMigrations();
  const made = await appliedMigrations(client);
  const different = known.slice(0, made.length).findIndex(({ hash }, index) => hash !== made[index]);
  if (different >= 0) {
    throw new PanicError(
      'InvalidInput',
      `${name} has tables that this version of panic-tda did not make (migration ${different} differs); use the version that made it, or another database`,
    );
  }
  const stated = made.length === 0 ? null : await statedVersions(client);
  return { applied: made.length, known: known.length, stated };
}

/** Null for tables from before the table `databases` existed. */
async function statedVersions(client: ClientBase): Promise<StatedVersions | null> {
  if (!(await isTable(client, 'databases'))) return null;
  const { rows } = await client.query<StatedVersions>(
    `select readable_from::int as "readableFrom", writable_from::int as "writableFrom", version from databases where id = 1`,
  );
  return rows[0] ?? null;
}

/** The migration that would bring these tables up to date. */
export function plannedFor(tables: TablesVersion): PlannedMigration {
  return plannedMigration(tables, migrations());
}

const migrations = (): readonly Migration[] => migrationFiles(MIGRATIONS);

/**
 * How long a migration waits for writers that do not know it, and a function that it calls with their names.
 */
export interface Waiting {
  readonly milliseconds: number;
  readonly onWaiting: (writers: readonly string[]) => void;
}

/**
 * Makes the tables, or brings them up to date, in one transaction. Returns the number of migrations that it
 * ran. Processes that start together wait for each other at a lock of the server; after it `enter` looks
 * again for the tables. If writers of the previous version must not write beside a migration, they have to
 * leave first: with `waiting` the process asks them to leave. Throws InvalidInput if the role may not change
 * the tables, and if writers stay; StoreUnavailable if transactions of other processes kept the tables.
 */
export async function migrate(
  client: ClientBase,
  name: string,
  enter: () => Promise<void>,
  waiting: Waiting | null = null,
): Promise<number> {
  const tables = await readableTables(client, name);
  if (tables.applied >= tables.known) return 0;
  try {
    if (tables.applied === 0 || plannedFor(tables).besideWriters || waiting === null) {
      return await migratedSoon(client, name, enter);
    }
    await askToLeave(client, name);
    return await migratedWithoutWriters(client, name, enter, waiting);
  } catch (error) {
    throw codeOf(error) === INSUFFICIENT_PRIVILEGE ? await mayNot(client, name, error) : error;
  }
}

async function migratedWithoutWriters(
  client: ClientBase,
  name: string,
  enter: () => Promise<void>,
  { milliseconds, onWaiting }: Waiting,
): Promise<number> {
  const deadline = performance.now() + milliseconds;
  for (;;) {
    try {
      return await migratedSoon(client, name, enter);
    } catch (error) {
      if (!(error instanceof WritersStay) || performance.now() > deadline) throw error;
      onWaiting(error.writers);
    }
    await sleep(PAUSE_MS);
  }
}

async function migratedSoon(client: ClientBase, name: string, enter: () => Promise<void>): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await migrateOnce(client, name, enter);
    } catch (error) {
      if (codeOf(error) !== LOCK_NOT_AVAILABLE) throw error;
      if (attempt === TABLE_LOCK_ATTEMPTS) {
        throw new PanicError(
          'StoreUnavailable',
          `the tables of ${name} could not be changed, since transactions of others use them all the time; nothing was changed, try again`,
          { cause: error },
        );
      }
    }
    await sleep(PAUSE_MS);
  }
}

async function migrateOnce(client: ClientBase, name: string, enter: () => Promise<void>): Promise<number> {
  await client.query('begin');
  try {
    await client.query('select pg_advisory_xact_lock($1)', [LOCK]);
    // Another role may have made them meanwhile, in a schema of its own.
    await enter();
    const tables = await readableTables(client, name);
    const missing = knownMigrations().slice(tables.applied);
    if (missing.length > 0 && tables.applied > 0) {
      const plan = plannedFor(tables);
      if (!(await enterForMigration(client, name, plan.besideWriters))) {
        throw new WritersStay(name, await users(client), plan);
      }
    }
    await client.query(`set local lock_timeout = ${TABLE_LOCK_MS}`);
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
    throw error;
  }
}

/** Writers that would continue with the tables as they were before a migration. */
class WritersStay extends PanicError {
  constructor(
    name: string,
    readonly writers: readonly string[],
    { missing }: PlannedMigration,
  ) {
    const changes = missing.filter(({ additive }) => !additive).map(({ name: migration }) => migration);
    super(
      'InvalidInput',
      `the tables of ${name} are as they were: workers of the version before may not go on beside ${changes.join(', ')}, and ` +
        `${writers.length === 0 ? 'some are' : `${writers.join(', ')} ${writers.length === 1 ? 'is' : 'are'}`} connected. Stop them, or let ` +
        '"panic-tda setup database --wait SECONDS" tell those of version 0.2.0 and later to give their work back and end',
    );
  }
}

async function mayNot(client: ClientBase, name: string, cause: unknown): Promise<PanicError> {
  const { applied, known } = await readableTables(client, name);
  const state =
    applied === 0
      ? 'has no tables yet'
      : `was written by an older panic-tda (${applied} of ${known} migrations)`;
  return new PanicError(
    'InvalidInput',
    `${name} ${state}, and this role may not change that; "panic-tda setup database" with a role that owns the schema does`,
    { cause },
  );
}

/** Lets a role read and write rows, and do nothing else. The role must exist. */
export async function grantToRole(client: ClientBase, role: string): Promise<void> {
  const { rows } = await client.query<{ schema: string }>('select current_schema() as schema');
  const schema = client.escapeIdentifier(rows[0]!.schema);
  const name = client.escapeIdentifier(role);
  await client.query(`grant usage on schema ${schema} to ${name}`);
  await client.query(`grant select, insert, update, delete on all tables in schema ${schema} to ${name}`);
  await client.query(`revoke insert, update, delete on __drizzle_migrations from ${name}`);
  // This covers the tables of later versions.
  await client.query(
    `alter default privileges in schema ${schema} grant select, insert, update, delete on tables to ${name}`,
  );
}
