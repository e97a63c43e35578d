import type Database from 'better-sqlite3';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fleet } from './fleet.js';

export interface Kill {
  readonly which: 'gpu' | 'all';
  /** Milliseconds since 1970. */
  readonly at: number;
}

const POLL_MS = 250;

/**
 * Kills workers until `count` is reached or the signal is raised: the gpu worker and all workers by turns, for the first time some
 * seconds after the first step is stored.
 */
export async function killWorkers(
  fleet: Fleet,
  { count, everySeconds }: { readonly count: number; readonly everySeconds: number },
  hasBegun: () => boolean,
  signal: AbortSignal,
): Promise<Kill[]> {
  const kills: Kill[] = [];
  if (count === 0) return kills;
  while (!signal.aborted && !hasBegun()) {
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
  while (kills.length < count) {
    await sleep(1000 * everySeconds, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) break;
    const which = kills.length % 2 === 0 ? 'gpu' : 'all';
    kills.push({ which, at: fleet.kill(which) });
  }
  return kills;
}

/** Milliseconds from a SIGKILL to the next stored step, of each run that had one before and has one after. */
export interface Recovery {
  readonly which: Kill['which'];
  readonly runs: number;
  readonly firstMs: number;
  readonly medianMs: number;
  readonly lastMs: number;
}

/** What the rows say of each kill: runs that were under way then, and when each of them went on. */
export function recoveries(db: Database.Database, kills: readonly Kill[]): Recovery[] {
  const next = db.prepare<[{ at: number }], { ms: number }>(`
    select min(created_at) - @at as ms from invocations
    where created_at > @at and run_id in (
      select id from runs where started_at <= @at and (finished_at is null or finished_at > @at))
    group by run_id order by ms`);
  return kills.flatMap(({ which, at }) => {
    const times = next.all({ at }).map(({ ms }) => ms);
    if (times.length === 0) return [];
    const medianMs = times[Math.floor(times.length / 2)]!;
    return [{ which, runs: times.length, firstMs: times[0]!, medianMs, lastMs: times.at(-1)! }];
  });
}
