import { setTimeout as sleep } from 'node:timers/promises';
import {
  AboutToBeMigrated,
  accessTo,
  isNewer,
  leaveText,
  NewerTables,
  newerRemark,
  newerText,
} from '../db/index.js';
import type { Store } from '../db/index.js';

/** Why a healthy worker has to end. */
export interface Outdated {
  readonly reason: string;
  /** Whether the tables already are of a newer version, which refuses this worker if it is started again. */
  readonly tablesAreNewer: boolean;
}

export interface TablesWatch {
  /** Resolves when this worker may not go on. */
  readonly outdated: Promise<Outdated>;
  /** A sentence if the tables are of a newer version to which this worker may write; null otherwise. */
  readonly remark: () => string | null;
  readonly stop: () => void;
}

/**
 * A migration that is not for this worker may wait this long until the worker leaves. Each look costs one or
 * two queries of a few rows.
 */
const EVERY_MS = 5000;

/**
 * Looks at intervals which version the tables have. It guards no write: with Postgres, a migration that is
 * not for this worker waits until the worker has left; with SQLite, each transaction checks the version
 * itself.
 */
export function watchTables({ db }: Store): TablesWatch {
  let remark = isNewer(db.tables) ? newerRemark(db.name, db.tables) : null;
  const stopped = new AbortController();

  async function watch(): Promise<Outdated> {
    for (;;) {
      await sleep(EVERY_MS, undefined, { ref: false, signal: stopped.signal });
      const why = await look();
      if (why !== null) return why;
    }
  }

  async function look(): Promise<Outdated | null> {
    try {
      const { tables, leaveFor } = await db.tablesNow();
      if (accessTo(tables) !== 'writing') return { reason: newerText(db.name, tables), tablesAreNewer: true };
      remark = isNewer(tables) ? newerRemark(db.name, tables) : null;
      return leaveFor === null ? null : { reason: leaveText(db.name, leaveFor), tablesAreNewer: false };
    } catch (error) {
      if (error instanceof NewerTables) return { reason: error.message, tablesAreNewer: true };
      // The database refuses the new connection that this question needed.
      if (error instanceof AboutToBeMigrated) return { reason: error.message, tablesAreNewer: false };
      // Readiness reports a store that does not answer. The store may be back at the next look.
      return null;
    }
  }

  const outdated = watch();
  // `stop` ends the loop with an AbortError, which a caller may not be waiting for.
  outdated.catch(() => undefined);
  return { outdated, remark: () => remark, stop: () => stopped.abort() };
}
