import { and, desc, eq, gte, inArray, sql } from 'drizzle-orm';
import { runCoordinates, runCount } from '../../../experiment/config.js';
import type { ExperimentConfig } from '../../../experiment/config.js';
import { drawRunSeed } from '../../../experiment/ids.js';
import { completeStatus, isExperimentStatus } from '../../../experiment/experiment-status.js';
import { modelOfKind } from '../../../experiment/model.js';
import type { Catalogue } from '../../../experiment/model.js';
import { isRunStatus } from '../../../experiment/run-status.js';
import { textContent } from '../../tables/artifacts.js';
import type { ArtifactTable } from '../../tables/artifacts.js';
import { NO_DRIVER } from '../../tables/driver-service.js';
import type { Database } from '../../connection/database.js';
import { openReader } from '../../read/experiment-reader.js';
import { diagrams, experiments, invocations, runs } from '../../schema.js';
import { all, get, run as execute } from '../../connection/work.js';
import type { Work } from '../../connection/work.js';
import { configOf, statusProblems } from '../experiment.js';
import type { Repair } from '../repair.js';
import type { DerivedRows } from './derived.js';
import { DONE, impossible } from './outcome.js';
import type { Outcome } from './outcome.js';

/** Steps that one transaction deletes. */
const STEPS_BATCH = 1000;
/** Runs that one transaction makes. */
const RUNS_BATCH = 1000;

const OUTPUTS = ['sequence', 'outputId'] as const;

type StoredRun = typeof runs.$inferSelect;
type StoredExperiment = typeof experiments.$inferSelect;

/** The end of a run, according to its steps. */
interface End {
  readonly stopReason: 'length' | 'cycle' | null;
  readonly length: number | null;
  readonly cycleStart: number | null;
  readonly cycleLength: number | null;
}

const OPEN: End = { stopReason: null, length: null, cycleStart: null, cycleLength: null };

