import type Database from 'better-sqlite3';
import { closeSync, fdatasync, openSync } from 'node:fs';
import { promisify } from 'node:util';

/** Runs writes that arrive together in one transaction, and makes many of them durable with one fsync. */
export interface Writer {
  /**
   * Runs `work` inside a transaction that is durable when the promise resolves. If `work` throws, only its
   * own changes are undone and only its promise rejects. If the commit fails, every promise of the group
   * rejects.
   */
  write<T>(work: () => T): Promise<T>;
  /** Call it after every write has settled, and before you close the connection. */
  close(): void;
}

const synchroniseData = promisify(fdatasync);

interface Job {
  /** Runs the work. Returns the functions that resolve or reject the caller's promise later. */
  readonly run: () => Outcome;
  readonly fail: (error: unknown) => void;
}

interface Outcome {
  readonly tell: () => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Group commit for one process. A step of a fast model takes less time than an fsync, and an fsync inside
 * COMMIT blocks the whole event loop. So a group commits without one (`synchronous = NORMAL`), and another
 * thread synchronises the write-ahead log. The promises of the group resolve only after that, so a resolved
 * write has the durability of `synchronous = FULL`. Meanwhile further groups commit, and share the next
 * fsync. SQLite itself synchronises the log before it writes pages back to the database
 * (https://sqlite.org/wal.html, "Checkpointing"). The writer calls `mayWrite` at the beginning of each
 * transaction; if it throws, every write of the group rejects with its error.
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

  /**
   * If a job throws, this undoes only the work of that job. A job that is alone in its transaction needs no
   * savepoint for that.
   */
  function attempt(job: Job, alone: boolean): Outcome {
    if (alone) return job.run();
    try {
      return savepoint(job);
    } catch (error) {
      // Some errors (a full disk) make SQLite undo the whole transaction: then the work of every job is lost.
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

  /** Makes all committed work durable and resolves its promises, until none is left. */
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
    // If another thread uses the descriptor now, it stays open until the process ends.
    if (log !== null && syncing === null) closeSync(log);
    log = null;
  }

  return { write, close };
}
