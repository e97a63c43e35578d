import { and, asc, count, eq, gt, inArray, isNotNull, isNull, sql } from 'drizzle-orm';
import { storedConfig } from '../../experiment/stored-config.js';
import type { ExperimentConfig } from '../../experiment/config.js';
import { PanicError } from '../../common/errors.js';
import { storableMessage } from '../../common/text.js';
import { faultPoint } from '../../common/fault.js';
import { OPEN_EXPERIMENT_STATUSES } from '../../experiment/experiment-status.js';
import type { ExperimentStatus } from '../../experiment/experiment-status.js';
import { type MadeWith, storedMadeWith } from '../../experiment/made-with.js';
import { noRuns } from '../../experiment/run-status.js';
import type { RunHold, RunsByStatus } from '../../experiment/run-status.js';
import type { ArtifactTable } from './artifacts.js';
import type { Database } from '../connection/database.js';
import { driverColumns, NO_DRIVER } from './driver-service.js';
import type { Driver } from './driver-service.js';
import { experimentPlanning } from './planning.js';
import { restKeeper, storedRests } from './rests.js';
import type { Rest } from './rests.js';
import { experiments, runs } from '../schema.js';
import { all, get as first, run } from '../connection/work.js';
import type { Work } from '../connection/work.js';

/** About as many experiments as the workers of one store drive at once. */
const CONFIGS_KEPT = 16;

export type ExperimentRow = Omit<typeof experiments.$inferSelect, 'config' | 'catalogue' | 'rests'> & {
  readonly config: ExperimentConfig;
  /** Null if nothing was recorded. */
  readonly catalogue: readonly MadeWith[] | null;
  /** The times in which no worker worked on it, in order and without overlap. */
  readonly rests: readonly Rest[];
};

/**
 * The request of an operator for an experiment: the time since which it holds, in milliseconds since the
 * epoch.
 */
export type Standing = Pick<ExperimentRow, 'pausedAt' | 'deletingAt'>;

export type ExperimentTable = ReturnType<typeof experimentTable>;

