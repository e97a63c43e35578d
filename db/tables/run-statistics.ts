import { and, asc, eq } from 'drizzle-orm';
import { faultPoint } from '../../common/fault.js';
import { picked } from '../../common/records.js';
import { describeRunCurve, RUN_CURVE_NAMES } from '../../experiment/run-curves.js';
import type { RunCurveValues } from '../../experiment/run-curves.js';
import { RUN_STATISTIC_NAMES } from '../../experiment/run-statistics.js';
import type { RunStatisticValues } from '../../experiment/run-statistics.js';
import type { Database } from '../connection/database.js';
import { all, get, run as execute } from '../connection/work.js';
import type { Work } from '../connection/work.js';
import { float32s } from '../float32.js';
import { models, runCurves, runStatistics } from '../schema.js';
import type { RunRow } from './runs.js';

export type RunStatisticsRow = typeof runStatistics.$inferSelect;

/** What decides the numbers of a run. A stored row with another key is stale. */
export interface RunStatisticsKey {
  readonly pointsSha256: Buffer;
  /** Null if the model embeds no text, or if a prompt has no vector. */
  readonly promptSha256: Buffer | null;
  readonly revision: number;
  /** Canonical JSON of the values that were used. */
  readonly parameters: string;
}

export interface NewRunStatistics {
  readonly stride: number | null;
  readonly values: RunStatisticValues;
  readonly curves: RunCurveValues;
  readonly computeMs: number;
}

/** The numbers of a run as code computes them now, and what they were computed from. */
export interface RecomputedStatistics {
  readonly key: RunStatisticsKey;
  readonly made: NewRunStatistics;
}

/** The numbers of a run under one embedding model. */
export interface StoredRunStatistics {
  readonly model: string;
  readonly statistics: RunStatisticsRow;
}

export type RunStatisticsTable = ReturnType<typeof runStatisticsTable>;

export function runStatisticsTable({ build, read, write }: Database) {
  /** Whether the stored row of (run, model) has this key. */
  async function isCurrent(run: RunRow, modelId: number, key: RunStatisticsKey): Promise<boolean> {
    return read(() => hasCurrent(run, modelId, key));
  }

  function* hasCurrent(run: RunRow, modelId: number, key: RunStatisticsKey): Work<boolean> {
    const where = and(eq(runStatistics.runId, run.id), eq(runStatistics.modelId, modelId));
    const row = yield* get(build.select().from(runStatistics).where(where));
    return row !== undefined && isOfKey(row, key);
  }

  /**
   * Stores the numbers and curves of (run, model) in one transaction. It replaces a stale row, and keeps a
   * current one. Keyed by (run, model).
   */
  async function commit(
    run: RunRow,
    modelId: number,
    key: RunStatisticsKey,
    made: NewRunStatistics,
    now: number,
  ): Promise<void> {
    await write(() => committed(run, modelId, key, made, now));
    faultPoint('statistics:after-commit');
  }

  function* committed(
    run: RunRow,
    modelId: number,
    key: RunStatisticsKey,
    { stride, values, curves, computeMs }: NewRunStatistics,
    now: number,
  ): Work<void> {
    if (yield* hasCurrent(run, modelId, key)) return;
    yield* execute(
      build
        .delete(runStatistics)
        .where(and(eq(runStatistics.runId, run.id), eq(runStatistics.modelId, modelId))),
    );
    const numbers = picked(values, RUN_STATISTIC_NAMES);
    const { id } = yield* get(
      build
        .insert(runStatistics)
        .values({ ...numbers, ...key, runId: run.id, modelId, stride, computeMs, createdAt: now })
        .returning({ id: runStatistics.id }),
    );
    for (const name of RUN_CURVE_NAMES) {
      const curve = curves[name];
      if (curve === null) continue;
      const points = Buffer.from(Float32Array.from(curve).buffer);
      yield* execute(
        build.insert(runCurves).values({ statisticsId: id, name: describeRunCurve(name).name, points }),
      );
    }
    faultPoint('statistics:before-commit');
  }

  /** The numbers of a run by model name. */
  async function ofRun(run: RunRow): Promise<StoredRunStatistics[]> {
    const query = build
      .select({ statistics: runStatistics, model: models.name })
      .from(runStatistics)
      .innerJoin(models, eq(models.id, runStatistics.modelId))
      .where(eq(runStatistics.runId, run.id))
      .orderBy(asc(models.name), asc(models.id));
    return read(() => all(query));
  }

  /** The curves of a row by name, of which each has up to a number for each step. */
  async function curvesOf(statisticsId: number): Promise<ReadonlyMap<string, Float32Array>> {
    const query = build
      .select({ name: runCurves.name, points: runCurves.points })
      .from(runCurves)
      .where(eq(runCurves.statisticsId, statisticsId))
      .orderBy(asc(runCurves.name));
    const rows = await read(() => all(query));
    return new Map(rows.map(({ name, points }) => [name, float32s(points)]));
  }

  return { isCurrent, commit, ofRun, curvesOf };
}

/** Whether a stored row has this key, so that it is not stale. */
export function isOfKey(
  row: Pick<RunStatisticsRow, keyof RunStatisticsKey>,
  { pointsSha256, promptSha256, revision, parameters }: RunStatisticsKey,
): boolean {
  const samePrompt =
    promptSha256 === null ? row.promptSha256 === null : row.promptSha256?.equals(promptSha256) === true;
  return (
    samePrompt &&
    row.pointsSha256.equals(pointsSha256) &&
    row.revision === revision &&
    row.parameters === parameters
  );
}
