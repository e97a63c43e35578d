import { Client, Pool, types } from 'pg';
import type { ClientBase, CustomTypesConfig, PoolClient } from 'pg';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../connection/database.js';
import type { Work } from '../connection/work.js';
import {
  accessTo,
  NewerTables,
  NewerTablesRefused,
  OlderTables,
  refuseNewer,
} from '../versions/compatibility.js';
import type { PlannedMigration, TablesVersion } from '../versions/compatibility.js';
import {
  grantToRole,
  migrate,
  plannedFor,
  readableTables,
  refuseOtherServers,
  tablesVersion,
} from './migrate.js';
import type { Waiting } from './migrate.js';
import type { PostgresAddress } from './address.js';
import { encryptionsOf, isEncryptionRefused } from './encryption.js';
import type { Encryption } from './encryption.js';
import { instanceOf } from './instance.js';
import { enterTables, refuseReadOnly, requireWritable } from './find-tables.js';
import { addressOf, codeOf, isConnectionLoss, isContended, nameOfService, serviceError } from './service.js';
import type { PostgresService } from './service.js';
import { openSnapshot } from './snapshot.js';
import { postgresBuilder, rowsOf, runOn } from './statements.js';
import { enterAlone, enterBesideOthers, HeldByAnother, leaveFor, users } from './users.js';
import { assertNever, PanicError } from '../../common/errors.js';

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