export function experimentTable(db: Database, artifacts: ArtifactTable) {
  const { build, read, write } = db;
  const planning = experimentPlanning(db, artifacts);
  const rests = restKeeper(db);
  const byId = build
    .select()
    .from(experiments)
    .where(eq(experiments.id, sql.placeholder('id')))
    .prepare();
  /**
   * The configs of the last few experiments. A planned config never changes, and every activity asks for it;
   * one may take 2 MB.
   */
  const configs = new Map<string, ExperimentConfig>();

  async function find(id: string): Promise<ExperimentRow | null> {
    const row = await read(() => first(byId, { id }));
    return row === undefined ? null : parsed(row);
  }

  async function get(id: string): Promise<ExperimentRow> {
    const row = await find(id);
    if (row === null) {
      throw new PanicError(
        'InvalidInput',
        `no experiment ${id} in this data folder; "panic-tda list" shows those there are`,
      );
    }
    return row;
  }

  async function config(id: string): Promise<ExperimentConfig> {
    const known = configs.get(id) ?? (await get(id)).config;
    // The map keeps the configs in the order of their last use.
    configs.delete(id);
    configs.set(id, known);
    if (configs.size > CONFIGS_KEPT) configs.delete(configs.keys().next().value!);
    return known;
  }

  async function list(): Promise<ExperimentRow[]> {
    const query = build.select().from(experiments).orderBy(asc(experiments.createdAt));
    return (await read(() => all(query))).map(parsed);
  }

  /**
   * Makes `driver` the driver of the experiment, instead of `previous`, which the caller knows to have ended.
   * False if another execution claimed the experiment meanwhile, if a user deletes it, or if not all of its
   * runs are planned yet. Runs that a user cancelled one by one become open again, because a user now asks
   * for the whole experiment; a pause continues after the drive that it interrupted. The time from the last
   * stored row until now counts as a rest.
   */
  async function claim(id: string, driver: Driver, previous: Driver | null, now: number): Promise<boolean> {
    return write(() => claimed(id, driver, previous, now));
  }

  function* claimed(id: string, driver: Driver, previous: Driver | null, now: number): Work<boolean> {
    const query = build
      .update(experiments)
      .set({
        ...driverColumns(driver),
        status: 'running',
        startedAt: sql`coalesce(${experiments.startedAt}, ${now})`,
        finishedAt: null,
        error: null,
      })
      .where(
        and(
          eq(experiments.id, id),
          isNull(experiments.deletingAt),
          // Runs are planned in their order. An experiment that was driven once has all of them.
          sql`(${experiments.startedAt} is not null or exists (
            select 1 from runs r where r.experiment_id = ${id} and r.run_index = experiments.run_count - 1))`,
          sql`${experiments.driverWorkflowId} is not distinct from ${previous?.workflowId ?? null}`,
          sql`${experiments.driverRunId} is not distinct from ${previous?.runId ?? null}`,
        ),
      );
    const done = (yield* run(query)) === 1;
    // The same execution asks again if the answer was lost. Runs that a user cancelled since it began stay
    // cancelled.
    if (done && previous?.runId !== driver.runId) {
      yield* rests.addSinceLastWork(id, now);
      yield* run(
        build
          .update(runs)
          .set({ hold: null })
          .where(and(eq(runs.experimentId, id), eq(runs.hold, 'cancelled'))),
      );
    }
    return done;
  }

  /**
   * Records a rest for an experiment that continues with its present driver: from the last stored row until
   * now. Call it while no worker works on the experiment.
   */
  async function takeUp(id: string, now: number): Promise<void> {
    await write(() => rests.addSinceLastWork(id, now));
  }

  /**
   * Takes the experiment from a driver that a user knows to have ended for good. False if it has another
   * driver by now. The experiment stays as it is, and the next execution that starts it drives it.
   */
  async function forgetDriver(id: string, driver: Driver): Promise<boolean> {
    const query = build
      .update(experiments)
      .set({
        ...NO_DRIVER,
        status: 'planned',
      })
      .where(
        and(
          eq(experiments.id, id),
          eq(experiments.driverWorkflowId, driver.workflowId),
          eq(experiments.driverRunId, driver.runId),
        ),
      );
    return (await write(() => run(query))) === 1;
  }

  /**
   * Ends the drive with a status, and every hold with it. If another driver has replaced this one meanwhile,
   * nothing changes.
   */
  async function release(
    id: string,
    driver: Driver,
    status: ExperimentStatus,
    error: string | null,
    now: number,
  ): Promise<void> {
    faultPoint('finish:before-commit');
    await write(() => released(id, driver, status, error, now));
    faultPoint('finish:after-commit');
  }

  function* released(
    id: string,
    driver: Driver,
    status: ExperimentStatus,
    error: string | null,
    now: number,
  ): Work<void> {
    const ended = {
      ...NO_DRIVER,
      status,
      error: error === null ? null : storableMessage(error),
      finishedAt: now,
      pausedAt: null,
    };
    const query = build
      .update(experiments)
      .set(ended)
      .where(
        and(
          eq(experiments.id, id),
          eq(experiments.driverWorkflowId, driver.workflowId),
          eq(experiments.driverRunId, driver.runId),
        ),
      );
    const since = yield* pausedSince(id);
    if ((yield* run(query)) === 0) return;
    if (since !== null) yield* rests.add(id, [since, now]);
    yield* run(
      build
        .update(runs)
        .set({ hold: null })
        .where(and(eq(runs.experimentId, id), isNotNull(runs.hold))),
    );
  }

  /** Runs by status. Every status is present. */
  async function runsByStatus(id: string): Promise<RunsByStatus> {
    const counts = noRuns();
    const query = build
      .select({ status: runs.status, count: count() })
      .from(runs)
      .where(eq(runs.experimentId, id))
      .groupBy(runs.status);
    for (const row of await read(() => all(query))) counts[row.status] = row.count;
    return counts;
  }

  function* pausedSince(id: string): Work<number | null> {
    const query = build
      .select({ pausedAt: experiments.pausedAt })
      .from(experiments)
      .where(eq(experiments.id, id));
    return (yield* first(query))?.pausedAt ?? null;
  }

  /** Whether an operator holds or deletes the experiment. This query does not read its config. */
  async function standing(id: string): Promise<Standing> {
    const query = build
      .select({ pausedAt: experiments.pausedAt, deletingAt: experiments.deletingAt })
      .from(experiments)
      .where(eq(experiments.id, id));
    return (await read(() => first(query))) ?? { pausedAt: null, deletingAt: null };
  }

  /**
   * Holds all runs of an experiment, or releases them. False if nothing changed, because the experiment was
   * in that state already or nothing of it is under way.
   */
  async function setPaused(id: string, paused: boolean, now: number): Promise<boolean> {
    return write(() => setPause(id, paused, now));
  }

  function* setPause(id: string, paused: boolean, now: number): Work<boolean> {
    const since = yield* pausedSince(id);
    const query = build
      .update(experiments)
      .set({ pausedAt: paused ? now : null })
      .where(
        and(
          eq(experiments.id, id),
          inArray(experiments.status, OPEN_EXPERIMENT_STATUSES),
          paused ? isNull(experiments.pausedAt) : isNotNull(experiments.pausedAt),
        ),
      );
    const changed = (yield* run(query)) === 1;
    if (changed && since !== null) yield* rests.add(id, [since, now]);
    return changed;
  }

  /** Runs that a user holds one by one, in order. */
  async function heldRuns(id: string): Promise<{ readonly runIndex: number; readonly hold: RunHold }[]> {
    const query = build
      .select({ runIndex: runs.runIndex, hold: runs.hold })
      .from(runs)
      .where(and(eq(runs.experimentId, id), isNotNull(runs.hold)))
      .orderBy(asc(runs.runIndex));
    return (await read(() => all(query))).map(({ runIndex, hold }) => ({ runIndex, hold: hold! }));
  }

  /**
   * Sets failed runs, or the one of this index if it has failed, to pending, for `retry`. A transaction
   * resets 500, and a caller can repeat an interrupted call. Returns their number, and calls `onReset` with
   * their indices. Earlier failures stay in the log.
   */
  async function resetFailedRuns(
    id: string,
    only: number | null = null,
    onReset?: (indices: readonly number[]) => void,
  ): Promise<number> {
    let [count, after] = [0, -1];
    for (;;) {
      const indices = await write(() => resetFailed(id, only, after));
      if (indices.length === 0) return count;
      onReset?.(indices);
      count += indices.length;
      after = indices.at(-1)!;
    }
  }

  /** Resets the next failed runs after a run. */
  function* resetFailed(id: string, only: number | null, after: number): Work<number[]> {
    const failed = yield* all(
      build
        .select({ id: runs.id, runIndex: runs.runIndex })
        .from(runs)
        .where(
          and(
            eq(runs.experimentId, id),
            eq(runs.status, 'failed'),
            gt(runs.runIndex, after),
            only === null ? undefined : eq(runs.runIndex, only),
          ),
        )
        .orderBy(asc(runs.runIndex))
        .limit(500),
    );
    if (failed.length === 0) return [];
    const reset = {
      status: 'pending',
      errorKind: null,
      errorMessage: null,
      finishedAt: null,
      attempt: sql`${runs.attempt} + 1`,
    } as const;
    const ids = failed.map((row) => row.id);
    yield* run(build.update(runs).set(reset).where(inArray(runs.id, ids)));
    return failed.map((row) => row.runIndex);
  }

  return {
    find,
    get,
    config,
    list,
    ...planning,
    claim,
    takeUp,
    forgetDriver,
    release,
    runsByStatus,
    standing,
    setPaused,
    heldRuns,
    resetFailedRuns,
  };
}

function parsed(row: typeof experiments.$inferSelect): ExperimentRow {
  return {
    ...row,
    config: storedConfig(row.config),
    catalogue: storedMadeWith(row.catalogue),
    rests: storedRests(row.rests),
  };
}
