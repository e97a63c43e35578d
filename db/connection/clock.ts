import { sql } from 'drizzle-orm';
import type { Database } from './database.js';
import type { Work } from './work.js';

type Clock = Pick<Database, 'dialect' | 'rows'>;

/**
 * A time on which processes of several machines agree, in milliseconds since the epoch. It is the server's
 * time, because the clock of a machine may be minutes off. For an SQLite file it is the machine's own clock,
 * `own`.
 */
export function* databaseTime({ dialect, rows }: Clock, own: () => number): Work<number> {
  if (dialect === 'sqlite') return own();
  const [row] = yield* rows<{ now: number }>(
    sql`select floor(extract(epoch from clock_timestamp()) * 1000)::bigint as now`,
  );
  return row!.now;
}

/**
 * How far the clock of this machine is ahead of the database's, in milliseconds. The error is at most half of
 * the time that the query takes.
 */
export async function clockAheadMs({ read, ...db }: Clock & Pick<Database, 'read'>): Promise<number> {
  const asked = Date.now();
  const there = await read(() => databaseTime(db, Date.now));
  return (asked + Date.now()) / 2 - there;
}

const TOLERATED_MS = 60_000;

/** A sentence without its full stop if this machine's clock is more than a minute off; otherwise null. */
export function clockText(aheadMs: number): string | null {
  if (Math.abs(aheadMs) <= TOLERATED_MS) return null;
  const off = `${Math.round(Math.abs(aheadMs) / 1000)} s ${aheadMs > 0 ? 'ahead of' : 'behind'}`;
  return `the clock of this machine is ${off} that of the database: nothing is lost by it, but times, ages and rates are wrong by as much; let a time service (NTP) set it`;
}
