import { and, eq, inArray, max, sql } from 'drizzle-orm';
import { faultPoint } from '../../common/fault.js';
import { completeStatus } from '../../experiment/experiment-status.js';
import { canonicalJson } from '../../experiment/ids.js';
import { ENDED_RUN_STATUSES, isFurther } from '../../experiment/run-status.js';
import { contentOfArtifact } from '../tables/artifacts.js';
import type { ArtifactTable } from '../tables/artifacts.js';
import { NO_DRIVER } from '../tables/driver-service.js';
import type { Database } from '../connection/database.js';
import type { EmbeddingRecord } from '../read/rows.js';
import type {
  StoredCurve,
  StoredDiagram,
  StoredDimension,
  StoredEmbedding,
  StoredExperiment,
  StoredFailure,
  StoredInvocation,
  StoredPromptVector,
  StoredRun,
  StoredStatistics,
  StoredSurrogate,
} from '../read/rows.js';
import { withDrawnSeeds, withoutGivenSeeds } from '../tables/planning.js';
import { commonRests, restKeeper, storedRests } from '../tables/rests.js';
import type { AtWork } from '../tables/rests.js';
import {
  diagramDimensions,
  diagrams,
  embeddings,
  experiments,
  failures,
  hosts,
  invocations,
  models,
  promptVectors,
  runCurves,
  runs,
  runStatistics,
  surrogates,
  vectors,
} from '../schema.js';
import { all, get, run as execute } from '../connection/work.js';
import type { Work } from '../connection/work.js';
import type { RunIndices } from './run-indices.js';
import type { MergeSource } from './source.js';

/** Rows that one transaction adds; the process holds this many at a time. */
const BATCH = 500;

/**
 * The writing side of a merge: it adds the rows that only the source has. Existing rows stay; the comparison
 * before has found them equal. The caller must stage the objects of pictures before.
 *
 * A transaction adds at most 500 rows. Wherever the process ends, the store is sound: the experiment then
 * counts as cancelled, has its first runs or all of them, and each run is as far as the merge came. The
 * comparison of the next merge finds the missing rows. A run gets the status of the source in its last
 * transaction, and the experiment gets it with its last run.
 */
