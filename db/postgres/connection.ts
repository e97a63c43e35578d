import { Client, Pool, types } from 'pg';
import type { CustomTypesConfig, PoolClient } from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../database.js';
import type { Work } from '../work.js';
import { grantToRole, knownMigrations, migrate, missingMigrations, refuseOtherServers } from './migrate.js';
import { isConnectionLoss, isContended, nameOfService, serviceError } from './service.js';
import type { PostgresService } from './service.js';
import { openSnapshot } from './snapshot.js';
import { postgresBuilder, rowsOf, runOn } from './statements.js';
import { PanicError } from '../../experiment/errors.js';

/** Reads and writes run on connections of a pool, each write in a transaction of its own. */
export interface PostgresDatabase extends Database {
  readonly dialect: 'postgres';
  readonly pool: Pool;
}

const CONNECT_MS = 10_000;
// Longer than any statement takes but those of snapshots; a cut line is noticed by it where nothing else tells.
const STATEMENT_MS = 120_000;
const WRITE_ATTEMPTS = 10;
const LONGEST_PAUSE_MS = 200;

/**
 * Every connection: a commit is on disk when it is told; a process that was frozen in a transaction loses it, and its
 * locks with it, before others give up waiting.
 */
const SESSION = `set synchronous_commit = on; set idle_in_transaction_session_timeout = '30s'; set lock_timeout = '20s'`;

/** Numbers as JavaScript has them: nothing that is stored is larger than 2^53. */
const NUMBERS: ReadonlySet<number> = new Set([types.builtins.INT8, types.builtins.NUMERIC]);

const TYPES: CustomTypesConfig = {
  getTypeParser: (oid, format): unknown => (NUMBERS.has(oid) ? Number : types.getTypeParser(oid, format)),
};

function configOf({ url }: PostgresService) {
  return {
    connectionString: url,
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    application_name: 'panic-tda',
    types: TYPES,
  };
}

/**
 * Opens a database, making its tables or bringing them up to date where that is still to be done.
 * Throws StoreUnavailable, and InvalidInput where the database cannot be used.
 */
export async function openPostgres(service: PostgresService): Promise<PostgresDatabase> {
  await setUpPostgres(service, []);
  return databaseOver(service);
}

/** The same for reading only; null where there are no tables yet. Changes nothing. */
export async function openPostgresReadonly(service: PostgresService): Promise<PostgresDatabase | null> {
  const missing = await onOneConnection(service, (client, name) => missingMigrations(client, name));
  const known = knownMigrations().length;
  if (missing.length === known) return null;
  if (missing.length > 0) {
    throw new PanicError(
      'InvalidInput',
      `${nameOfService(service)} was written by an older panic-tda (${known - missing.length} of ${known} migrations); "panic-tda setup database", "run" or "worker" brings it up to date`,
    );
  }
  return databaseOver(service);
}

/** Makes the tables or brings them up to date, and lets these roles use them; returns how many migrations that took. */
export async function setUpPostgres(service: PostgresService, roles: readonly string[]): Promise<number> {
  return onOneConnection(service, async (client, name) => {
    const applied = await migrate(client, name);
    for (const role of roles) await grantToRole(client, role);
    return applied;
  });
}

async function onOneConnection<T>(
  service: PostgresService,
  use: (client: Client, name: string) => Promise<T>,
): Promise<T> {
  const client = new Client(configOf(service));
  // Told by the query that meets it.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await refuseOtherServers(client, nameOfService(service));
    return await use(client, nameOfService(service));
  } catch (error) {
    throw serviceError(error, service);
  } finally {
    await client.end().catch(() => undefined);
  }
}

function databaseOver(service: PostgresService): PostgresDatabase {
  const pool = new Pool({ ...configOf(service), max: service.poolSize, query_timeout: STATEMENT_MS });
  // An idle connection was lost; the pool forgets it, and the next query gets another.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => {
    // One that is in use: told by its query, or by the next one. Without a listener the process would end.
    client.on('error', () => undefined);
    // Told by the first query, which waits for this one.
    client.query(SESSION).catch(() => undefined);
  });

  async function withClient<T>(use: (client: PoolClient) => Promise<T>): Promise<T> {
    try {
      const client = await pool.connect();
      let broken = false;
      try {
        return await use(client);
      } catch (error) {
        broken = isConnectionLoss(error);
        throw error;
      } finally {
        client.release(broken);
      }
    } catch (error) {
      throw serviceError(error, service);
    }
  }

  async function write<T>(work: () => Work<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await withClient((client) => transaction(client, work()));
      } catch (error) {
        if (attempt === WRITE_ATTEMPTS || !isContended(error)) throw error;
        // Others wrote the same or wait for us: the next attempt finds what they wrote.
        await sleep(Math.random() * Math.min(LONGEST_PAUSE_MS, 5 * 2 ** attempt));
      }
    }
  }

  return {
    dialect: 'postgres',
    name: nameOfService(service),
    pool,
    build: postgresBuilder(),
    read: (work) => withClient((client) => runOn(client, work())),
    write,
    rows: rowsOf,
    async snapshot() {
      // Not one of the pool: it may be open for hours, and its statements may take long.
      const client = new Client(configOf(service));
      client.on('error', () => undefined);
      try {
        await client.connect();
        return await openSnapshot(client, () => client.end());
      } catch (error) {
        await client.end().catch(() => undefined);
        throw serviceError(error, service);
      }
    },
    schemaVersion: knownMigrations().length,
    size: () =>
      withClient(async (client) => {
        const { rows } = await client.query<{ size: number }>(
          'select pg_database_size(current_database()) as size',
        );
        return rows[0]!.size;
      }),
    close: () => pool.end(),
  };
}

async function transaction<T>(client: PoolClient, work: Work<T>): Promise<T> {
  await client.query('begin');
  try {
    const value = await runOn(client, work);
    await client.query('commit');
    return value;
  } catch (error) {
    if (!isConnectionLoss(error)) await client.query('rollback');
    throw error;
  }
}
