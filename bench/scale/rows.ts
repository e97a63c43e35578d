import { sql } from 'drizzle-orm';
import type { Store } from '../../db/index.js';

/** Figures from the rows of an experiment, or of all experiments. */
export interface Made {
  readonly invocations: number;
  /** From the first of them to the last. */
  readonly seconds: number;
}

export async function madeIn({ db }: Store, experiment: string | null): Promise<Made> {
  const of =
    experiment === null
      ? sql``
      : sql`where run_id in (select id from runs where experiment_id = ${experiment})`;
  const [row] = await db.read(() =>
    db.rows<{ invocations: number; ms: number | null }>(
      sql`select count(*) as invocations, max(created_at) - min(created_at) as ms from invocations ${of}`,
    ),
  );
  return { invocations: row!.invocations, seconds: (row!.ms ?? 0) / 1000 };
}

/** Runs of an experiment that were retried after they had failed. */
export async function retriedIn({ db }: Store, experiment: string): Promise<number> {
  const [row] = await db.read(() =>
    db.rows<{ retried: number }>(
      sql`select count(*) as retried from runs where experiment_id = ${experiment} and attempt > 1`,
    ),
  );
  return row!.retried;
}

/** Milliseconds of the queries that commands make. */
export async function queryTimes(store: Store, id: string): Promise<Record<string, number>> {
  const times: Record<string, number> = {};
  const time = async (name: string, query: () => Promise<unknown>): Promise<void> => {
    const startedAt = performance.now();
    await query();
    times[name] = performance.now() - startedAt;
  };
  await time('progress', () => store.summaries.progress(id));
  await time('recent rate', () => store.summaries.recentRate(id, Date.now()));
  await time('runs by status', () => store.experiments.runsByStatus(id));
  await time('last failure', () => store.runs.lastFailure(id));
  await time('summary', () => store.summaries.summary(id));
  return times;
}