export function mergeTarget(db: Database, artifacts: ArtifactTable) {
  const { build, read } = db;
  const { lastWork } = restKeeper(db);

  /**
   * Runs one transaction. Its body may run again from its start, so it takes the rows to add as a list, and
   * gets a new memory of ids.
   */
  async function write<T>(source: MergeSource, work: (ids: Ids) => Work<T>): Promise<T> {
    const written = await db.write(function* () {
      const made = yield* work(remembered(source));
      faultPoint('merge:before-commit');
      return made;
    });
    faultPoint('merge:after-commit');
    return written;
  }

  /** @param onRun called after each run with the number of runs that are done. */
  async function add(
    source: MergeSource,
    experiment: StoredExperiment,
    wanted: RunIndices,
    now: number,
    onRun: (done: number) => void,
  ): Promise<void> {
    const isNew = await addPlan(source, experiment, wanted, now);
    let done = 0;
    for await (const row of source.reader.runsOf(experiment.id)) {
      if (!wanted.has(row.runIndex)) continue;
      const stored = (await read(() => storedRun(experiment.id, row.runIndex)))!;
      const more = await addRun(source, stored, row);
      const log = await listOf(source.reader.failuresOf(row.id));
      done++;
      await write(source, function* () {
        yield* addEnd(stored, row, log, more);
        if (done < wanted.size) return;
        if (isNew) yield* endNew(experiment);
        else yield* closeWhereAllEnded(experiment);
      });
      onRun(done);
    }
  }

  /** Adds the missing rows of the experiment and of its runs. Returns whether the experiment was missing. */
  async function addPlan(
    source: MergeSource,
    experiment: StoredExperiment,
    wanted: RunIndices,
    now: number,
  ): Promise<boolean> {
    const { id } = experiment;
    let isNew: boolean | null = null;
    const seeds = await drawnSeedsOf(source, id);
    for await (const some of batchesOf(wantedRuns(source, id, wanted))) {
      const isFirst: boolean = isNew === null;
      const made: boolean = await write(source, function* (ids): Work<boolean> {
        const isMade: boolean = isFirst && (yield* addExperiment(experiment, seeds, now));
        yield* addRuns(ids, id, some);
        return isMade;
      });
      isNew ??= made;
    }
    const theirLastWork = await source.lastWork(id);
    await write(source, () => endPlan(experiment, theirLastWork));
    return isNew === true;
  }

  /**
   * Adds the experiment as one that was never driven, until all of its runs are stored. Its row keeps the
   * seeds that the source drew, so that a `resume` meanwhile plans the same runs. Returns whether the
   * experiment was missing.
   */
  function* addExperiment(
    experiment: StoredExperiment,
    drawnSeeds: readonly number[],
    now: number,
  ): Work<boolean> {
    const { id } = experiment;
    const where = eq(experiments.id, id);
    const present = yield* get(build.select({ id: experiments.id }).from(experiments).where(where));
    if (present !== undefined) return false;
    const config = withDrawnSeeds(experiment.config, drawnSeeds);
    const underWay = { config, status: 'cancelled', startedAt: null, finishedAt: now, error: null } as const;
    yield* execute(build.insert(experiments).values({ ...experiment, ...UNDRIVEN, ...underWay }));
    return true;
  }

  function* addRuns(ids: Ids, experimentId: string, some: readonly StoredRun[]): Work<void> {
    for (const row of some) {
      if ((yield* storedRun(experimentId, row.runIndex)) !== undefined) continue;
      const { planned } = partsOf(row);
      yield* execute(build.insert(runs).values({ ...planned, promptId: yield* ids.artifact(row.promptId) }));
    }
  }

  /**
   * Once the last run is stored, the rows of the runs have their seeds, and the experiment counts as begun.
   */
  function* endPlan(experiment: StoredExperiment, theirLastWork: number | null): Work<void> {
    const { id, runCount } = experiment;
    if ((yield* storedRun(id, runCount - 1)) === undefined) return;
    const where = eq(experiments.id, id);
    const row = (yield* get(build.select().from(experiments).where(where)))!;
    const config = withoutGivenSeeds(row.config);
    const times = yield* timesOfBoth(experiment, theirLastWork, row);
    yield* execute(
      build
        .update(experiments)
        .set({ config, ...times })
        .where(where),
    );
  }

  /**
   * The times when an experiment began and when neither store worked on it, computed before the steps of one
   * store are added to the other.
   */
  function* timesOfBoth(theirs: StoredExperiment, theirLastWork: number | null, ours: Times): Work<Times> {
    const common = commonRests(atWork(ours, yield* lastWork(theirs.id)), atWork(theirs, theirLastWork));
    const began = [ours.startedAt, theirs.startedAt].filter((time) => time !== null);
    return {
      startedAt: began.length === 0 ? null : Math.min(...began),
      rests: common.length === 0 ? null : JSON.stringify(common),
    };
  }

  function* storedRun(experimentId: string, runIndex: number) {
    const where = and(eq(runs.experimentId, experimentId), eq(runs.runIndex, runIndex));
    return yield* get(build.select().from(runs).where(where));
  }

  /**
   * Adds first its steps, then its end, because a trajectory that has ended accepts no more steps, and then
   * everything that was made of the steps. Returns whether it added any steps.
   */
  async function addRun(source: MergeSource, { id }: StoredRun, row: StoredRun): Promise<boolean> {
    const { reader } = source;
    const last = await read(() =>
      get(
        build
          .select({ sequence: max(invocations.sequence) })
          .from(invocations)
          .where(eq(invocations.runId, id)),
      ),
    );
    const { end } = partsOf(row);
    const ended = build.update(runs).set(end).where(eq(runs.id, id));
    let more = false;
    for await (const some of batchesOf(reader.stepsOf(row.id, undefined, (last?.sequence ?? -1) + 1))) {
      more = true;
      await write(source, function* (ids) {
        yield* addInvocations(ids, some, id);
        // The end goes with the last step: a trajectory that has all of its steps has ended.
        if (some.at(-1)!.sequence + 1 === end.length) yield* execute(ended);
      });
    }
    // A run that has ended in both stores has ended in the same way.
    if (more || end.stopReason !== null) await write(source, () => execute(ended));
    for await (const some of batchesOf(reader.embeddingsOf(row.id))) {
      await write(source, (ids) => addEmbeddings(ids, some, id));
    }
    for await (const some of batchesOf(reader.promptVectorsOf(row.id))) {
      await write(source, (ids) => addPromptVectors(ids, some));
    }
    for await (const statistics of reader.statisticsOf(row.id)) {
      const curves = await listOf(reader.curvesOf(statistics.id));
      await write(source, (ids) => addStatistics(ids, statistics, curves, id));
    }
    for await (const diagram of reader.diagramsOf(row.id)) {
      const of = { diagram: diagram.id };
      const dimensions = await listOf(reader.dimensionsOf(of));
      const diagramId = await write(source, (ids) => addDiagram(ids, diagram, dimensions, id));
      for await (const some of batchesOf(reader.surrogatesOf(of))) {
        await write(source, () => addSurrogates(some, diagramId));
      }
    }
    return more;
  }

  /** Adds the status of the run, which must not be set before all of the run is stored, and its log. */
  function* addEnd(
    { id, status }: StoredRun,
    row: StoredRun,
    log: readonly StoredFailure[],
    more: boolean,
  ): Work<void> {
    if (more || isFurther(row.status, status)) {
      const { standing } = partsOf(row);
      const told = { ...standing, status: row.status === 'running' ? ('cancelled' as const) : row.status };
      yield* execute(build.update(runs).set(told).where(eq(runs.id, id)));
    }
    yield* addFailures(log, id);
  }

  function* addInvocations(ids: Ids, steps: readonly StoredInvocation[], runId: number): Work<void> {
    for (const { id: _, modelId, inputId, outputId, hostId, ...rest } of steps) {
      yield* execute(
        build.insert(invocations).values({
          ...rest,
          runId,
          modelId: yield* ids.model(modelId),
          inputId: yield* ids.artifact(inputId),
          outputId: yield* ids.artifact(outputId),
          hostId: hostId === null ? null : yield* ids.host(hostId),
        }),
      );
    }
  }

  function* addEmbeddings(ids: Ids, some: readonly EmbeddingOfStep[], runId: number): Work<void> {
    for (const { sequence, outputId: _, modelId, vectorId, ...rest } of some) {
      const step = yield* get(
        build
          .select({ id: invocations.id })
          .from(invocations)
          .where(and(eq(invocations.runId, runId), eq(invocations.sequence, sequence))),
      );
      const values = {
        ...rest,
        invocationId: step!.id,
        modelId: yield* ids.model(modelId),
        vectorId: yield* ids.vector(vectorId, modelId),
      };
      yield* execute(build.insert(embeddings).values(values).onConflictDoNothing());
    }
  }

  function* addPromptVectors(ids: Ids, some: readonly StoredPromptVector[]): Work<void> {
    for (const { artifactId, modelId, vectorId, ...rest } of some) {
      const values = {
        ...rest,
        artifactId: yield* ids.artifact(artifactId),
        modelId: yield* ids.model(modelId),
        vectorId: yield* ids.vector(vectorId, modelId),
      };
      yield* execute(build.insert(promptVectors).values(values).onConflictDoNothing());
    }
  }

  /** Adds the numbers of a trajectory with their curves, unless the target has some. */
  function* addStatistics(
    ids: Ids,
    row: StoredStatistics,
    curves: readonly StoredCurve[],
    runId: number,
  ): Work<void> {
    const { id: _, ...statistics } = row;
    const modelId = yield* ids.model(statistics.modelId);
    const where = and(eq(runStatistics.runId, runId), eq(runStatistics.modelId, modelId));
    const query = build.select({ id: runStatistics.id }).from(runStatistics).where(where);
    if ((yield* get(query)) !== undefined) return;
    yield* execute(build.insert(runStatistics).values({ ...statistics, runId, modelId }));
    const { id: statisticsId } = (yield* get(query))!;
    for (const curve of curves) {
      yield* execute(build.insert(runCurves).values({ ...curve, statisticsId }));
    }
  }

  /** Adds a diagram with its dimensions. Returns its id in the target. */
  function* addDiagram(
    ids: Ids,
    row: StoredDiagram,
    dimensions: readonly StoredDimension[],
    runId: number,
  ): Work<number> {
    const { id: _, ...diagram } = row;
    const modelId = yield* ids.model(diagram.modelId);
    const where = and(eq(diagrams.runId, runId), eq(diagrams.modelId, modelId));
    const query = build.select({ id: diagrams.id }).from(diagrams).where(where);
    const present = yield* get(query);
    if (present !== undefined) return present.id;
    yield* execute(build.insert(diagrams).values({ ...diagram, runId, modelId }));
    const { id: diagramId } = (yield* get(query))!;
    for (const dimension of dimensions) {
      yield* execute(build.insert(diagramDimensions).values({ ...dimension, diagramId }));
    }
    return diagramId;
  }

  function* addSurrogates(some: readonly StoredSurrogate[], diagramId: number): Work<void> {
    for (const row of some) {
      yield* execute(
        build
          .insert(surrogates)
          .values({ ...row, diagramId })
          .onConflictDoNothing(),
      );
    }
  }

  /** The log has no key: an attempt that failed at the same moment in the same way counts as the same one. */
  function* addFailures(log: readonly StoredFailure[], runId: number): Work<void> {
    const known = yield* all(build.select().from(failures).where(eq(failures.runId, runId)));
    const told = new Set(known.map((row) => failureKey(row)));
    for (const row of log) {
      const { id: _, ...failure } = row;
      if (!told.has(failureKey(row))) yield* execute(build.insert(failures).values({ ...failure, runId }));
    }
  }

  /** No workflow drives it here: unfinished work is for `resume`, as after a cancellation. */
  function* endNew({ id, status, finishedAt, error }: StoredExperiment): Work<void> {
    if (status === 'running') return;
    const ended = { status, finishedAt, error };
    yield* execute(build.update(experiments).set(ended).where(eq(experiments.id, id)));
  }

  /** If the last runs of an experiment came from the source, the experiment ends with them. */
  function* closeWhereAllEnded({ id, finishedAt, error }: StoredExperiment): Work<void> {
    const counts = yield* get(
      build
        .select({
          open: sql<number>`sum(case when ${inArray(runs.status, ENDED_RUN_STATUSES)} then 0 else 1 end)`,
          failed: sql<number>`sum(case when ${runs.status} = 'failed' then 1 else 0 end)`,
        })
        .from(runs)
        .where(eq(runs.experimentId, id)),
    );
    if (counts === undefined || counts.open > 0) return;
    const ended = { status: completeStatus(counts.failed === 0), ...NO_DRIVER, pausedAt: null };
    yield* execute(
      build
        .update(experiments)
        .set({
          ...ended,
          finishedAt: sql`coalesce(${experiments.finishedAt}, ${finishedAt}, ${experiments.createdAt})`,
          // An interrupted merge had not written it yet.
          error: counts.failed === 0 ? null : sql`coalesce(${experiments.error}, ${error})`,
        })
        .where(eq(experiments.id, id)),
    );
  }

  /** The target's ids of the rows that rows of the source point at; makes new rows if they are missing. */
  function remembered(source: MergeSource): Ids {
    const known = { models: new Map(), hosts: new Map(), artifacts: new Map(), vectors: new Map() } as Record<
      'models' | 'hosts' | 'artifacts' | 'vectors',
      Map<number, number>
    >;

    function* modelOf(id: number): Work<number> {
      const { id: _, ...row } = source.model(id);
      yield* execute(build.insert(models).values(row).onConflictDoNothing());
      const where = and(
        eq(models.name, row.name),
        eq(models.kind, row.kind),
        eq(models.source, row.source),
        eq(models.revision, row.revision),
        eq(models.settings, row.settings),
      );
      return (yield* get(build.select({ id: models.id }).from(models).where(where)))!.id;
    }

    function* hostOf(id: number): Work<number> {
      const { id: _, ...row } = source.host(id);
      yield* execute(build.insert(hosts).values(row).onConflictDoNothing());
      const where = eq(hosts.fingerprint, row.fingerprint);
      return (yield* get(build.select({ id: hosts.id }).from(hosts).where(where)))!.id;
    }

    function* vectorOf(id: number, sourceModel: number): Work<number> {
      const { id: _, artifactId: sourceArtifact, hostId, ...row } = source.vector(id);
      const modelId = yield* ids.model(sourceModel);
      const artifactId = yield* ids.artifact(sourceArtifact);
      const where = and(
        eq(vectors.modelId, modelId),
        eq(vectors.artifactId, artifactId),
        eq(vectors.sha256, row.sha256),
      );
      const query = build.select({ id: vectors.id }).from(vectors).where(where);
      const present = yield* get(query);
      if (present !== undefined) return present.id;
      yield* execute(
        build.insert(vectors).values({ ...row, modelId, artifactId, hostId: yield* ids.host(hostId) }),
      );
      return (yield* get(query))!.id;
    }

    const ids: Ids = {
      model: (id) => once(known.models, id, () => modelOf(id)),
      host: (id) => once(known.hosts, id, () => hostOf(id)),
      artifact: (id) =>
        once(known.artifacts, id, () => artifacts.idOf(contentOfArtifact(source.artifact(id)))),
      vector: (id, model) => once(known.vectors, id, () => vectorOf(id, model)),
    };
    return ids;
  }

  return { add };
}

