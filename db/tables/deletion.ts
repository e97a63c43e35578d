import { setTimeout as sleep } from 'node:timers/promises';
import { and, asc, desc, eq, inArray, isNotNull, isNull, lt, or, sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';

import type { Modality } from '../../experiment/artifact.js';
import { isStoredAsObject } from '../../experiment/modality.js';
import { faultPoint } from '../../common/fault.js';
import { REMOVAL_CLAIM_MS } from './artifacts.js';
import { databaseTime } from '../connection/clock.js';
import type { Database } from '../connection/database.js';
import type { Driver } from './driver-service.js';
import type { ObjectStore } from '../objects/object-store.js';
import {
  artifacts,
  diagrams,
  embeddings,
  experiments,
  failures,
  invocations,
  promptVectors,
  removedObjects,
  runs,
  runStatistics,
  vectors,
} from '../schema.js';
import { all, get as first, run } from '../connection/work.js';
import type { Work } from '../connection/work.js';

/**
 * The rows and objects that the deletion of an experiment removes, and those that stay because another
 * experiment has them too.
 */
export interface DeletionPreview {
  readonly runs: number;
  readonly invocations: number;
  readonly embeddings: number;
  readonly diagrams: number;
  /** Rows of surrogates, one for each homology dimension. */
  readonly surrogates: number;
  /** Rows of numbers of a trajectory, one for each run and embedding model. */
  readonly runStatistics: number;
  readonly failures: number;
  readonly vectors: Removal;
  readonly texts: Removal;
  /** Pictures, each an object beside the database. */
  readonly objects: Removal;
  /**
   * Invocations of other experiments that were copied from this one. They stay, but the record of how they
   * were computed goes.
   */
  readonly reusedElsewhere: number;
}

export interface Removal {
  readonly removed: number;
  readonly removedBytes: number;
  /** The number that stays because rows of another experiment point at it. */
  readonly shared: number;
}

export interface DeletionStep {
  /** Only the experiment's own row is left. */
  readonly done: boolean;
  /** Invocations that this step deleted. */
  readonly invocations: number;
}

/**
 * A transaction deletes at most this many invocations, with all that belongs to them: so the write-ahead log
 * stays small, and other writers get their turn.
 */
const BATCH = 1000;
const RUNS_BATCH = 500;
const OBJECTS_BATCH = 20;

const CLAIM_POLL_MS = 500;
/** The table remembers a removed object for this time, which is longer than any step may run. */
const REMEMBERED_MS = 7 * 86_400_000;

export type DeletionTable = ReturnType<typeof deletionTable>;

/**
 * Deletes experiments in steps that each leave a sound store. The first step marks the experiment, and the
 * last one deletes its own row: so a later call recognises a deletion that was cut off, and continues it.
 * Outputs and vectors without a remaining row go in the transaction of the rows that pointed at them; their
 * objects go afterwards.
 */
export function deletionTable({ build, read, write, rows, dialect }: Database, objects: ObjectStore) {
  /**
   * Marks the experiment, so that no process runs it any more. False if an execution other than `driver`
   * drives it. The caller knows that `driver` has ended.
   */
  async function begin(id: string, driver: Driver | null, now: number): Promise<boolean> {
    const query = build
      .update(experiments)
      .set({ deletingAt: sql`coalesce(${experiments.deletingAt}, ${now})` })
      .where(
        and(
          eq(experiments.id, id),
          sql`${experiments.driverWorkflowId} is not distinct from ${driver?.workflowId ?? null}`,
          sql`${experiments.driverRunId} is not distinct from ${driver?.runId ?? null}`,
        ),
      );
    const begun = (await write(() => run(query))) === 1;
    if (begun) faultPoint('delete:after-mark');
    return begun;
  }

  /** Deletes the next rows, in one transaction. Call it until it is done. */
  async function step(id: string): Promise<DeletionStep> {
    const done = await write(() => nextRows(id));
    faultPoint('delete:after-rows');
    return done;
  }

  function* nextRows(id: string): Work<DeletionStep> {
    const [next] = yield* all(
      build
        .select({ id: runs.id })
        .from(runs)
        .where(eq(runs.experimentId, id))
        .orderBy(desc(runs.runIndex))
        .limit(1),
    );
    if (next === undefined) return { done: true, invocations: 0 };
    const [diagram] = yield* all(
      build.select({ id: diagrams.id }).from(diagrams).where(eq(diagrams.runId, next.id)).limit(1),
    );
    if (diagram !== undefined) {
      // Its dimensions go with it, and at most some thousand rows of surrogates.
      yield* run(build.delete(diagrams).where(eq(diagrams.id, diagram.id)));
      return { done: false, invocations: 0 };
    }
    // A curve has a number for each step, so the rows of one run go together.
    const numbers = yield* run(build.delete(runStatistics).where(eq(runStatistics.runId, next.id)));
    if (numbers > 0) return { done: false, invocations: 0 };
    const deleted = yield* lastInvocations(next.id);
    if (deleted > 0) return { done: false, invocations: deleted };
    yield* emptyRuns(id);
    return { done: false, invocations: 0 };
  }

  /** Deletes from the end, so that the input of a step goes after the step. */
  function* lastInvocations(runId: number): Work<number> {
    const steps = yield* all(
      build
        .select({ id: invocations.id, inputId: invocations.inputId, outputId: invocations.outputId })
        .from(invocations)
        .where(eq(invocations.runId, runId))
        .orderBy(desc(invocations.sequence))
        .limit(BATCH),
    );
    if (steps.length === 0) return 0;
    const ids = steps.map((step) => step.id);
    const attached = yield* all(
      build
        .selectDistinct({ vectorId: embeddings.vectorId })
        .from(embeddings)
        .where(inArray(embeddings.invocationId, ids)),
    );
    yield* run(build.delete(embeddings).where(inArray(embeddings.invocationId, ids)));
    yield* run(build.delete(invocations).where(inArray(invocations.id, ids)));
    yield* orphanVectors(attached.map(({ vectorId }) => vectorId));
    yield* orphanArtifacts([...new Set(steps.flatMap(({ inputId, outputId }) => [inputId, outputId]))]);
    faultPoint('delete:before-commit');
    return steps.length;
  }

  /**
   * Deletes runs that have nothing any more, many at once: an experiment may have a million runs that never
   * began.
   */
  function* emptyRuns(id: string): Work<void> {
    const empty = yield* all(
      build
        .select({ id: runs.id, promptId: runs.promptId })
        .from(runs)
        .where(
          and(
            eq(runs.experimentId, id),
            sql`not exists (select 1 from ${invocations} where ${invocations.runId} = ${runs.id})`,
            sql`not exists (select 1 from ${diagrams} where ${diagrams.runId} = ${runs.id})`,
            sql`not exists (select 1 from ${runStatistics} where ${runStatistics.runId} = ${runs.id})`,
          ),
        )
        .orderBy(desc(runs.runIndex))
        .limit(RUNS_BATCH),
    );
    const ids = empty.map((row) => row.id);
    yield* run(build.delete(failures).where(inArray(failures.runId, ids)));
    yield* run(build.delete(runs).where(inArray(runs.id, ids)));
    const prompts = [...new Set(empty.map(({ promptId }) => promptId))];
    yield* orphanPromptVectors(prompts);
    yield* orphanArtifacts(prompts);
  }

  /** Takes the vectors from those of the texts that are no longer the prompt of a run. */
  function* orphanPromptVectors(candidates: readonly number[]): Work<void> {
    const orphans = and(
      inArray(promptVectors.artifactId, [...candidates]),
      sql`not exists (select 1 from ${runs} where ${runs.promptId} = ${promptVectors.artifactId})`,
    );
    const pointed = yield* all(
      build.selectDistinct({ vectorId: promptVectors.vectorId }).from(promptVectors).where(orphans),
    );
    if (pointed.length === 0) return;
    yield* run(build.delete(promptVectors).where(orphans));
    yield* orphanVectors(pointed.map(({ vectorId }) => vectorId));
  }

  function* orphanVectors(candidates: readonly number[]): Work<void> {
    yield* run(
      build
        .delete(vectors)
        .where(
          and(
            inArray(vectors.id, [...candidates]),
            sql`not exists (select 1 from ${embeddings} where ${embeddings.vectorId} = ${vectors.id})`,
            sql`not exists (select 1 from ${promptVectors} where ${promptVectors.vectorId} = ${vectors.id})`,
          ),
        ),
    );
  }

  /**
   * Deletes those of the artifacts that no row points at any more. Puts the objects of pictures on the list
   * of those to remove.
   */
  function* orphanArtifacts(candidates: readonly number[]): Work<void> {
    for (let from = 0; from < candidates.length; from += BATCH) {
      const orphans = yield* all(
        build
          .select({
            id: artifacts.id,
            sha256: artifacts.sha256,
            byteLength: artifacts.byteLength,
            modality: artifacts.modality,
          })
          .from(artifacts)
          .where(
            and(
              inArray(artifacts.id, candidates.slice(from, from + BATCH)),
              sql`not exists (select 1 from ${invocations} where ${invocations.outputId} = ${artifacts.id})`,
              sql`not exists (select 1 from ${invocations} where ${invocations.inputId} = ${artifacts.id})`,
              sql`not exists (select 1 from ${runs} where ${runs.promptId} = ${artifacts.id})`,
              sql`not exists (select 1 from ${vectors} where ${vectors.artifactId} = ${artifacts.id})`,
            ),
          ),
      );
      if (orphans.length === 0) continue;
      const ids = orphans.map((orphan) => orphan.id);
      yield* run(build.delete(artifacts).where(inArray(artifacts.id, ids)));
      for (const { sha256, byteLength, modality } of orphans) {
        if (!isStoredAsObject(modality)) continue;
        const doomed = { byteLength, claimedAt: null, removedAt: null };
        yield* run(
          build
            .insert(removedObjects)
            .values({ sha256, ...doomed })
            .onConflictDoUpdate({ target: removedObjects.sha256, set: doomed }),
        );
      }
    }
  }

  /**
   * Removes the objects of deleted artifacts, also those that an earlier call left. Writers may work
   * meanwhile: the function first claims each object, and leaves one that was stored again (artifacts.ts). It
   * waits for objects that another call has claimed, for at most a minute; after that time the claim counts
   * as abandoned.
   */
  async function removeObjects(now: () => number): Promise<{ removed: number; removedBytes: number }> {
    const total = { removed: 0, removedBytes: 0 };
    await write(() => forgetOldRemovals(now));
    for (;;) {
      const began = now();
      const { claimedAt, claimed } = await write(() => claimObjects(now));
      if (claimed.length === 0) {
        if ((await objectsLeft()) === 0) return total;
        await sleep(CLAIM_POLL_MS);
      }
      for (const { sha256, byteLength } of claimed) {
        // A process that stood still in between must not remove an object that another process may have
        // stored since.
        if (now() - began > REMOVAL_CLAIM_MS / 2) break;
        await objects.remove(sha256);
        faultPoint('delete:after-object');
        await write(() => markRemoved(sha256, claimedAt, now));
        total.removed++;
        total.removedBytes += byteLength;
      }
    }
  }

  function* forgetOldRemovals(own: () => number): Work<void> {
    const before = (yield* databaseTime({ dialect, rows }, own)) - REMEMBERED_MS;
    yield* run(build.delete(removedObjects).where(lt(removedObjects.removedAt, before)));
  }

  function* markRemoved(sha256: Buffer, claimedAt: number, own: () => number): Work<void> {
    const removedAt = yield* databaseTime({ dialect, rows }, own);
    yield* run(
      build
        .update(removedObjects)
        .set({ removedAt })
        .where(and(eq(removedObjects.sha256, sha256), eq(removedObjects.claimedAt, claimedAt))),
    );
  }

  /**
   * Uses the clock of the database: a machine whose own clock is ahead must not take a new claim for an old
   * one.
   */
  function* claimObjects(
    own: () => number,
  ): Work<{ claimedAt: number; claimed: { sha256: Buffer; byteLength: number }[] }> {
    const at = yield* databaseTime({ dialect, rows }, own);
    const doomed = yield* all(
      build
        .select({ sha256: removedObjects.sha256, byteLength: removedObjects.byteLength })
        .from(removedObjects)
        .where(
          and(
            isNull(removedObjects.removedAt),
            or(isNull(removedObjects.claimedAt), lt(removedObjects.claimedAt, at - REMOVAL_CLAIM_MS)),
          ),
        )
        .orderBy(asc(removedObjects.sha256))
        .limit(OBJECTS_BATCH),
    );
    if (doomed.length === 0) return { claimedAt: at, claimed: [] };
    const digests = doomed.map(({ sha256 }) => sha256);
    yield* run(
      build.update(removedObjects).set({ claimedAt: at }).where(inArray(removedObjects.sha256, digests)),
    );
    return { claimedAt: at, claimed: doomed };
  }

  /** Deletes the experiment's own row, after everything else of it. */
  async function end(id: string): Promise<void> {
    await write(() =>
      run(build.delete(experiments).where(and(eq(experiments.id, id), isNotNull(experiments.deletingAt)))),
    );
  }

  /**
   * The rows and objects that `step`, `removeObjects` and `end` would delete. Reads the rows of the
   * experiment once for each kind.
   */
  async function preview(id: string): Promise<DeletionPreview> {
    const one = async <T>(query: Parameters<typeof rows>[0]): Promise<T> =>
      (await read(() => rows<T>(query)))[0]!;
    const mine = sql`(select ${runs.id} from ${runs} where ${runs.experimentId} = ${id})`;
    const counted = await one<
      Record<
        'runs' | 'invocations' | 'embeddings' | 'diagrams' | 'surrogates' | 'runStatistics' | 'failures',
        number
      >
    >(sql`
      select
        (select count(*) from runs where experiment_id = ${id}) as "runs",
        (select count(*) from invocations where run_id in ${mine}) as "invocations",
        (select count(*) from embeddings e join invocations i on i.id = e.invocation_id where i.run_id in ${mine})
          as "embeddings",
        (select count(*) from diagrams where run_id in ${mine}) as "diagrams",
        (select count(*) from surrogates s join diagrams d on d.id = s.diagram_id where d.run_id in ${mine})
          as "surrogates",
        (select count(*) from run_statistics where run_id in ${mine}) as "runStatistics",
        (select count(*) from failures where run_id in ${mine}) as "failures"`);
    const elsewhere = (column: string) => sql`exists (
      select 1 from invocations i join runs r on r.id = i.run_id
      where i.${sql.raw(column)} = a.id and r.experiment_id <> ${id})`;
    const ofVectors = await one<Found>(sql`
      select count(*) as "found", coalesce(sum(case when shared then 1 else 0 end), 0) as "shared",
        coalesce(sum(case when shared then 0 else size end), 0) as "bytes"
      from (
        select length(v.bytes) as size, exists (
            select 1 from embeddings e join invocations i on i.id = e.invocation_id join runs r on r.id = i.run_id
            where e.vector_id = v.id and r.experiment_id <> ${id})
          or exists (
            select 1 from prompt_vectors q join runs r on r.prompt_id = q.artifact_id
            where q.vector_id = v.id and r.experiment_id <> ${id}) as shared
        from vectors v where v.id in (
          select e.vector_id from embeddings e join invocations i on i.id = e.invocation_id where i.run_id in ${mine}
          union select q.vector_id from runs r join prompt_vectors q on q.artifact_id = r.prompt_id
          where r.experiment_id = ${id})
      ) as found`);
    const byModality = await read(() =>
      rows<Found & { readonly modality: Modality }>(sql`
        select modality, count(*) as "found", coalesce(sum(case when shared then 1 else 0 end), 0) as "shared",
          coalesce(sum(case when shared then 0 else size end), 0) as "bytes"
        from (
          select a.modality, a.byte_length as size,
            ${elsewhere('output_id')} or ${elsewhere('input_id')} or exists (
              select 1 from runs r where r.prompt_id = a.id and r.experiment_id <> ${id}) as shared
          from artifacts a where a.id in (
            select output_id from invocations where run_id in ${mine}
            union select prompt_id from runs where experiment_id = ${id})
        ) as found group by modality`),
    );
    const reused = await one<{ readonly reused: number }>(reusedElsewhereQuery(id));
    const storedAsObject = (asObject: boolean): Removal =>
      removal(byModality.filter((row) => isStoredAsObject(row.modality) === asObject));
    return {
      runs: counted.runs,
      invocations: counted.invocations,
      embeddings: counted.embeddings,
      diagrams: counted.diagrams,
      surrogates: counted.surrogates,
      runStatistics: counted.runStatistics,
      failures: counted.failures,
      vectors: removal([ofVectors]),
      texts: storedAsObject(false),
      objects: storedAsObject(true),
      reusedElsewhere: reused.reused,
    };
  }

  /** The number of objects that were to be removed and may still exist. */
  async function objectsLeft(): Promise<number> {
    const query = build
      .select({ left: sql<number>`count(*)` })
      .from(removedObjects)
      .where(isNull(removedObjects.removedAt));
    return (await read(() => first(query)))!.left;
  }

  return { begin, step, removeObjects, end, preview, objectsLeft };
}

/**
 * Counts invocations of other experiments whose equal work only this one computed. The query goes from this
 * experiment's work to that of others, by the index of inputs. In the other direction it would read every
 * reused invocation of the store. `cross join` keeps SQLite to that order
 * (https://sqlite.org/optoverview.html, section 7.2).
 */
export function reusedElsewhereQuery(id: string): SQL {
  const mine = sql`(select id from runs where experiment_id = ${id})`;
  return sql`
    select count(*) as "reused"
    from (
      select distinct o.model_id, o.input_id, o.seed from runs r cross join invocations o
      where r.experiment_id = ${id} and o.run_id = r.id and o.source = 'computed') as own
    cross join invocations i
    where i.input_id = own.input_id and i.model_id = own.model_id and i.seed = own.seed
      and i.source = 'reused' and i.run_id not in ${mine}
      and not exists (
        select 1 from invocations c where c.model_id = own.model_id and c.input_id = own.input_id and c.seed = own.seed
          and c.source = 'computed' and c.run_id not in ${mine})`;
}

interface Found {
  readonly found: number;
  readonly shared: number;
  readonly bytes: number;
}

function removal(groups: readonly Found[]): Removal {
  return groups.reduce<Removal>(
    ({ removed, removedBytes, shared }, group) => ({
      removed: removed + group.found - group.shared,
      removedBytes: removedBytes + group.bytes,
      shared: shared + group.shared,
    }),
    { removed: 0, removedBytes: 0, shared: 0 },
  );
}
