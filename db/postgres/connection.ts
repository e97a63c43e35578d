import { Client, Pool, types } from 'pg';
import type { ClientBase, CustomTypesConfig, PoolClient } from 'pg';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../database.js';
import type { Work } from '../work.js';
import { grantToRole, knownMigrations, migrate, missingMigrations, refuseOtherServers } from './migrate.js';
import { isConnectionLoss, isContended, nameOfService, serviceError } from './service.js';
import type { PostgresService } from './service.js';
import { openSnapshot } from './snapshot.js';
import { postgresBuilder, rowsOf, runOn } from './statements.js';
import { enterAlone, enterBesideOthers, HeldByAnother } from './users.js';
import { assertNever, PanicError } from '../../experiment/errors.js';

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
// Less than the 10 s after which a pool lets go of a connection that nobody needs.
const PRESENCE_MS = 5000;
// A server that cannot be reached does not say goodbye.
const GOODBYE_MS = 2000;

/**
 * How a process uses the database: it reads; it writes, as others do; or it must be the only one that writes, as whoever mends.
 */
type Use = 'reading' | 'beside others' | 'alone';

/**
 * Every connection: a commit is on disk when it is told; a process that was frozen in a transaction loses it, and its
 * locks with it, before others give up waiting; the session of a machine that is gone ends within two minutes.
 */
const SESSION = `set synchronous_commit = on; set idle_in_transaction_session_timeout = '30s'; set lock_timeout = '20s';
  set tcp_keepalives_idle = 60; set tcp_keepalives_interval = 10; set tcp_keepalives_count = 6`;

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
    // Whoever looks for who uses the database finds it there (63 bytes at most).
    application_name: `panic-tda ${process.pid}@${hostname()}`.slice(0, 63),
    types: TYPES,
  };
}

/**
 * Opens a database for writing beside others, making its tables or bringing them up to date where that is still to be done.
 * Throws StoreUnavailable, and InvalidInput where the database cannot be used, or somebody must be alone with it.
 */
export async function openPostgres(service: PostgresService): Promise<PostgresDatabase> {
  return await entered(service, 'beside others');
}

/**
 * The same for somebody who must be the only one that writes, on one connection: others are refused until it is closed.
 * Throws InvalidInput, which names them, where others use the database.
 */
export async function openPostgresAlone(service: PostgresService): Promise<PostgresDatabase> {
  return await entered(service, 'alone');
}

async function entered(service: PostgresService, use: Use): Promise<PostgresDatabase> {
  const database = databaseOver(service, use);
  try {
    await database.read(function* () {
      // The first connection takes its place among the users, or is told that it cannot.
    });
    await setUpPostgres(service, []);
    return database;
  } catch (error) {
    await database.close();
    throw error instanceof HeldByAnother
      ? new PanicError('InvalidInput', error.message, { cause: error })
      : error;
  }
}

/** The same for reading only; null where there are no tables yet. Changes nothing. */
export async function openPostgresReadonly(service: PostgresService): Promise<PostgresDatabase | null> {
  const missing = await onOneConnection(service, (client, name) => missingMigrations(client, name));
  const known = knownMigrations().length;
  if (missing.length === known) return null;
  if (missing.length > 0) {
    throw new PanicError(
      'InvalidInput',
      `${nameOfService(service)} was written by an older panic-tda (${known - missing.length} of ${known} migrations); back it up with pg_dump, and "panic-tda setup database" brings it up to date`,
    );
  }
  return databaseOver(service, 'reading');
}

/** How many migrations the tables lack, of how many. Throws InvalidInput where they are of a newer version. */
export async function countMissing(
  service: PostgresService,
): Promise<{ readonly missing: number; readonly known: number }> {
  const missing = await onOneConnection(service, (client, name) => missingMigrations(client, name));
  return { missing: missing.length, known: knownMigrations().length };
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

function databaseOver(service: PostgresService, use: Use): PostgresDatabase {
  const name = nameOfService(service);
  let alone = false;

  /** Done with each new connection before anybody is given it. */
  async function prepare(client: ClientBase): Promise<void> {
    await client.query(SESSION);
    switch (use) {
      case 'reading':
        await client.query('set default_transaction_read_only = on');
        return;
      case 'beside others':
        await enterBesideOthers(client, name);
        return;
      case 'alone':
        // Others may have been here since.
        if (alone)
          throw new PanicError('StoreUnavailable', `the connection that kept others out of ${name} was lost`);
        await enterAlone(client, name);
        alone = true;
        return;
      default:
        assertNever(use);
    }
  }

  const options = {
    ...configOf(service),
    ...(use === 'alone' ? { max: 1, idleTimeoutMillis: 0 } : { max: service.poolSize }),
    query_timeout: STATEMENT_MS,
    // Waited for, whatever its type says.
    onConnect: prepare,
  };
  const pool = new Pool(options);
  // An idle connection was lost; the pool forgets it, and the next query gets another.
  pool.on('error', () => undefined);
  // One that is in use: told by its query, or by the next one. Without a listener the process would end.
  pool.on('connect', (client) => client.on('error', () => undefined));
  const sessions = new Set<PoolClient>();
  pool.on('connect', (client) => sessions.add(client));
  pool.on('remove', (client) => sessions.delete(client));
  const presence = use === 'beside others' ? setInterval(bePresent, PRESENCE_MS).unref() : undefined;

  /** A process that waits, or whose connections were lost, is still one that whoever wants to be alone has to see. */
  function bePresent(): void {
    if (pool.totalCount === pool.idleCount && !pool.ending) pool.query('select').catch(() => undefined);
  }

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
    name,
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
    async close() {
      clearInterval(presence);
      await pool.end();
      // The pool does not wait until its sessions have ended, with which the server gives up their locks.
      const late = performance.now() + GOODBYE_MS;
      while (sessions.size > 0 && performance.now() < late) await sleep(5);
    },
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