/** Restores runs and experiments from their plan and their steps. */
export function runRepairs(
  db: Database,
  artifacts: ArtifactTable,
  derived: DerivedRows,
  catalogue: Catalogue,
  now: () => number,
) {
  const { build, read, write } = db;

  function* storedRun(
    id: number,
  ): Work<{ readonly row: StoredRun; readonly config: ExperimentConfig } | null> {
    const found = yield* get(
      build
        .select({ row: runs, experiment: experiments })
        .from(runs)
        .innerJoin(experiments, eq(experiments.id, runs.experimentId))
        .where(eq(runs.id, id)),
    );
    const config = found === undefined ? null : configOf(found.experiment);
    if (found === undefined || config === null || found.row.runIndex >= runCount(config)) return null;
    return { row: found.row, config };
  }

  /** Sets a run's row to the values of its plan and its steps. */
  async function restoreRun(id: number): Promise<Outcome> {
    const found = await read(() => storedRun(id));
    if (found === null) return impossible('its experiment or its place in the plan is not known');
    const { row, config } = found;
    const plan = runCoordinates(config, row.runIndex);
    if (plan.seed === -1 && row.drawnSeed === null) {
      return impossible('its drawn seed is lost', { kind: 'restart run', run: id });
    }
    const end = await endOf(row, config);
    if ('cut' in end) return impossible(end.why, { kind: 'cut run', run: id, from: end.cut });
    await write(() => restored(row, config, end));
    return DONE;
  }

  function* restored(row: StoredRun, config: ExperimentConfig, end: End): Work<void> {
    const { network, seed, prompt } = runCoordinates(config, row.runIndex);
    const promptId = yield* artifacts.idOf(textContent(prompt));
    const state = stateOf(row, end);
    yield* execute(
      build
        .update(runs)
        .set({
          network: JSON.stringify(network),
          seed,
          drawnSeed: seed === -1 ? row.drawnSeed : null,
          promptId,
          maxLength: config.max_length,
          ...end,
          ...state,
        })
        .where(eq(runs.id, row.id)),
    );
    yield* derived.reopenExperiments(sql`${experiments.id} = ${row.experimentId}`);
  }

  /** The end according to the steps; or the step at which the run must first be cut. */
  async function endOf(
    row: StoredRun,
    config: ExperimentConfig,
  ): Promise<End | { readonly why: string; readonly cut: number }> {
    const plan = runCoordinates(config, row.runIndex);
    const period = plan.network.length;
    const deterministic = plan.seed >= 0 ? isDeterministic(plan.network) : false;
    const claimed =
      row.cycleStart === null ||
      row.cycleLength === null ||
      row.cycleLength <= 0 ||
      row.cycleLength % period !== 0
        ? null
        : { start: row.cycleStart, length: row.cycleLength };
    const firstSeen = new Map<string, number>();
    let cycle: { start: number; length: number } | null = null;
    let count = 0;
    let atClaimed: number | null = null;
    const reader = await openReader(db);
    try {
      for await (const { sequence, outputId } of reader.stepsOf(row.id, OUTPUTS)) {
        // Incomplete steps have repairs of their own; a later repair sets the end.
        if (sequence !== count) return OPEN;
        count++;
        if (cycle !== null) continue;
        if (deterministic === null) {
          if (sequence === claimed?.start) atClaimed = outputId;
          if (claimed !== null && sequence === claimed.start + claimed.length && outputId === atClaimed)
            cycle = claimed;
        } else if (deterministic) {
          const key = `${sequence % period} ${outputId}`;
          const start = firstSeen.get(key);
          if (start === undefined) firstSeen.set(key, sequence);
          else cycle = { start, length: sequence - start };
        }
      }
    } finally {
      await reader.close();
    }
    if (count > config.max_length) {
      return { why: `it has ${count} steps, more than its max_length`, cut: config.max_length };
    }
    const found = { cycleStart: cycle?.start ?? null, cycleLength: cycle?.length ?? null };
    if (cycle !== null && config.on_cycle === 'stop') {
      const length = cycle.start + cycle.length + 1;
      if (count > length) return { why: 'its steps go on behind an exact repeat', cut: length };
      return { stopReason: 'cycle', length, ...found };
    }
    return count === config.max_length
      ? { stopReason: 'length', length: count, ...found }
      : { ...OPEN, ...found };
  }

  /** Null if the catalogue does not have a model of the network. */
  function isDeterministic(network: readonly string[]): boolean | null {
    const models = network.map((name) => catalogue.get(name));
    if (models.some((model) => model === undefined)) return null;
    return network.every((name) => modelOfKind(catalogue, name, 'generative')?.deterministic === true);
  }

  /** Deletes the steps from a sequence on, with everything that was made of them. */
  async function cutRun(id: number, from: number): Promise<Outcome> {
    await write(function* () {
      const row = yield* get(build.select().from(runs).where(eq(runs.id, id)));
      if (row === undefined) return;
      const keepsCycle =
        row.cycleStart !== null && row.cycleLength !== null && row.cycleStart + row.cycleLength < from;
      yield* execute(
        build
          .update(runs)
          .set({
            status: 'pending',
            stopReason: null,
            length: null,
            finishedAt: null,
            errorKind: null,
            errorMessage: null,
            attempt: sql`${runs.attempt} + 1`,
            ...(keepsCycle ? {} : { cycleStart: null, cycleLength: null }),
          })
          .where(eq(runs.id, id)),
      );
      yield* execute(build.delete(diagrams).where(eq(diagrams.runId, id)));
      yield* derived.reopenExperiments(sql`${experiments.id} = ${row.experimentId}`);
    });
    await deleteSteps(id, from);
    return { done: true, next: [{ kind: 'restore run', run: id }] };
  }

  /** Deletes from the end, some at a time: the remaining part is always a shorter, sound run. */
  async function deleteSteps(id: number, from: number): Promise<void> {
    for (;;) {
      const deleted = await write(function* () {
        const last = build
          .select({ id: invocations.id })
          .from(invocations)
          .where(and(eq(invocations.runId, id), gte(invocations.sequence, from)))
          .orderBy(desc(invocations.sequence))
          .limit(STEPS_BATCH);
        return yield* execute(build.delete(invocations).where(inArray(invocations.id, last)));
      });
      if (deleted < STEPS_BATCH) return;
    }
  }

  async function restartRun(id: number): Promise<Outcome> {
    await cutRun(id, 0);
    await write(() =>
      execute(build.update(runs).set({ seed: -1, drawnSeed: drawRunSeed() }).where(eq(runs.id, id))),
    );
    return { done: true, next: [{ kind: 'restore run', run: id }] };
  }

  async function deleteRun(id: number): Promise<Outcome> {
    await deleteSteps(id, 0);
    await write(() => execute(build.delete(runs).where(eq(runs.id, id))));
    return DONE;
  }

  async function deleteStep(id: number): Promise<Outcome> {
    await write(() => execute(build.delete(invocations).where(eq(invocations.id, id))));
    return DONE;
  }

  /** Makes the rows of missing runs; those of seed -1 only if `drawn`. */
  async function planRuns(
    { experiment, from, to }: Extract<Repair, { kind: 'plan runs' }>,
    drawn: boolean,
  ): Promise<Outcome> {
    const row = await read(() => get(build.select().from(experiments).where(eq(experiments.id, experiment))));
    const config = row === undefined ? null : configOf(row);
    if (config === null) return impossible('the plan is not known');
    let left = 0;
    for (let first = from; first <= to; first += RUNS_BATCH) {
      left += await write(() =>
        planned(experiment, config, first, Math.min(to, first + RUNS_BATCH - 1), drawn),
      );
    }
    await write(() => derived.reopenExperiments(sql`${experiments.id} = ${experiment}`));
    if (left === 0) return DONE;
    const anew: Repair = { kind: 'plan runs', experiment, from, to, fixed: false };
    return impossible(`${left} of the runs have drawn seeds, which are lost`, anew);
  }

  /** Returns the number of runs that it leaves out, because their seeds are lost. */
  function* planned(
    experiment: string,
    config: ExperimentConfig,
    from: number,
    to: number,
    drawn: boolean,
  ): Work<number> {
    let left = 0;
    for (let runIndex = from; runIndex <= to; runIndex++) {
      const { network, seed, prompt } = runCoordinates(config, runIndex);
      if (seed === -1 && !drawn) {
        left++;
        continue;
      }
      const promptId = yield* artifacts.idOf(textContent(prompt));
      yield* execute(
        build
          .insert(runs)
          .values({
            experimentId: experiment,
            runIndex,
            network: JSON.stringify(network),
            seed,
            drawnSeed: seed === -1 ? drawRunSeed() : null,
            promptId,
            maxLength: config.max_length,
          })
          .onConflictDoNothing(),
      );
    }
    return left;
  }

  /** Sets the status and the number of runs to the values of the plan and the runs. */
  async function restoreExperiment(id: string): Promise<Outcome> {
    return await write(function* (): Work<Outcome> {
      const row = yield* get(build.select().from(experiments).where(eq(experiments.id, id)));
      const config = row === undefined ? null : configOf(row);
      if (row === undefined || config === null) return impossible('its config is not the one of its id');
      const planned = runCount(config);
      yield* execute(build.update(experiments).set({ runCount: planned }).where(eq(experiments.id, id)));
      const counts: Record<string, number> = {};
      const byStatus = yield* all(
        build
          .select({ status: runs.status, runs: sql<number>`count(*)` })
          .from(runs)
          .where(eq(runs.experimentId, id))
          .groupBy(runs.status),
      );
      for (const { status, runs: number } of byStatus) counts[status] = number;
      if (isSound(row, counts)) return DONE;
      yield* execute(
        build
          .update(experiments)
          .set(endOfExperiment(row, counts, planned))
          .where(eq(experiments.id, id)),
      );
      // No worker works on these runs now.
      yield* execute(
        build
          .update(runs)
          .set({ status: 'cancelled' })
          .where(and(eq(runs.experimentId, id), eq(runs.status, 'running'))),
      );
      return DONE;
    });
  }

  function endOfExperiment(row: StoredExperiment, counts: Readonly<Record<string, number>>, planned: number) {
    const { finished = 0, failed = 0 } = counts;
    const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
    const ended = all === planned && finished + failed === planned;
    return {
      status: ended ? completeStatus(failed === 0) : ('planned' as const),
      finishedAt: ended ? (row.finishedAt ?? now()) : null,
      error: ended && failed > 0 ? row.error : null,
      ...NO_DRIVER,
    };
  }

  return { storedRun, restoreRun, cutRun, restartRun, deleteRun, deleteStep, planRuns, restoreExperiment };
}

/** A run keeps its state if that is possible. A finished run that is not complete must be worked on again. */
function stateOf({ status, errorKind }: StoredRun, { stopReason }: End) {
  const known = isRunStatus(status);
  const wasFinished = status === 'finished' && stopReason === null;
  const halfFailed = (status === 'failed') !== (errorKind !== null);
  if (known && !wasFinished && !halfFailed) return {};
  const stays = known && !wasFinished && status !== 'failed';
  return {
    ...(stays ? {} : { status: 'pending' as const, finishedAt: null, attempt: sql`${runs.attempt} + 1` }),
    errorKind: null,
    errorMessage: null,
  };
}

function isSound(row: StoredExperiment, counts: Readonly<Record<string, number>>): boolean {
  if (!isExperimentStatus(row.status)) return false;
  if ((row.driverWorkflowId === null) !== (row.driverRunId === null)) return false;
  return [...statusProblems(row, counts)].length === 0;
}

export type RunRepairs = ReturnType<typeof runRepairs>;
