import { and, eq, max, sql } from 'drizzle-orm';
import { faultPoint } from '../../experiment/fault.js';
import type { ArtifactTable } from '../artifacts.js';
import type { Database } from '../database.js';
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
import type { ExperimentStatus } from '../schema.js';
import { all, get, run as execute } from '../work.js';
import type { Work } from '../work.js';
import { isFurther } from './compare.js';
import type { MergeSource, SourceExperiment, SourceRun } from './source.js';

/**
 * The writing side of a merge: adds what the source has more of, in one transaction for each experiment. What is there already
 * stands; the comparison before it found it equal. The objects of pictures must be staged before.
 */
export function mergeTarget({ build, write }: Database, artifacts: ArtifactTable) {
  async function add(
    source: MergeSource,
    experiment: SourceExperiment,
    wanted: ReadonlySet<number>,
    now: number,
  ): Promise<void> {
    await write(() => added(source, experiment, wanted, now));
    faultPoint('merge:after-commit');
  }

  function* added(
    source: MergeSource,
    experiment: SourceExperiment,
    wanted: ReadonlySet<number>,
    now: number,
  ): Work<void> {
    const ids = remembered(source);
    const present = yield* get(
      build.select({ id: experiments.id }).from(experiments).where(eq(experiments.id, experiment.id)),
    );
    if (present === undefined) {
      // Nobody drives it here: what was under way there is to be resumed, as after a cancellation.
      const underWay = experiment.status === 'running';
      const status = underWay ? 'cancelled' : (experiment.status as ExperimentStatus);
      const finishedAt = underWay ? now : experiment.finishedAt;
      yield* execute(build.insert(experiments).values({ ...experiment, status, finishedAt }));
    }
    for (const row of source.runs(experiment.id)) {
      if (present !== undefined && !wanted.has(row.runIndex)) continue;
      yield* addRun(source, ids, experiment.id, row);
    }
    if (present !== undefined) yield* closeWhereAllEnded(experiment);
    faultPoint('merge:before-commit');
  }

  function* addRun(source: MergeSource, ids: Ids, experimentId: string, row: SourceRun): Work<void> {
    const { id: sourceId, promptId, ...planned } = row;
    const where = and(eq(runs.experimentId, experimentId), eq(runs.runIndex, row.runIndex));
    let stored = yield* get(build.select({ id: runs.id, status: runs.status }).from(runs).where(where));
    if (stored === undefined) {
      const { runIndex, network, seed, drawnSeed, maxLength } = planned;
      yield* execute(
        build.insert(runs).values({
          experimentId,
          runIndex,
          network,
          seed,
          drawnSeed,
          maxLength,
          promptId: yield* ids.artifact(promptId),
        }),
      );
      stored = yield* get(build.select({ id: runs.id, status: runs.status }).from(runs).where(where));
    }
    const { id, status } = stored!;
    const more = yield* addInvocations(source, ids, sourceId, id);
    // Before the vectors: a trajectory that has ended takes no more steps, and nothing else minds.
    if (more || isFurther(row.status, status)) {
      const { attempt, errorKind, errorMessage, startedAt, finishedAt, stopReason, length } = row;
      const { cycleStart, cycleLength } = row;
      const ended = { stopReason, length, cycleStart, cycleLength };
      const told = {
        status: row.status === 'running' ? 'cancelled' : row.status,
        attempt,
        errorKind,
        errorMessage,
        startedAt,
        finishedAt,
      } as const;
      yield* execute(
        build
          .update(runs)
          .set({ ...ended, ...told })
          .where(eq(runs.id, id)),
      );
    }
    yield* addEmbeddings(source, ids, sourceId, id);
    yield* addDiagrams(source, ids, sourceId, id);
    yield* addFailures(source, sourceId, id);
  }

  /** Whether there were any. */
  function* addInvocations(source: MergeSource, ids: Ids, sourceRun: number, runId: number): Work<boolean> {
    const last = yield* get(
      build
        .select({ sequence: max(invocations.sequence) })
        .from(invocations)
        .where(eq(invocations.runId, runId)),
    );
    let any = false;
    for (const step of source.invocations(sourceRun, (last?.sequence ?? -1) + 1)) {
      any = true;
      const { modelId, inputId, outputId, hostId, ...rest } = step;
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
    return any;
  }

  function* addEmbeddings(source: MergeSource, ids: Ids, sourceRun: number, runId: number): Work<void> {
    for (const { sequence, modelId, source: how, vectorId } of source.embeddings(sourceRun)) {
      const step = yield* get(
        build
          .select({ id: invocations.id })
          .from(invocations)
          .where(and(eq(invocations.runId, runId), eq(invocations.sequence, sequence))),
      );
      const values = {
        invocationId: step!.id,
        modelId: yield* ids.model(modelId),
        vectorId: yield* ids.vector(vectorId, modelId),
        source: how,
      };
      yield* execute(build.insert(embeddings).values(values).onConflictDoNothing());
    }
  }

  function* addDiagrams(source: MergeSource, ids: Ids, sourceRun: number, runId: number): Work<void> {
    for (const { id: sourceId, modelId: sourceModel, ...diagram } of source.diagrams(sourceRun)) {
      const modelId = yield* ids.model(sourceModel);
      const where = and(eq(diagrams.runId, runId), eq(diagrams.modelId, modelId));
      const present = yield* get(build.select({ id: diagrams.id }).from(diagrams).where(where));
      if (present === undefined)
        yield* execute(build.insert(diagrams).values({ ...diagram, runId, modelId }));
      const { id: diagramId } = (yield* get(build.select({ id: diagrams.id }).from(diagrams).where(where)))!;
      if (present === undefined) {
        for (const row of source.dimensions(sourceId)) {
          yield* execute(build.insert(diagramDimensions).values({ ...row, diagramId }));
        }
      }
      for (const row of source.surrogates(sourceId)) {
        yield* execute(
          build
            .insert(surrogates)
            .values({ ...row, diagramId })
            .onConflictDoNothing(),
        );
      }
    }
  }

  /** The log has no key: an attempt that failed at the same moment in the same way is the same one. */
  function* addFailures(source: MergeSource, sourceRun: number, runId: number): Work<void> {
    const known = yield* all(build.select().from(failures).where(eq(failures.runId, runId)));
    const told = new Set(known.map((row) => failureKey(row)));
    for (const row of source.failures(sourceRun)) {
      if (!told.has(failureKey(row))) yield* execute(build.insert(failures).values({ ...row, runId }));
    }
  }

  /** An experiment whose last runs came from the source has ended with them. */
  function* closeWhereAllEnded({ id, finishedAt }: SourceExperiment): Work<void> {
    const counts = yield* get(
      build
        .select({
          open: sql<number>`sum(case when ${runs.status} in ('finished', 'failed') then 0 else 1 end)`,
          failed: sql<number>`sum(case when ${runs.status} = 'failed' then 1 else 0 end)`,
        })
        .from(runs)
        .where(eq(runs.experimentId, id)),
    );
    if (counts === undefined || counts.open > 0) return;
    const status = counts.failed === 0 ? 'completed' : 'completed_with_failures';
    const ended = { status, driverWorkflowId: null, driverRunId: null, pausedAt: null } as const;
    yield* execute(
      build
        .update(experiments)
        .set({
          ...ended,
          finishedAt: sql`coalesce(${experiments.finishedAt}, ${finishedAt}, ${experiments.createdAt})`,
          ...(counts.failed === 0 ? { error: null } : {}),
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
      const row = source.model(id);
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
      const fingerprint = source.host(id);
      yield* execute(build.insert(hosts).values({ fingerprint }).onConflictDoNothing());
      const where = eq(hosts.fingerprint, fingerprint);
      return (yield* get(build.select({ id: hosts.id }).from(hosts).where(where)))!.id;
    }

    function* vectorOf(id: number, sourceModel: number): Work<number> {
      const { artifactId: sourceArtifact, hostId, ...row } = source.vector(id);
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
      artifact: (id) => once(known.artifacts, id, () => artifacts.idOf(source.artifact(id))),
      vector: (id, model) => once(known.vectors, id, () => vectorOf(id, model)),
    };
    return ids;
  }

  return { add };
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

interface FailureKey {
  readonly attempt: number;
  readonly stage: string;
  readonly sequence: number | null;
  readonly kind: string;
  readonly message: string;
  readonly createdAt: number;
}

function failureKey({ attempt, stage, sequence, kind, message, createdAt }: FailureKey): string {
  return JSON.stringify([attempt, stage, sequence, kind, message, createdAt]);
}