async function* wantedRuns(
  { reader }: MergeSource,
  id: string,
  wanted: RunIndices,
): AsyncGenerator<StoredRun, void, undefined> {
  for await (const row of reader.runsOf(id)) if (wanted.has(row.runIndex)) yield row;
}

async function drawnSeedsOf({ reader }: MergeSource, id: string): Promise<number[]> {
  const seeds = [];
  for await (const { drawnSeed } of reader.runsOf(id, DRAWN)) if (drawnSeed !== null) seeds.push(drawnSeed);
  return seeds;
}

const DRAWN = ['drawnSeed'] as const;

/**
 * The columns of a run by the time at which the target gets them: with the plan, with the last step, or with
 * the whole run, as for columns of later migrations. Ids are the target's own. `hold` is left out, because a
 * user asked for it in the other store.
 */
function partsOf(row: StoredRun) {
  const {
    id: _,
    hold: __,
    experimentId,
    runIndex,
    network,
    seed,
    drawnSeed,
    promptId,
    maxLength,
    ...later
  } = row;
  const { stopReason, length, cycleStart, cycleLength, ...standing } = later;
  return {
    planned: { experimentId, runIndex, network, seed, drawnSeed, promptId, maxLength },
    end: { stopReason, length, cycleStart, cycleLength },
    standing,
  };
}

