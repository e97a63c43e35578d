import { sql } from 'drizzle-orm';
import type { Database } from '../connection/database.js';
import { type Rest, restedMs, restKeeper, storedRests } from '../tables/rests.js';
import { isOpenExperiment } from '../../experiment/experiment-status.js';
import type { ExperimentStatus } from '../../experiment/experiment-status.js';
import { isUnderWay, noRuns } from '../../experiment/run-status.js';
import type { RunsByStatus, RunStatus, UnderWayRunStatus } from '../../experiment/run-status.js';
import type { Work } from '../connection/work.js';
import type { StoredExperiment } from './rows.js';

/** A whole store in a few numbers, for an operator who watches a fleet. */
export interface StoreFigures {
  /**
   * The number of experiments by status; those that a user holds count as `paused`, whatever their status.
   */
  readonly experiments: Readonly<Record<ExperimentStatus | 'paused', number>>;
  /** Runs of all experiments. */
  readonly runs: RunsByStatus;
  /** The runs among these that are still to be done, of experiments that are planned or at work. */
  readonly openRuns: Readonly<Record<UnderWayRunStatus, number>>;
  readonly awaited: readonly AwaitedStep[];
  /** Number of migrations that made the tables, also those of a newer version. */
  readonly migrations: number;
  /** Bytes that the rows use. */
  readonly bytes: number;
}

/** An experiment at work, not held by a user, of which some run still has a step to make. */
export interface AwaitedStep {
  readonly experiment: string;
  /**
   * The time when it last stored a step, ended a run, or began: ms since the epoch, by the clock of the
   * machine that did so.
   */
  readonly since: number;
  readonly rests: readonly Rest[];
}

export type FigureQueries = ReturnType<typeof figureQueries>;

/**
 * Figures that a monitor may read several times a minute from a large store. For runs the query counts the
 * index of statuses; for invocations it reads only the last one of each run at work.
 */
export function figureQueries(db: Database) {
  const { read, rows, size } = db;
  const { lastWork } = restKeeper(db);

  type Standing = Pick<StoredExperiment, 'id' | 'status' | 'pausedAt' | 'startedAt' | 'rests'>;

  /** Each figure is a read of its own, so that other work of the process gets its turn between two. */
  async function whole(): Promise<StoreFigures> {
    const standings = await read(() =>
      rows<Standing>(sql`
        select id, status, paused_at as "pausedAt", started_at as "startedAt",
          case when status = 'running' then rests end as rests
        from experiments where deleting_at is null`),
    );
    const counted = await read(() =>
      rows<{ experiment: string; status: RunStatus; runs: number }>(sql`
        select experiment_id as experiment, status, count(*) as runs from runs group by experiment_id, status`),
    );
    const awaited: AwaitedStep[] = [];
    for (const standing of standings) {
      const found = await read(() => awaitedOf(standing));
      if (found !== null) awaited.push(found);
    }
    const [journal] = await read(() =>
      rows<{ migrations: number }>(sql`select count(*) as migrations from __drizzle_migrations`),
    );
    const experiments = {
      planned: 0,
      running: 0,
      paused: 0,
      completed: 0,
      completed_with_failures: 0,
      cancelled: 0,
      failed: 0,
    };
    const open = new Set<string>();
    for (const { id, status, pausedAt } of standings) {
      experiments[pausedAt === null ? status : 'paused']++;
      if (pausedAt === null && isOpenExperiment(status)) open.add(id);
    }
    const there = new Set(standings.map(({ id }) => id));
    const runs = noRuns();
    const openRuns: Record<UnderWayRunStatus, number> = { pending: 0, running: 0 };
    for (const { experiment, status, runs: count } of counted) {
      if (!there.has(experiment)) continue;
      runs[status] += count;
      if (open.has(experiment) && isUnderWay(status)) openRuns[status] += count;
    }
    return { experiments, runs, openRuns, awaited, migrations: journal!.migrations, bytes: await size() };
  }

  /**
   * Null if no step is to be expected: the experiment is not at work, or its runs at work only need vectors
   * and diagrams.
   */
  function* awaitedOf({ id, status, pausedAt, startedAt, rests }: Standing): Work<AwaitedStep | null> {
    if (status !== 'running' || pausedAt !== null) return null;
    const isThere = (condition: string) =>
      sql`case when exists (
        select 1 from runs where experiment_id = ${id} and hold is null and ${sql.raw(condition)}) then 1 else 0 end`;
    const [found] = yield* rows<{ stepping: number; measuring: number; pending: number }>(sql`
      select ${isThere(`status = 'running' and stop_reason is null`)} as stepping,
        ${isThere(`status = 'running' and stop_reason is not null`)} as measuring,
        ${isThere(`status = 'pending'`)} as pending`);
    const { stepping, measuring, pending } = found!;
    if (stepping === 0 && (measuring === 1 || pending === 0)) return null;
    const since = (yield* lastWork(id)) ?? startedAt;
    return since === null ? null : { experiment: id, since, rests: storedRests(rests) };
  }

  return { whole };
}

/**
 * For how long a step has been awaited, without the pauses, by this clock; never less than 0. Milliseconds.
 */
export function awaitedMs({ since, rests }: AwaitedStep, now: number): number {
  return Math.max(0, now - since - restedMs(rests, since, now));
}
