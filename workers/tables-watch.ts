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

/** Why a worker has to end that works as it should. */
export interface Outdated {
  readonly reason: string;
  /** Whether the tables are of a newer version already, so that a worker that is started again in its place is refused. */
  readonly tablesAreNewer: boolean;
}

export interface TablesWatch {
  /** Resolves where this worker may not go on. */
  readonly outdated: Promise<Outdated>;
  /** A sentence where the tables are of a newer version to which this worker may write; null otherwise. */
  readonly remark: () => string | null;
  readonly stop: () => void;
}

/** So long may a migration that is not for this worker wait for it; each look is a query or two of some rows. */
const EVERY_MS = 5000;

/**
 * Looks now and then of which version the tables are. It guards no write: a migration that is not for this worker waits until it has left a
 * Postgres database, and each transaction looks for itself in an SQLite file.
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
      // A connection that was made for this question is not let in.
      if (error instanceof AboutToBeMigrated) return { reason: error.message, tablesAreNewer: false };
      // A store that does not answer is told by others, and may be back at the next look.
      return null;
    }
  }

  const outdated = watch();
  // It ends so where the worker stops for another reason.
  outdated.catch(() => undefined);
  return { outdated, remark: () => remark, stop: () => stopped.abort() };
}
