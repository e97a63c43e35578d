import type Database from 'better-sqlite3';
import { closeSync, fdatasync, openSync } from 'node:fs';
import { promisify } from 'node:util';

/** Runs writes that arrive together in one transaction, and makes many of them durable with one fsync. */
export interface Writer {
  /**
   * Runs `work` inside a transaction that is durable when the promise resolves. Where `work` throws, its own changes
   * are undone and only its promise rejects; where the commit fails, every promise of the group rejects.
   */
  write<T>(work: () => T): Promise<T>;
  /** To be called when every write is settled, before the connection is closed. */
  close(): void;
}

const synchroniseData = promisify(fdatasync);

interface Job {
  /** Runs the work; returns what to tell the caller once it is durable. */
  readonly run: () => Outcome;
  readonly fail: (error: unknown) => void;
}

interface Outcome {
  readonly tell: () => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Group commit for one process. A step of a fast model takes less time than an fsync, and an fsync inside COMMIT holds
 * up the whole event loop. So groups commit without one (`synchronous = NORMAL`), the write-ahead log is synchronised on
 * another thread, and nobody is told before that: who hears of a write has what `synchronous = FULL` promises. Meanwhile
 * further groups commit, and share the next fsync. SQLite itself synchronises the log before it writes pages back to the
 * database (https://sqlite.org/wal.html, "Checkpointing"). `mayWrite` is called at the beginning of each transaction; what it throws is the
 * answer to every write of the group.
 */
export function createWriter(sqlite: Database.Database, mayWrite: () => void): Writer {
  let waiting: Job[] = [];
  let committed: Outcome[] = [];
  let syncing: Promise<void> | null = null;
  let log: number | null = null;
  const savepoint = sqlite.transaction((job: Job) => job.run());
  const group = sqlite.transaction((jobs: readonly Job[]) => {
    mayWrite();
    return jobs.map((job) => attempt(job, jobs.length === 1));
  });

  /** Undoes nobody else's work where a job throws; one that is alone needs no savepoint for that. */
  function attempt(job: Job, alone: boolean): Outcome {
    if (alone) return job.run();
    try {
      return savepoint(job);
    } catch (error) {
      // Some errors (a full disk) make SQLite undo the whole transaction: then nobody's work is there.
      if (!sqlite.inTransaction) throw error;
      return { tell: () => job.fail(error), fail: job.fail };
    }
  }

  function flush(): void {
    const jobs = waiting;
    waiting = [];
    try {
      committed.push(...commitUnsynchronised(jobs));
    } catch (error) {
      for (const job of jobs) job.fail(error);
      return;
    }
    syncing ??= synchronise();
  }

  function commitUnsynchronised(jobs: readonly Job[]): Outcome[] {
    sqlite.pragma('synchronous = NORMAL');
    try {
      return group.immediate(jobs);
    } finally {
      sqlite.pragma('synchronous = FULL');
    }
  }

  /** Makes all that is committed durable and tells it, until nothing is left. */
  async function synchronise(): Promise<void> {
    while (committed.length > 0) {
      const outcomes = committed;
      committed = [];
      try {
        log ??= openSync(`${sqlite.name}-wal`, 'r+');
        await synchroniseData(log);
        for (const { tell } of outcomes) tell();
      } catch (error) {
        for (const { fail } of outcomes) fail(error);
      }
    }
    syncing = null;
  }

  function write<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = (): Outcome => {
        const value = work();
        return { tell: () => resolve(value), fail: reject };
      };
      waiting.push({ run, fail: reject });
      if (waiting.length === 1) setImmediate(flush);
    });
  }

  function close(): void {
    // A descriptor in use by another thread is left to the end of the process.
    if (log !== null && syncing === null) closeSync(log);
    log = null;
  }

  return { write, close };
}
