import { and, asc, count, eq, inArray, sql } from 'drizzle-orm';
import { runCoordinates, runCount, storedConfig } from '../experiment/config.js';
import type { ExperimentConfig } from '../experiment/config.js';
import { PanicError } from '../experiment/errors.js';
import { faultPoint } from '../experiment/fault.js';
import { canonicalJson, drawRunSeed } from '../experiment/ids.js';
import { textContent } from './artifacts.js';
import type { ArtifactTable } from './artifacts.js';
import type { Connection } from './connection.js';
import { experiments, runs } from './schema.js';
import type { ExperimentStatus } from './schema.js';

export type ExperimentRow = Omit<typeof experiments.$inferSelect, 'config'> & {
  readonly config: ExperimentConfig;
};

/** The Temporal execution that drives an experiment. */
export interface Driver {
  readonly workflowId: string;
  readonly runId: string;
}

export type ExperimentTable = ReturnType<typeof experimentTable>;

export function experimentTable(db: Connection, artifacts: ArtifactTable) {
  const byId = db
    .select()
    .from(experiments)
    .where(eq(experiments.id, sql.placeholder('id')))
    .prepare();
  /** What was planned never changes, and every activity asks for it. */
  const configs = new Map<string, ExperimentConfig>();

  function find(id: string): ExperimentRow | null {
    const row = byId.get({ id });
    return row === undefined ? null : parsed(row);
  }

  function get(id: string): ExperimentRow {
    const row = find(id);
    if (row === null) {
      throw new PanicError(
        'InvalidInput',
        `no experiment ${id} in this data folder; "panic-tda list" shows those there are`,
      );
    }
    return row;
  }

  function config(id: string): ExperimentConfig {
    const known = configs.get(id) ?? get(id).config;
    configs.set(id, known);
    return known;
  }

  function list(): ExperimentRow[] {
    return db.select().from(experiments).orderBy(asc(experiments.createdAt)).all().map(parsed);
  }

  /**
   * Makes the experiment and every run of it in one transaction, or finds them there: keyed by the experiment's id, so
   * that any number of calls leaves the same rows. Seeds of runs with seed -1 are drawn here, once.
   */
  function plan(id: string, config: ExperimentConfig, now: number): void {
    db.transaction(
      () => {
        if (find(id) !== null) return;
        const total = runCount(config);
        db.insert(experiments)
          .values({ id, name: config.name, config: canonicalJson(config), runCount: total, createdAt: now })
          .run();
        const insert = db
          .insert(runs)
          .values({
            experimentId: id,
            runIndex: sql.placeholder('runIndex'),
            network: sql.placeholder('network'),
            seed: sql.placeholder('seed'),
            drawnSeed: sql.placeholder('drawnSeed'),
            promptId: sql.placeholder('promptId'),
            maxLength: config.max_length,
          })
          .prepare();
        const promptIds = new Map(
          config.prompts.map((prompt) => [prompt, artifacts.idOf(textContent(prompt))]),
        );
        for (let runIndex = 0; runIndex < total; runIndex++) {
          const { network, seed, prompt } = runCoordinates(config, runIndex);
          insert.run({
            runIndex,
            network: JSON.stringify(network),
            seed,
            drawnSeed: seed === -1 ? drawRunSeed() : null,
            promptId: promptIds.get(prompt)!,
          });
        }
        faultPoint('plan:before-commit');
      },
      { behavior: 'immediate' },
    );
    faultPoint('plan:after-commit');
  }

  /**
   * Makes `driver` the one that drives the experiment, in place of `previous`, which the caller knows to be over.
   * False where somebody else claimed it meanwhile.
   */
  function claim(id: string, driver: Driver, previous: Driver | null, now: number): boolean {
    const { changes } = db
      .update(experiments)
      .set({
        driverWorkflowId: driver.workflowId,
        driverRunId: driver.runId,
        status: 'running',
        startedAt: sql`coalesce(${experiments.startedAt}, ${now})`,
        finishedAt: null,
        error: null,
      })
      .where(
        and(
          eq(experiments.id, id),
          sql`${experiments.driverWorkflowId} is ${previous?.workflowId ?? null}`,
          sql`${experiments.driverRunId} is ${previous?.runId ?? null}`,
        ),
      )
      .run();
    return changes === 1;
  }

  /** Ends the drive with a status. A driver that was replaced meanwhile changes nothing. */
  function release(
    id: string,
    driver: Driver,
    status: ExperimentStatus,
    error: string | null,
    now: number,
  ): void {
    faultPoint('finish:before-commit');
    db.update(experiments)
      .set({ driverWorkflowId: null, driverRunId: null, status, error, finishedAt: now })
      .where(
        and(
          eq(experiments.id, id),
          eq(experiments.driverWorkflowId, driver.workflowId),
          eq(experiments.driverRunId, driver.runId),
        ),
      )
      .run();
    faultPoint('finish:after-commit');
  }

  /** Runs by status. Every status is present. */
  function runsByStatus(id: string) {
    const counts = { pending: 0, running: 0, finished: 0, failed: 0, cancelled: 0 };
    const rows = db
      .select({ status: runs.status, count: count() })
      .from(runs)
      .where(eq(runs.experimentId, id))
      .groupBy(runs.status)
      .all();
    for (const row of rows) counts[row.status] = row.count;
    return counts;
  }

  /** Sets failed runs to pending, for `retry`; returns their indices. Earlier failures stay in the log. */
  function resetFailedRuns(id: string): number[] {
    return db.transaction(
      () => {
        const failed = db
          .select({ id: runs.id, runIndex: runs.runIndex })
          .from(runs)
          .where(and(eq(runs.experimentId, id), eq(runs.status, 'failed')))
          .orderBy(asc(runs.runIndex))
          .all();
        for (let from = 0; from < failed.length; from += 500) {
          const ids = failed.slice(from, from + 500).map((run) => run.id);
          db.update(runs)
            .set({
              status: 'pending',
              errorKind: null,
              errorMessage: null,
              finishedAt: null,
              attempt: sql`${runs.attempt} + 1`,
            })
            .where(inArray(runs.id, ids))
            .run();
        }
        return failed.map((run) => run.runIndex);
      },
      { behavior: 'immediate' },
    );
  }

  return { find, get, config, list, plan, claim, release, runsByStatus, resetFailedRuns };
}

function parsed(row: typeof experiments.$inferSelect): ExperimentRow {
  return { ...row, config: storedConfig(row.config) };
}
