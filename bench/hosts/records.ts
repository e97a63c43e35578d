import Database from 'better-sqlite3';
import { join } from 'node:path';
import { checkInvariants, contentDigest, openStoreReadonly, type Store } from '../../db/index.js';
import { DATABASE_FILE } from '../../db/layout.js';
import { persistenceEntropy } from '../../tda/index.js';
import type { Steps } from './watch.js';

/** What is stored of an experiment. */
export interface Records {
  steps(): Promise<Steps>;
  /** Failed attempts that were logged. */
  failures(): Promise<number>;
  close(): Promise<void>;
}

export async function openRecords(data: string, experiment: string): Promise<Records> {
  const sqlite = new Database(join(data, DATABASE_FILE), { readonly: true, timeout: 30_000 });
  const steps = sqlite.prepare<[string], { run: number; made: number; ended: number }>(
    `select run_index as run, count(stop_reason) over (partition by id) as ended,
       coalesce((select max(sequence) + 1 from invocations where run_id = runs.id), 0) as made
     from runs where experiment_id = ?`,
  );
  const failures = sqlite.prepare<[], { count: number }>('select count(*) as count from failures');
  return {
    steps: async () =>
      new Map(steps.all(experiment).map(({ run, made, ended }) => [run, { made, ended: ended > 0 }])),
    failures: async () => failures.get()!.count,
    close: async () => void sqlite.close(),
  };
}

/** Every broken invariant as a sentence, and the digest of an experiment's content. */
export async function examine(
  data: string,
  experiment: string,
): Promise<{ violations: readonly string[]; digest: string }> {
  const store: Store | null = openStoreReadonly(data);
  if (store === null) throw new Error(`there is no database in ${data}`);
  try {
    const violations: string[] = [];
    const options = { deep: true, entropyOf: persistenceEntropy };
    for await (const { invariant, table, id, message } of checkInvariants(store.db, store.objects, options)) {
      violations.push(`${table} ${id}: ${message} (invariant ${invariant})`);
    }
    return { violations, digest: contentDigest(store.db, experiment) };
  } finally {
    store.close();
  }
}
