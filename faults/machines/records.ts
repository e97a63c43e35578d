import { connectStoreReadonly, contentDigest, type Store, type StorePlace } from '../../db/index.js';
import { checkInvariants } from '../../db/doctor/index.js';
import { BAR_MEASURES } from '../../tda/index.js';
import type { Steps } from './watch.js';

/** The rows of an experiment while it is under way. */
export interface Records {
  steps(): Promise<Steps>;
  /** Failed attempts in the log. */
  failures(): Promise<number>;
  close(): Promise<void>;
}

const STEPS = `
  select run_index as run, case when stop_reason is null then 0 else 1 end as ended,
    coalesce((select max(sequence) + 1 from invocations where run_id = runs.id), 0) as made
  from runs where experiment_id = ?`;

const FAILURES = `
  select count(*) as count from failures where run_id in (select id from runs where experiment_id = ?)`;

/** Throws while there is no database yet. */
export async function openRecords(place: StorePlace, experiment: string): Promise<Records> {
  const store = await openExisting(place);
  async function rows<T>(query: string): Promise<T[]> {
    const snapshot = await store.db.snapshot();
    try {
      const found: T[] = [];
      for await (const row of snapshot.rows<T>(query, experiment)) found.push(row);
      return found;
    } finally {
      await snapshot.close();
    }
  }
  return {
    async steps() {
      const found = await rows<{ run: number; made: number; ended: number }>(STEPS);
      return new Map(found.map(({ run, made, ended }) => [run, { made, ended: ended === 1 }]));
    },
    failures: async () => (await rows<{ count: number }>(FAILURES))[0]!.count,
    close: () => store.close(),
  };
}

/** Every broken invariant as a sentence, and the digest of an experiment's content. */
export async function examine(
  place: StorePlace,
  experiment: string,
): Promise<{ violations: readonly string[]; digest: string }> {
  const store = await openExisting(place);
  try {
    const violations: string[] = [];
    const options = { deep: true, measures: BAR_MEASURES };
    for await (const { invariant, table, id, message } of checkInvariants(store.db, store.objects, options)) {
      violations.push(`${table} ${id}: ${message} (invariant ${invariant})`);
    }
    return { violations, digest: await contentDigest(store.db, experiment) };
  } finally {
    await store.close();
  }
}

async function openExisting(place: StorePlace): Promise<Store> {
  const store = await connectStoreReadonly(place);
  if (store === null) throw new Error('there is no database yet');
  return store;
}
