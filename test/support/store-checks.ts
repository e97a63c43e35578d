import Database from 'better-sqlite3';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { contentDigest } from '../../db/read/content.js';
import { statisticsCode } from '../../activities/statistics-code.js';
import { checkInvariants } from '../../db/doctor/index.js';
import type { StatisticsPlace } from '../../db/doctor/index.js';
import { openStore } from '../../db/index.js';
import type { Connection, Store } from '../../db/index.js';
import { DATABASE_FILE } from '../../db/layout.js';
import { BAR_MEASURES } from '../../tda/index.js';
import { until } from './child-processes.js';

export async function withStore<T>(
  data: string,
  use: (store: Store<Connection>) => Promise<T> | T,
): Promise<T> {
  const store = openStore(data);
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

/**
 * Every violation of `INVARIANTS` (db/doctor/violation.ts), as sentences: those of all rows, or of one experiment. A
 * sound store has none.
 */
export function violations(data: string, experiment?: string): Promise<string[]> {
  return withStore(data, (store) => violationsIn(store, experiment));
}

/** The same for an open store. */
export async function violationsIn({ db, objects }: Store, experiment?: string): Promise<string[]> {
  const found: string[] = [];
  const of = experiment === undefined ? {} : { experiment };
  const options = { deep: true, measures: BAR_MEASURES, ...of };
  for await (const violation of checkInvariants(db, objects, options)) {
    found.push(`${violation.invariant} ${violation.table} ${violation.id}: ${violation.message}`);
  }
  return found;
}

/** What is wrong with the numbers of trajectories, and those that are missing: each is computed again. */
export function wrongNumbers(data: string): Promise<string[]> {
  return withStore(data, async (store) => {
    const found: string[] = [];
    const options = {
      deep: true,
      statistics: statisticsCode(store, Date.now),
      onUncomputed: ({ run, model }: StatisticsPlace) => found.push(`run ${run} has no numbers of ${model}`),
    };
    for await (const { message } of checkInvariants(store.db, store.objects, options)) found.push(message);
    return found;
  });
}

/**
 * SHA-256 over the content of an experiment. Equal results give equal digests, whatever happened on the way.
 */
export function digestOf(data: string, experiment: string): Promise<string> {
  return withStore(data, ({ db }) => contentDigest(db, experiment));
}

/** Every row with its ids and times, to show that a command changed nothing. */
export function allRows(data: string): Record<string, unknown[]> {
  const sqlite = new Database(join(data, DATABASE_FILE), { readonly: true, timeout: 30_000 });
  try {
    const tables = sqlite
      .prepare<[], string>(
        "select name from sqlite_master where type = 'table' and name not like 'sqlite_%' order by name",
      )
      .pluck()
      .all();
    return Object.fromEntries(
      tables.map((table) => [table, sqlite.prepare(`select * from "${table}" order by rowid`).all()]),
    );
  } finally {
    sqlite.close();
  }
}

/** Invocations of all experiments in the folder; 0 if there is no database yet. */
export function invocationCount(data: string): number {
  const file = join(data, DATABASE_FILE);
  if (!existsSync(file)) return 0;
  const sqlite = new Database(file, { readonly: true, timeout: 30_000 });
  try {
    return Number(sqlite.prepare('select count(*) from invocations').pluck().get());
  } catch {
    // The tables are being made.
    return 0;
  } finally {
    sqlite.close();
  }
}

/** Resolves when the folder's experiments have at least this many invocations. */
export function untilInvocations(data: string, count: number): Promise<void> {
  return until(`${data} has ${count} invocations`, () => invocationCount(data) >= count);
}
