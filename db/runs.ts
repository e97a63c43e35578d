import { and, asc, count, desc, eq, gte, inArray, lt, ne, sql } from 'drizzle-orm';
import { PanicError } from '../experiment/errors.js';
import type { Connection } from './connection.js';
import { failures, runs } from './schema.js';
import type { RunStatus } from './schema.js';
import type { Writer } from './writer.js';

export type RunRow = Omit<typeof runs.$inferSelect, 'network'> & { readonly network: readonly string[] };
export type FailureRow = typeof failures.$inferSelect;
export type Stage = FailureRow['stage'];

export type RunTable = ReturnType<typeof runTable>;

export function runTable(db: Connection, writer: Writer) {
  const byIndex = db
    .select()
    .from(runs)
    .where(
      and(
        eq(runs.experimentId, sql.placeholder('experimentId')),
        eq(runs.runIndex, sql.placeholder('runIndex')),
      ),
    )
    .prepare();

  function get(experimentId: string, runIndex: number): RunRow {
    const row = byIndex.get({ experimentId, runIndex });
    if (row === undefined) {
      throw new PanicError(
        'InvalidInput',
        `experiment ${experimentId} has no run ${runIndex} in this data folder`,
      );
    }
    return { ...row, network: JSON.parse(row.network) as string[] };
  }

  function list(experimentId: string): RunRow[] {
    return db
      .select()
      .from(runs)
      .where(eq(runs.experimentId, experimentId))
      .orderBy(asc(runs.runIndex))
      .all()
      .map((row) => ({ ...row, network: JSON.parse(row.network) as string[] }));
  }

  /** The first failed runs of an experiment. */
  function failed(experimentId: string, limit: number) {
    return db
      .select({ runIndex: runs.runIndex, errorKind: runs.errorKind, errorMessage: runs.errorMessage })
      .from(runs)
      .where(and(eq(runs.experimentId, experimentId), eq(runs.status, 'failed')))
      .orderBy(asc(runs.runIndex))
      .limit(limit)
      .all();
  }

  /** Indices in [from, to) of the runs still to be worked on: neither finished nor failed. */
  function unfinished(experimentId: string, from: number, to: number): number[] {
    return db
      .select({ runIndex: runs.runIndex })
      .from(runs)
      .where(
        and(
          eq(runs.experimentId, experimentId),
          gte(runs.runIndex, from),
          lt(runs.runIndex, to),
          inArray(runs.status, ['pending', 'running', 'cancelled']),
        ),
      )
      .orderBy(asc(runs.runIndex))
      .all()
      .map((row) => row.runIndex);
  }

  const setRunning = db
    .update(runs)
    .set({
      status: 'running',
      startedAt: sql`coalesce(${runs.startedAt}, ${sql.placeholder('now')})`,
      finishedAt: null,
    })
    .where(and(eq(runs.id, sql.placeholder('id')), ne(runs.status, 'finished'), ne(runs.status, 'failed')))
    .prepare();

  async function markRunning(run: RunRow, now: number): Promise<void> {
    if (run.status === 'running') return;
    await writer.write(() => setRunning.run({ id: run.id, now }));
  }

  /** Ends a run that did not finish. A finished run is left as it is. */
  function stop(
    run: RunRow,
    outcome: { status: 'failed'; kind: string; message: string } | { status: 'cancelled' },
    now: number,
  ): void {
    const error =
      outcome.status === 'failed' ? { errorKind: outcome.kind, errorMessage: outcome.message } : {};
    db.update(runs)
      .set({ status: outcome.status, finishedAt: now, ...error })
      .where(
        and(
          eq(runs.id, run.id),
          inArray(runs.status, ['pending', 'running', 'cancelled'] satisfies RunStatus[]),
        ),
      )
      .run();
  }

  /** Logs one failed attempt; returns how many of this kind the same step has had since the last `retry`. */
  function logFailure(
    run: RunRow,
    failure: { stage: Stage; sequence: number | null; kind: string; message: string },
    now: number,
  ): number {
    db.insert(failures)
      .values({ runId: run.id, attempt: run.attempt, ...failure, createdAt: now })
      .run();
    const { total } = db
      .select({ total: count() })
      .from(failures)
      .where(
        and(
          eq(failures.runId, run.id),
          eq(failures.attempt, run.attempt),
          eq(failures.stage, failure.stage),
          eq(failures.kind, failure.kind),
          sql`${failures.sequence} is ${failure.sequence}`,
        ),
      )
      .get()!;
    return total;
  }

  function failuresOf(run: RunRow): FailureRow[] {
    return db.select().from(failures).where(eq(failures.runId, run.id)).orderBy(asc(failures.id)).all();
  }

  /** The newest logged failure of an experiment, or null. */
  function lastFailure(experimentId: string): (FailureRow & { readonly runIndex: number }) | null {
    const row = db
      .select({ failure: failures, runIndex: runs.runIndex })
      .from(failures)
      .innerJoin(runs, eq(runs.id, failures.runId))
      .where(eq(runs.experimentId, experimentId))
      .orderBy(desc(failures.id))
      .limit(1)
      .get();
    return row === undefined ? null : { ...row.failure, runIndex: row.runIndex };
  }

  return { get, list, failed, unfinished, markRunning, stop, logFailure, failuresOf, lastFailure };
}
