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
  StoredDiagram,
  StoredDimension,
  StoredEmbedding,
  StoredExperiment,
  StoredFailure,
  StoredInvocation,
  StoredRun,
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
  runs,
  surrogates,
  vectors,
} from '../schema.js';
import { all, get, run as execute } from '../connection/work.js';
import type { Work } from '../connection/work.js';
import type { RunIndices } from './run-indices.js';
import type { MergeSource } from './source.js';

/** Rows that one transaction adds, and that are held at a time. */
const BATCH = 500;

/**
 * The writing side of a merge: adds what the source has more of. What is there already stands; the comparison before it found it equal.
 * The objects of pictures must be staged before.
 *
 * A transaction adds 500 rows at most. Wherever a merge is cut off it leaves a sound store: an experiment that was cancelled, of
 * which the first runs are planned, or all, and these are as far as they came. The comparison of the next merge finds what is
 * missing. A run takes the status of the source with its last transaction, and the experiment with that of its last run.
 */
export function mergeTarget(db: Database, artifacts: ArtifactTable) {
  const { build, read } = db;
  const { lastWork } = restKeeper(db);

  /** One transaction. Its body may be run again from its start, so it gets what it adds as a list, and new memory of ids. */
  async function write<T>(source: MergeSource, work: (ids: Ids) => Work<T>): Promise<T> {
    const written = await db.write(function* () {
      const made = yield* work(remembered(source));
      faultPoint('merge:before-commit');
      return made;
    });
    faultPoint('merge:after-commit');
    return written;
  }

  /** @param onRun called after each run with the number of those that are done. */
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

  /** The rows of the experiment and of its runs, where they are not there; whether the experiment was not. */
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
   * As an experiment that was never driven, until all of its runs are there; its row keeps the seeds that the source drew, so that a
   * `resume` in between plans the same runs. Returns whether it was not there.
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

  /** Where the last run is there, the rows of runs have their seeds, and the experiment can have begun. */
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

  /** When an experiment began, and when it was at work in neither store: before the steps of one are added to the other. */
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
   * Its steps, then its end, since a trajectory that has ended takes no more, then what was made of them. Returns whether there were any
   * steps.
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
        // With its last step: a trajectory that has all of them has ended.
        if (some.at(-1)!.sequence + 1 === end.length) yield* execute(ended);
      });
    }
    // Where it has ended in both, it has ended in the same way.
    if (more || end.stopReason !== null) await write(source, () => execute(ended));
    for await (const some of batchesOf(reader.embeddingsOf(row.id))) {
      await write(source, (ids) => addEmbeddings(ids, some, id));
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

  /** How the run stands, which it does not say before all of it is there; and its log. */
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

  /** With its dimensions; returns its id in the target. */
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

  /** The log has no key: an attempt that failed at the same moment in the same way is the same one. */
  function* addFailures(log: readonly StoredFailure[], runId: number): Work<void> {
    const known = yield* all(build.select().from(failures).where(eq(failures.runId, runId)));
    const told = new Set(known.map((row) => failureKey(row)));
    for (const row of log) {
      const { id: _, ...failure } = row;
      if (!told.has(failureKey(row))) yield* execute(build.insert(failures).values({ ...failure, runId }));
    }
  }

  /** No workflow drives it here: what was under way there is to be resumed, as after a cancellation. */
  function* endNew({ id, status, finishedAt, error }: StoredExperiment): Work<void> {
    if (status === 'running') return;
    const ended = { status, finishedAt, error };
    yield* execute(build.update(experiments).set(ended).where(eq(experiments.id, id)));
  }

  /** An experiment whose last runs came from the source has ended with them. */
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
          // A merge that was cut off had not written it yet.
          error: counts.failed === 0 ? null : sql`coalesce(${experiments.error}, ${error})`,
        })
        .where(eq(experiments.id, id)),
    );
  }

  /** Ids in the target of what rows of the source point at, made where they are new. */
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
 * The columns of a run by when the target gets them: with the plan; with the last step; and with all of it, as also those that later
 * migrations add. An id is the target's own. `hold` is left out: a user asked for it in the other store.
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

/** Of an experiment these are about the other store: who drives it there, and what a user asked for. */
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
  // Runs are followed one by one: what is forgotten is looked up again.
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

/** Without the ids, which differ. */
function failureKey(row: StoredFailure): string {
  const { id: _, runId: __, ...failure } = row;
  return canonicalJson(failure);
}