/** Of the client, whose own reading of addresses differs from libpq's. What is left out is taken from the variables of libpq. */
function configOf({ user, password, host, port, database, parameters }: PostgresAddress, ssl: Encryption) {
  const seconds = (name: string): number | undefined => {
    const text = parameters.get(name);
    return text === undefined ? undefined : Number(text);
  };
  const [connect, idle] = [seconds('connect_timeout'), seconds('keepalives_idle')];
  return {
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { password }),
    ...(host === '' ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    database,
    ...(parameters.has('options') ? { options: parameters.get('options') } : {}),
    ...(ssl !== false && parameters.get('sslnegotiation') === 'direct'
      ? { sslnegotiation: 'direct' as const }
      : {}),
    ssl,
    connectionTimeoutMillis: connect === undefined ? CONNECT_MS : connect * 1000,
    keepAlive: parameters.get('keepalives') !== '0',
    ...(idle === undefined ? {} : { keepAliveInitialDelayMillis: idle * 1000 }),
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
  try {
    const tables = await onOneConnection(service, async (client, name) => {
      await refuseReadOnly(client, name);
      await migrate(client, name, () => enterTables(client, name, choosesSchema(addressOf(service))));
      const migrated = await readableTables(client, name);
      refuseNewer(name, migrated, 'writing');
      await requireWritable(client, name);
      return migrated;
    });
    const database = databaseOver(service, use, tables);
    try {
      await database.read(function* () {
        // The first connection takes its place among the users, or is told that it cannot.
      });
      return database;
    } catch (error) {
      await database.close();
      throw error;
    }
  } catch (error) {
    if (error instanceof NewerTables) throw new NewerTablesRefused(error.message);
    throw error instanceof HeldByAnother
      ? new PanicError('InvalidInput', error.message, { cause: error })
      : error;
  }
}

/**
 * The same for reading only, also of tables of a newer version whose changes let this one read; null where there are no tables yet. Changes
 * nothing.
 */
export async function openPostgresReadonly(service: PostgresService): Promise<PostgresDatabase | null> {
  const tables = await onOneConnection(service, (client, name) => readableTables(client, name));
  const { applied, known } = tables;
  if (applied === 0) return null;
  if (applied < known) {
    throw new OlderTables(
      `${nameOfService(service)} was written by an older panic-tda (${applied} of ${known} migrations); back it up with pg_dump, and "panic-tda setup database" brings it up to date`,
    );
  }
  return databaseOver(service, 'reading', tables);
}

/** The tables of a database, of whatever version, and who writes to them. */
export interface TablesOnServer {
  readonly tables: TablesVersion;
  readonly plan: PlannedMigration;
  /** By the names of their connections: `panic-tda PID@HOST`. */
  readonly writers: readonly string[];
}

/** Looks at the tables. Needs no right but to read them, and changes nothing. */
export async function lookAtTables(service: PostgresService): Promise<TablesOnServer> {
  return onOneConnection(service, async (client, name) => {
    await client.query('set default_transaction_read_only = on');
    const tables = await tablesVersion(client, name);
    return { tables, plan: plannedFor(tables), writers: await users(client) };
  });
}

/** Makes the tables or brings them up to date, and lets these roles use them; returns how many migrations that took. */
export async function setUpPostgres(
  service: PostgresService,
  roles: readonly string[],
  waiting: Waiting | null,
): Promise<number> {
  return onOneConnection(service, async (client, name) => {
    await refuseReadOnly(client, name);
    const enter = () => enterTables(client, name, choosesSchema(addressOf(service)));
    const applied = await migrate(client, name, enter, waiting);
    for (const role of roles) await grantToRole(client, role);
    return applied;
  });
}

/** The ways by which a database can be reached. One that was refused is tried after the other from then on. */
interface Way {
  readonly address: PostgresAddress;
  /** The way that is tried first now. */
  readonly encryption: () => Encryption;
  /**
   * Connects by the first way that the server takes. Another is tried only where encryption is what was refused.
   */
  readonly by: <T>(connect: (encryption: Encryption) => Promise<T>) => Promise<T>;
}

function wayTo(service: PostgresService): Way {
  const address = addressOf(service);
  const ways = encryptionsOf(address);
  let first = 0;
  const wayAfter = (steps: number): Encryption => ways[(first + steps) % ways.length] ?? ways[0];
  return {
    address,
    encryption: () => wayAfter(0),
    async by(connect) {
      for (let steps = 0; ; steps++) {
        const encryption = wayAfter(steps);
        try {
          const connected = await connect(encryption);
          first = Math.max(ways.indexOf(encryption), 0);
          return connected;
        } catch (error) {
          if (steps + 1 >= ways.length || !isEncryptionRefused(error, codeOf(error))) throw error;
        }
      }
    },
  };
}

/** A connection of its own, which has found the tables. */
async function connected(way: Way, service: PostgresService): Promise<Client> {
  const client = await way.by(async (encryption) => {
    const made = new Client(configOf(way.address, encryption));
    // Told by the query that meets it.
    made.on('error', () => undefined);
    try {
      await made.connect();
      return made;
    } catch (error) {
      await made.end().catch(() => undefined);
      throw error;
    }
  });
  try {
    await enterTables(client, nameOfService(service), choosesSchema(way.address));
    return client;
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
}

/** Whether the user named the schemas, in the address or in libpq's variable. */
function choosesSchema({ parameters }: PostgresAddress): boolean {
  return (parameters.get('options') ?? process.env['PGOPTIONS'] ?? '').includes('search_path');
}

async function onOneConnection<T>(
  service: PostgresService,
  use: (client: Client, name: string) => Promise<T>,
): Promise<T> {
  let client: Client | null = null;
  try {
    client = await connected(wayTo(service), service);
    await refuseOtherServers(client, nameOfService(service));
    return await use(client, nameOfService(service));
  } catch (error) {
    throw serviceError(error, service);
  } finally {
    await client?.end().catch(() => undefined);
  }
}

function databaseOver(service: PostgresService, use: Use, tables: TablesVersion): PostgresDatabase {
  const name = nameOfService(service);
  const way = wayTo(service);
  let alone = false;

  /** Done with each new connection before anybody is given it. */
  async function prepare(client: ClientBase): Promise<void> {
    await client.query(SESSION);
    await enterTables(client, name, choosesSchema(way.address));
    switch (use) {
      case 'reading':
        await client.query('set default_transaction_read_only = on');
        return;
      case 'beside others':
        await enterBesideOthers(client, name);
        await refuseNewerTables(client, name);
        return;
      case 'alone':
        // Others may have been here since.
        if (alone)
          throw new PanicError('StoreUnavailable', `the connection that kept others out of ${name} was lost`);
        await enterAlone(client, name);
        await refuseNewerTables(client, name);
        alone = true;
        return;
      default:
        assertNever(use);
    }
  }

  const options = {
    ...configOf(way.address, way.encryption()),
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
      const client = await way.by((encryption) => {
        // Of the connections that are made from now on.
        pool.options.ssl = encryption;
        return pool.connect();
      });
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
      let client: Client | null = null;
      try {
        const own = (client = await connected(way, service));
        return await openSnapshot(own, () => own.end());
      } catch (error) {
        await client?.end().catch(() => undefined);
        throw serviceError(error, service);
      }
    },
    schemaVersion: tables.applied,
    tables,
    tablesNow: () =>
      withClient(async (client) => ({
        tables: await tablesVersion(client, name),
        leaveFor: await leaveFor(client),
      })),
    instance: () => withClient(instanceOf),
    size: () =>
      withClient(async (client) => {
        const { rows } = await client.query<{ size: number }>(
          'select pg_database_size(current_database()) as size',
        );
        return rows[0]!.size;
      }),
    connections: () => ({
      inUse: pool.totalCount - pool.idleCount,
      idle: pool.idleCount,
      waiting: pool.waitingCount,
      most: options.max,
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

/**
 * Asked once for each connection: a migration that is not for its writers waits until they have left.
 * Throws NewerTables.
 */
async function refuseNewerTables(client: ClientBase, name: string): Promise<void> {
  const tables = await tablesVersion(client, name);
  if (accessTo(tables) !== 'writing') throw new NewerTables(name, tables);
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
