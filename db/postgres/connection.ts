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
// Longer than any statement takes, except those of snapshots. If nothing else shows that a line was cut, this
// time-out does.
const STATEMENT_MS = 120_000;
const WRITE_ATTEMPTS = 10;
const LONGEST_PAUSE_MS = 200;
// Less than the 10 s after which a pool closes an idle connection.
const PRESENCE_MS = 5000;
// A server that cannot be reached does not answer the end of a session.
const GOODBYE_MS = 2000;

/**
 * How a process uses the database: it only reads; it writes beside other writers; or it must be the only
 * writer, for example to repair the store.
 */
type Use = 'reading' | 'beside others' | 'alone';

/**
 * The settings of every connection. A commit is on disk when the server reports it. If a process stands still
 * in a transaction, it loses the transaction and its locks before other processes give up waiting. The
 * session of a lost machine ends within two minutes.
 */
const SESSION = `set synchronous_commit = on; set idle_in_transaction_session_timeout = '30s'; set lock_timeout = '20s';
  set tcp_keepalives_idle = 60; set tcp_keepalives_interval = 10; set tcp_keepalives_count = 6`;

/** Types that become JavaScript numbers: no stored value is larger than 2^53. */
const NUMBERS: ReadonlySet<number> = new Set([types.builtins.INT8, types.builtins.NUMERIC]);

const TYPES: CustomTypesConfig = {
  getTypeParser: (oid, format): unknown => (NUMBERS.has(oid) ? Number : types.getTypeParser(oid, format)),
};

/**
 * The client's own configuration, because it reads addresses in another way than libpq. Missing values come
 * from the variables of libpq.
 */
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
    // An operator who looks for the users of the database finds the process by this name (63 bytes at most).
    application_name: `panic-tda ${process.pid}@${hostname()}`.slice(0, 63),
    types: TYPES,
  };
}

/**
 * Opens a database for writing beside other writers; first makes its tables, or brings them up to date, if
 * that is still to be done. Throws StoreUnavailable. Throws InvalidInput if the database cannot be used, or
 * if another process must be alone with it.
 */
export async function openPostgres(service: PostgresService): Promise<PostgresDatabase> {
  return await entered(service, 'beside others');
}

/**
 * Opens a database for a process that must be the only writer, on one connection: until the process closes
 * it, the database refuses other writers. Throws InvalidInput that names the other processes, if they use the
 * database.
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
        // A first connection enters the process among the users, or throws if it may not enter.
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
 * Opens a database for reading only, also with tables of a newer version that permits this version to read;
 * null if there are no tables yet. Changes nothing.
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

/** The tables of a database, of whatever version, and the processes that write to them. */
export interface TablesOnServer {
  readonly tables: TablesVersion;
  readonly plan: PlannedMigration;
  /** The names of the writers' connections: `panic-tda PID@HOST`. */
  readonly writers: readonly string[];
}

/** Looks at the tables. Needs only the right to read them, and changes nothing. */
export async function lookAtTables(service: PostgresService): Promise<TablesOnServer> {
  return onOneConnection(service, async (client, name) => {
    await client.query('set default_transaction_read_only = on');
    const tables = await tablesVersion(client, name);
    return { tables, plan: plannedFor(tables), writers: await users(client) };
  });
}

/**
 * Makes the tables or brings them up to date, and lets these roles use them. Returns the number of migrations
 * that it ran.
 */
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

/**
 * The ways to reach a database. If the server refuses one way, the process starts with the other from then
 * on.
 */
interface Way {
  readonly address: PostgresAddress;
  /** The way to try first now. */
  readonly encryption: () => Encryption;
  /**
   * Connects by the first way that the server accepts. It tries another way only if the server refused the
   * encryption.
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
    // The next query reports the error.
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

  /** Prepares each new connection before any work gets it. */
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
        // Other processes may have written since then.
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
    // The pool awaits it, although its type does not say so.
    onConnect: prepare,
  };
  const pool = new Pool(options);
  // An idle connection was lost: the pool forgets it, and the next query gets another.
  pool.on('error', () => undefined);
  // If a connection in use is lost, its query or the next one reports it. Without a listener the process
  // would end.
  pool.on('connect', (client) => client.on('error', () => undefined));
  const sessions = new Set<PoolClient>();
  pool.on('connect', (client) => sessions.add(client));
  pool.on('remove', (client) => sessions.delete(client));
  const presence = use === 'beside others' ? setInterval(bePresent, PRESENCE_MS).unref() : undefined;

  /**
   * Keeps a connection open: a process that waits, or that has lost its connections, must still be visible to
   * a process that wants to be alone.
   */
  function bePresent(): void {
    if (pool.totalCount === pool.idleCount && !pool.ending) pool.query('select').catch(() => undefined);
  }

  async function withClient<T>(use: (client: PoolClient) => Promise<T>): Promise<T> {
    try {
      const client = await way.by((encryption) => {
        // This counts for connections that are made from now on.
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
        // Another process wrote the same row or waits for this one: the next attempt finds what that process
        // wrote.
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
      // A connection outside the pool: it may be open for hours, and its statements may take long.
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
      // The pool does not wait until its sessions have ended, and only then does the server release their
      // locks.
      const late = performance.now() + GOODBYE_MS;
      while (sessions.size > 0 && performance.now() < late) await sleep(5);
    },
  };
}

/**
 * Asked once for each connection, which is enough: a migration that these writers cannot bear waits until
 * they have left. Throws NewerTables.
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
