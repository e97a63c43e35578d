import type Database from 'better-sqlite3';

/** Runs writes that arrive together in one transaction: one fsync for all of them. */
export interface Writer {
  /**
   * Runs `work` inside a transaction that is durable when the promise resolves. Where `work` throws, its own changes
   * are undone and only its promise rejects; where the commit fails, every promise of the group rejects.
   */
  write<T>(work: () => T): Promise<T>;
}

interface Job {
  /** Runs the work; returns what to tell the caller once the group is durable. */
  readonly run: () => () => void;
  readonly fail: (error: unknown) => void;
}

// How long a group waits for more, where the one before had more than one member; a lone run never waits. Compare
// commit_delay and commit_siblings of PostgreSQL.
const COMPANY_DELAY_MS = 1;

/**
 * Group commit for one process. Steps of many runs end at about the same time, and a transaction each would make them
 * queue for the disk: an fsync takes as long as several steps of a fast model.
 */
export function createWriter(sqlite: Database.Database): Writer {
  let waiting: Job[] = [];
  let hasCompany = false;
  const savepoint = sqlite.transaction((job: Job) => job.run());
  const group = sqlite.transaction((jobs: readonly Job[]) => jobs.map((job) => attempt(job)));

  function attempt(job: Job): () => void {
    try {
      return savepoint(job);
    } catch (error) {
      // Some errors (a full disk) make SQLite undo the whole transaction: then nobody's work is there.
      if (!sqlite.inTransaction) throw error;
      return () => job.fail(error);
    }
  }

  function flush(): void {
    const jobs = waiting;
    waiting = [];
    hasCompany = jobs.length > 1;
    try {
      for (const tell of group.immediate(jobs)) tell();
    } catch (error) {
      for (const job of jobs) job.fail(error);
    }
  }

  function write<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = () => {
        const value = work();
        return () => resolve(value);
      };
      waiting.push({ run, fail: reject });
      if (waiting.length > 1) return;
      if (hasCompany) setTimeout(flush, COMPANY_DELAY_MS);
      else setImmediate(flush);
    });
  }

  return { write };
}
