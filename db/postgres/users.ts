import type { ClientBase } from 'pg';
import { PanicError } from '../../common/errors.js';

/**
 * A lock of the server; the number is arbitrary. Every connection that may write shares the lock as long as
 * it lives. A process that must be alone holds it exclusively. So no other process can write beside that one,
 * not even a process that comes back from a lost connection or a standstill.
 */
const LOCK = 7_264_832_902;
/**
 * Held by the process that asks all writers to leave. It does not hold LOCK: it waits for LOCK until they
 * have left.
 */
const LEAVE = 7_264_832_903;

/**
 * Enters the connection among the writers. Throws StoreUnavailable while another process must be alone: a
 * worker tries work that is under way again.
 */
export async function enterBesideOthers(client: ClientBase, name: string): Promise<void> {
  const [leaveFor] = await holders(client, LEAVE);
  if (leaveFor !== undefined) throw new AboutToBeMigrated(leaveText(name, leaveFor));
  if (await taken(client, 'select pg_try_advisory_lock_shared($1) as taken')) return;
  const others = await users(client);
  const who = others.length === 0 ? '' : ` (${others.join(', ')})`;
  throw new HeldByAnother(
    `what is stored in the database ${name} is being repaired or merged into${who}; try again when that is over`,
  );
}

/**
 * Keeps all other processes from writing as long as this connection lives. Throws InvalidInput that names the
 * other processes, if any of them write.
 */
export async function enterAlone(client: ClientBase, name: string): Promise<void> {
  if (await taken(client, 'select pg_try_advisory_lock($1) as taken')) return;
  const others = await users(client);
  throw new PanicError(
    'InvalidInput',
    `the database ${name} is in use${others.length === 0 ? '' : ` by ${others.join(', ')}`}; stop workers and runs (they give back what they are at), then try again`,
  );
}

/**
 * Asks all writers to leave, and lets none enter, as long as this connection lives. Throws InvalidInput if
 * another process does so already.
 */
export async function askToLeave(client: ClientBase, name: string): Promise<void> {
  if (await taken(client, 'select pg_try_advisory_lock($1) as taken', LEAVE)) return;
  throw new PanicError(
    'InvalidInput',
    `another process waits to migrate the tables of ${name} (${(await holders(client, LEAVE)).join(', ')})`,
  );
}

/** The process that asks all writers to leave; null if no process does. */
export async function leaveFor(client: ClientBase): Promise<string | null> {
  return (await holders(client, LEAVE))[0] ?? null;
}

/** The message for a writer that has to leave, or that may not enter. */
export function leaveText(name: string, who: string): string {
  return `the tables of ${name} are about to be migrated by ${who}, which waits until workers of the version before have ended`;
}

/**
 * Enters this transaction beside the writers, or alone. Returns whether it could enter. If another process
 * must be alone, no migration can enter.
 */
export async function enterForMigration(
  client: ClientBase,
  name: string,
  besideWriters: boolean,
): Promise<boolean> {
  if (!besideWriters) return await taken(client, 'select pg_try_advisory_xact_lock($1) as taken');
  if (await taken(client, 'select pg_try_advisory_xact_lock_shared($1) as taken')) return true;
  throw new HeldByAnother(
    `what is stored in the database ${name} is being repaired or merged into; migrate its tables when that is over`,
  );
}

async function taken(client: ClientBase, query: string, lock = LOCK): Promise<boolean> {
  const { rows } = await client.query<{ taken: boolean }>(query, [lock]);
  return rows[0]!.taken;
}

/** The names of the connections that have entered: `panic-tda PID@HOST`. */
export async function users(client: ClientBase): Promise<string[]> {
  return await holders(client, LOCK);
}

async function holders(client: ClientBase, lock: number): Promise<string[]> {
  // pg_locks shows the two halves of the number in two columns.
  const { rows } = await client.query<{ name: string }>(
    `select distinct application_name as name from pg_locks join pg_stat_activity using (pid)
     where locktype = 'advisory' and granted and objsubid = 1
       and pg_locks.database = (select oid from pg_database where datname = current_database())
       and classid = ($1::bigint >> 32)::oid and objid = ($1::bigint & 4294967295)::oid
     order by 1`,
    [lock],
  );
  return rows.map((row) => row.name);
}

/** Another process must be alone with the database now. */
export class HeldByAnother extends PanicError {
  constructor(message: string) {
    super('StoreUnavailable', message);
  }
}

/** Another process asks all writers to leave. */
export class AboutToBeMigrated extends HeldByAnother {}
