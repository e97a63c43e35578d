import {
  and,
  asc,
  count,
  desc,
  eq,
  gte,
  inArray,
  isNotNull,
  isNull,
  lt,
  notInArray,
  or,
  type SQL,
  sql,
} from 'drizzle-orm';
import { PanicError } from '../../common/errors.js';
import { storableMessage } from '../../common/text.js';
import type { Database } from '../connection/database.js';
import { restKeeper } from './rests.js';
import { experiments, failures, runs } from '../schema.js';
import {
  ENDED_RUN_STATUSES,
  type RunHold,
  UNDER_WAY_RUN_STATUSES,
  UNFINISHED_RUN_STATUSES,
} from '../../experiment/run-status.js';
import { quoted } from '../quoted.js';
import { all, get as first, run as execute } from '../connection/work.js';
import type { Work } from '../connection/work.js';

export type RunRow = Omit<typeof runs.$inferSelect, 'network'> & { readonly network: readonly string[] };
export type FailureRow = typeof failures.$inferSelect;
export type Stage = FailureRow['stage'];

export interface FailedAttempt {
  readonly stage: Stage;
  readonly sequence: number | null;
  readonly kind: string;
  readonly message: string;
}

export type RunTable = ReturnType<typeof runTable>;

export function unknownRun(experimentId: string, runIndex: number): PanicError {
  return new PanicError(
    'InvalidInput',
    `experiment ${experimentId} has no run ${runIndex} in this data folder`,
  );
}