/** Columns of an experiment that are about the other store: its driver there, and the requests of a user. */
const UNDRIVEN = {
  ...NO_DRIVER,
  pausedAt: null,
  deletingAt: null,
} as const;

type EmbeddingOfStep = StoredEmbedding & Pick<EmbeddingRecord, 'sequence' | 'outputId'>;

type Times = Pick<StoredExperiment, 'startedAt' | 'rests'>;

function atWork({ startedAt, rests }: Times, lastWork: number | null): AtWork | null {
  if (startedAt === null || lastWork === null) return null;
  return { from: startedAt, to: lastWork, rests: storedRests(rests) };
}

async function* batchesOf<T>(rows: AsyncIterable<T>): AsyncGenerator<T[], void, undefined> {
  let some: T[] = [];
  for await (const row of rows) {
    some.push(row);
    if (some.length < BATCH) continue;
    yield some;
    some = [];
  }
  if (some.length > 0) yield some;
}

async function listOf<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const list = [];
  for await (const row of rows) list.push(row);
  return list;
}

function* once(ids: Map<number, number>, id: number, make: () => Work<number>): Work<number> {
  const found = ids.get(id);
  if (found !== undefined) return found;
  // Runs come one by one: a later lookup finds a forgotten id again.
  if (ids.size > 100_000) ids.clear();
  const made = yield* make();
  ids.set(id, made);
  return made;
}

interface Ids {
  model(id: number): Work<number>;
  host(id: number): Work<number>;
  artifact(id: number): Work<number>;
  vector(id: number, model: number): Work<number>;
}

/** A key without the ids, which differ. */
function failureKey(row: StoredFailure): string {
  const { id: _, runId: __, ...failure } = row;
  return canonicalJson(failure);
}