export function runTable({ build, read, write, rows }: Database) {
  const rests = restKeeper({ build, rows });
  const byIndex = build
    .select()
    .from(runs)
    .where(
      and(
        eq(runs.experimentId, sql.placeholder('experimentId')),
        eq(runs.runIndex, sql.placeholder('runIndex')),
      ),
    )
    .prepare();

  async function get(experimentId: string, runIndex: number): Promise<RunRow> {
    const row = await read(() => first(byIndex, { experimentId, runIndex }));
    if (row === undefined) throw await missing(experimentId, runIndex);
    return withNetwork(row);
  }

  /** The reason why a run is not stored. */
  async function missing(experimentId: string, runIndex: number): Promise<PanicError> {
    const query = build
      .select({ total: experiments.runCount })
      .from(experiments)
      .where(
        and(eq(experiments.id, experimentId), isNull(experiments.startedAt), isNull(experiments.deletingAt)),
      );
    const experiment = await read(() => first(query));
    if (experiment === undefined || runIndex >= experiment.total) return unknownRun(experimentId, runIndex);
    return new PanicError(
      'InvalidInput',
      `run ${runIndex} of experiment ${experimentId} is not planned yet: its planning goes on, or was cut off; "panic-tda resume ${experimentId}" plans the rest and runs it`,
    );
  }

  /** All runs at once; only for small numbers. */
  async function list(experimentId: string): Promise<RunRow[]> {
    const query = build
      .select()
      .from(runs)
      .where(eq(runs.experimentId, experimentId))
      .orderBy(asc(runs.runIndex));
    return (await read(() => all(query))).map(withNetwork);
  }

  /** The first failed runs of an experiment. */
  async function failed(experimentId: string, limit: number) {
    const query = build
      .select({ runIndex: runs.runIndex, errorKind: runs.errorKind, errorMessage: runs.errorMessage })
      .from(runs)
      .where(and(eq(runs.experimentId, experimentId), eq(runs.status, 'failed')))
      .orderBy(asc(runs.runIndex))
      .limit(limit);
    return read(() => all(query));
  }

  /** Indices in [from, to) of the runs still to be worked on: neither finished nor failed. */
  async function unfinished(experimentId: string, from: number, to: number): Promise<number[]> {
    const query = build
      .select({ runIndex: runs.runIndex })
      .from(runs)
      .where(
        and(
          eq(runs.experimentId, experimentId),
          gte(runs.runIndex, from),
          lt(runs.runIndex, to),
          inArray(runs.status, UNFINISHED_RUN_STATUSES),
        ),
      )
      .orderBy(asc(runs.runIndex));
    return (await read(() => all(query))).map((row) => row.runIndex);
  }

  /**
   * Which of these models the unfinished runs still call: the models of networks whose trajectory has not
   * ended, and those that have outputs of a run to embed. `failed` says which failed runs count too: the one
   * of an index, all, or none.
   */
  async function stillCalled(
    experimentId: string,
    names: { readonly generative: readonly string[]; readonly embedding: readonly string[] },
    failed: number | 'all' | 'none',
  ): Promise<string[]> {
    const open = sql`${runs.experimentId} = ${experimentId} and (${runs.status} in (${sql.raw(quoted(UNFINISHED_RUN_STATUSES))})${
      failed === 'none'
        ? sql``
        : failed === 'all'
          ? sql` or ${runs.status} = 'failed'`
          : sql` or (${runs.status} = 'failed' and ${runs.runIndex} = ${failed})`
    })`;
    return await read(function* () {
      const networks = yield* all(
        build
          .selectDistinct({ network: runs.network })
          .from(runs)
          .where(sql`${open} and ${runs.stopReason} is null`),
      );
      const called = new Set(networks.flatMap(({ network }) => namesIn(network)));
      const needed = names.generative.filter((name) => called.has(name));
      for (const name of names.embedding) {
        const lacking = build
          .select({ id: runs.id })
          .from(runs)
          .where(sql`${open} and (${runs.stopReason} is null or not ${embeddedBy(name)})`)
          .limit(1);
        if ((yield* first(lacking)) !== undefined) needed.push(name);
      }
      return needed;
    });
  }

  /**
   * Indices of runs that have begun and not ended, at most `limit`; if there are none, indices of the first
   * runs that are to begin.
   */
  async function underWay(experimentId: string, limit: number): Promise<number[]> {
    for (const status of UNDER_WAY_RUN_STATUSES.toReversed()) {
      const query = build
        .select({ runIndex: runs.runIndex })
        .from(runs)
        .where(and(eq(runs.experimentId, experimentId), eq(runs.status, status)))
        .limit(limit);
      const found = await read(() => all(query));
      if (found.length > 0) return found.map((row) => row.runIndex);
    }
    return [];
  }

  const setRunning = build
    .update(runs)
    .set({
      status: 'running',
      startedAt: sql`coalesce(${runs.startedAt}, ${sql.placeholder('now')})`,
      finishedAt: null,
    })
    .where(and(eq(runs.id, sql.placeholder('id')), notInArray(runs.status, ENDED_RUN_STATUSES)))
    .prepare();

  async function markRunning(run: RunRow, now: number): Promise<void> {
    if (run.status === 'running') return;
    await write(() => execute(setRunning, { id: run.id, now }));
  }

  /**
   * Holds one run, or releases it. False if nothing changes: the run is in that state already, or it has
   * ended. A cancelled run that is released waits again. If no other run of its experiment was at work, the
   * time from the last stored row until now counts as a rest.
   */
  async function setHold(run: RunRow, hold: RunHold | null, now: number): Promise<boolean> {
    return write(() => changedHold(run, hold, now));
  }

  function* changedHold(run: RunRow, hold: RunHold | null, now: number): Work<boolean> {
    const nothingAtWork = hold === null && !(yield* isAtWork(run.experimentId));
    const waiting = sql`case when ${runs.status} = 'cancelled' then 'pending' else ${runs.status} end`;
    const query = build
      .update(runs)
      .set(hold === null ? { hold, status: waiting } : { hold })
      .where(
        and(
          eq(runs.id, run.id),
          inArray(runs.status, UNFINISHED_RUN_STATUSES),
          hold === null
            ? or(isNotNull(runs.hold), eq(runs.status, 'cancelled'))
            : sql`${runs.hold} is distinct from ${hold}`,
        ),
      );
    const changed = (yield* execute(query)) === 1;
    if (changed && nothingAtWork) yield* rests.addSinceLastWork(run.experimentId, now);
    return changed;
  }

  /** Whether an experiment has open runs that no user holds one by one. */
  function* isAtWork(experimentId: string): Work<boolean> {
    const open = inArray(runs.status, UNDER_WAY_RUN_STATUSES);
    const query = build
      .select({ id: runs.id })
      .from(runs)
      .where(and(eq(runs.experimentId, experimentId), open, isNull(runs.hold)))
      .limit(1);
    return (yield* first(query)) !== undefined;
  }

  /** Ends a run that did not finish. A finished run stays as it is. */
  async function stop(
    run: RunRow,
    outcome: { status: 'failed'; kind: string; message: string } | { status: 'cancelled' },
    now: number,
  ): Promise<void> {
    const error =
      outcome.status === 'failed'
        ? { errorKind: storableMessage(outcome.kind), errorMessage: storableMessage(outcome.message) }
        : {};
    const query = build
      .update(runs)
      .set({ status: outcome.status, finishedAt: now, ...error })
      .where(and(eq(runs.id, run.id), inArray(runs.status, UNFINISHED_RUN_STATUSES)));
    await write(() => execute(query));
  }

  /**
   * Logs one failed attempt. Returns how many failures of this kind the same step has had since the last
   * `retry`.
   */
  async function logFailure(run: RunRow, failure: FailedAttempt, now: number): Promise<number> {
    return write(() => loggedFailure(run, failure, now));
  }

  function* loggedFailure(run: RunRow, failure: FailedAttempt, now: number): Work<number> {
    const kind = storableMessage(failure.kind);
    yield* execute(
      build.insert(failures).values({
        runId: run.id,
        attempt: run.attempt,
        ...failure,
        kind,
        message: storableMessage(failure.message),
        createdAt: now,
      }),
    );
    const query = build
      .select({ total: count() })
      .from(failures)
      .where(
        and(
          eq(failures.runId, run.id),
          eq(failures.attempt, run.attempt),
          eq(failures.stage, failure.stage),
          eq(failures.kind, kind),
          sql`${failures.sequence} is not distinct from ${failure.sequence}`,
        ),
      );
    return (yield* first(query))!.total;
  }

  async function failuresOf(run: RunRow): Promise<FailureRow[]> {
    const query = build.select().from(failures).where(eq(failures.runId, run.id)).orderBy(asc(failures.id));
    return read(() => all(query));
  }

  /** The newest logged failure of an experiment, or null. */
  async function lastFailure(
    experimentId: string,
  ): Promise<(FailureRow & { readonly runIndex: number }) | null> {
    const query = build
      .select({ failure: failures, runIndex: runs.runIndex })
      .from(failures)
      .innerJoin(runs, eq(runs.id, failures.runId))
      .where(eq(runs.experimentId, experimentId))
      .orderBy(desc(failures.id))
      .limit(1);
    const row = await read(() => first(query));
    return row === undefined ? null : { ...row.failure, runIndex: row.runIndex };
  }

  return {
    get,
    list,
    failed,
    unfinished,
    stillCalled,
    underWay,
    markRunning,
    setHold,
    stop,
    logFailure,
    failuresOf,
    lastFailure,
  };
}

/**
 * Whether a run has outputs that a model of this name embeds, and a vector of one such model for each of
 * them.
 */
function embeddedBy(name: string): SQL {
  return sql`exists (
    select 1 from models m where m.name = ${name} and m.kind = 'embedding'
      and exists (
        select 1 from invocations i join embeddings e on e.invocation_id = i.id
        where i.run_id = ${runs.id} and e.model_id = m.id)
      and not exists (
        select 1 from invocations i join artifacts o on o.id = i.output_id
        where i.run_id = ${runs.id} and o.modality = m.input
          and not exists (select 1 from embeddings e where e.invocation_id = i.id and e.model_id = m.id)))`;
}

/** A row with its list of models. */
export function withNetwork(row: typeof runs.$inferSelect): RunRow {
  return { ...row, network: namesIn(row.network) };
}

function namesIn(json: string): readonly string[] {
  return JSON.parse(json);
}
