import { and, asc, eq, gt, gte, inArray, isNotNull, isNull, lt, sql } from 'drizzle-orm';
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { Modality } from '../../experiment/artifact.js';
import { PanicError } from '../../common/errors.js';
import { faultPoint } from '../../common/fault.js';
import type { Database } from '../connection/database.js';
import type { RunRow } from './runs.js';
import { vectorRows } from './vector-rows.js';
import type { MadeVector } from './vector-rows.js';
import { artifacts, embeddings, invocations, models, vectors } from '../schema.js';
import { all, get, run as execute } from '../connection/work.js';
import type { Work } from '../connection/work.js';

/** Vectors in one read: 3 MB for 768 numbers each. */
const CLOUD_CHUNK = 1000;

/**
 * Steps whose outputs a transaction examines, and gives vectors, before the event loop and other writers get
 * their turn.
 */
const PORTION = 4000;
const REUSE_CHUNK = 500;
const ATTACHED_AT_ONCE = 2000;

/** The steps of a run from a sequence to before another. */
export interface StepRange {
  readonly from: number;
  readonly to: number;
}

/**
 * Splits a run into portions of which each takes milliseconds to read. They cover the whole run, ended or
 * not.
 */
export function* portionsOf({
  length,
  maxLength,
}: Pick<RunRow, 'length' | 'maxLength'>): Generator<StepRange> {
  const end = length ?? maxLength;
  for (let from = 0; from < end; from += PORTION) yield { from, to: Math.min(end, from + PORTION) };
}

interface Attachment {
  readonly invocationId: number;
  readonly vectorId: number;
}

/** An output that waits for its vector; several invocations may share it. */
export interface PendingOutput {
  readonly artifactId: number;
  readonly invocationIds: readonly number[];
}

export interface NewVector extends MadeVector {
  readonly pending: PendingOutput;
}

/** Outputs of a run that an embedding model could not read to their ends. */
export interface CutOutputs {
  readonly model: string;
  readonly outputs: number;
  readonly mostTokens: number;
}

/** The vectors of a run's eligible outputs, in order of sequence. */
export interface PointCloud {
  /** Row-major, `count` x `dimension`. */
  readonly points: Float32Array;
  readonly count: number;
  /** For each distinct vector the row of its first appearance, ascending. */
  readonly distinctRows: readonly number[];
  /** SHA-256 over the digests of the vectors, in order. */
  readonly sha256: Buffer;
}

export type VectorTable = ReturnType<typeof vectorTable>;

export function vectorTable({ build, read, write }: Database) {
  const withoutVector = build
    .select({ invocationId: invocations.id, artifactId: invocations.outputId })
    .from(invocations)
    .innerJoin(artifacts, eq(artifacts.id, invocations.outputId))
    .leftJoin(
      embeddings,
      and(eq(embeddings.invocationId, invocations.id), eq(embeddings.modelId, sql.placeholder('modelId'))),
    )
    .where(
      and(
        eq(invocations.runId, sql.placeholder('runId')),
        gte(invocations.sequence, sql.placeholder('from')),
        lt(invocations.sequence, sql.placeholder('to')),
        eq(artifacts.modality, sql.placeholder('modality')),
        isNull(embeddings.invocationId),
      ),
    )
    .orderBy(asc(invocations.sequence))
    .prepare();
  const rows = vectorRows({ build });
  const insertEmbedding = build
    .insert(embeddings)
    .values({
      invocationId: sql.placeholder('invocationId'),
      modelId: sql.placeholder('modelId'),
      vectorId: sql.placeholder('vectorId'),
      source: sql.placeholder('source'),
    })
    .onConflictDoNothing()
    .prepare();
  const vectorsOfRun = build
    .select({
      sequence: invocations.sequence,
      id: vectors.id,
      bytes: vectors.bytes,
      sha256: vectors.sha256,
    })
    .from(invocations)
    .innerJoin(
      embeddings,
      and(eq(embeddings.invocationId, invocations.id), eq(embeddings.modelId, sql.placeholder('modelId'))),
    )
    .innerJoin(vectors, eq(vectors.id, embeddings.vectorId))
    .where(
      and(
        eq(invocations.runId, sql.placeholder('runId')),
        gt(invocations.sequence, sql.placeholder('after')),
      ),
    )
    .orderBy(asc(invocations.sequence))
    .limit(CLOUD_CHUNK)
    .prepare();
  const vectorCounts = build
    .select({
      count: sql<number>`count(*)`.mapWith(Number),
      distinct: sql<number>`count(distinct ${embeddings.vectorId})`.mapWith(Number),
    })
    .from(invocations)
    .innerJoin(
      embeddings,
      and(eq(embeddings.invocationId, invocations.id), eq(embeddings.modelId, sql.placeholder('modelId'))),
    )
    .where(eq(invocations.runId, sql.placeholder('runId')))
    .prepare();

  /**
   * The distinct outputs of this modality that have no vector of this model yet, for the steps in a portion
   * of the run, or for all steps. It reads steps a portion at a time, so that the event loop gets its turn.
   */
  async function pending(
    run: RunRow,
    modelId: number,
    modality: Modality,
    steps?: StepRange,
  ): Promise<PendingOutput[]> {
    const byArtifact = new Map<number, number[]>();
    for (const { from, to } of steps === undefined ? portionsOf(run) : [steps]) {
      const range = { runId: run.id, modelId, modality, from, to };
      for (const { artifactId, invocationId } of await read(() => all(withoutVector, range))) {
        const list = byArtifact.get(artifactId);
        if (list === undefined) byArtifact.set(artifactId, [invocationId]);
        else list.push(invocationId);
      }
      await setImmediate();
    }
    return [...byArtifact].map(([artifactId, invocationIds]) => ({ artifactId, invocationIds }));
  }

  /**
   * The number of outputs of this modality that have no vector of this model. It holds none of them in
   * memory.
   */
  async function countPending(run: RunRow, modelId: number, modality: Modality): Promise<number> {
    let missing = 0;
    for (const { from, to } of portionsOf(run)) {
      missing += (await read(() => all(withoutVector, { runId: run.id, modelId, modality, from, to })))
        .length;
      await setImmediate();
    }
    return missing;
  }

  /**
   * Gives outputs the vectors that equal outputs already have, in any run or `within` one. Returns the
   * outputs that are left. Keyed by (invocation, model): a repeated call continues an interrupted one. A
   * transaction attaches at most 2,000, because it blocks the event loop.
   */
  async function reuse(
    outputs: readonly PendingOutput[],
    modelId: number,
    within: RunRow | null = null,
  ): Promise<PendingOutput[]> {
    const left: PendingOutput[] = [];
    let attaching: Attachment[] = [];
    for (let at = 0; at < outputs.length; at += REUSE_CHUNK) {
      const chunk = outputs.slice(at, at + REUSE_CHUNK);
      const found = await vectorsOf(chunk, modelId, within);
      for (const output of chunk) {
        const vectorId = found.get(output.artifactId);
        if (vectorId === undefined) left.push(output);
        else for (const invocationId of output.invocationIds) attaching.push({ invocationId, vectorId });
      }
      for (; attaching.length >= ATTACHED_AT_ONCE; attaching = attaching.slice(ATTACHED_AT_ONCE)) {
        await attachAll(attaching.slice(0, ATTACHED_AT_ONCE), modelId);
      }
      await setImmediate();
    }
    if (attaching.length > 0) await attachAll(attaching, modelId);
    return left;
  }

  async function attachAll(attachments: readonly Attachment[], modelId: number): Promise<void> {
    await write(function* () {
      for (const { invocationId, vectorId } of attachments) {
        yield* attach([invocationId], modelId, vectorId, 'reused');
      }
    });
  }

  /** The oldest vector of each output's artifact, by artifact. */
  async function vectorsOf(
    outputs: readonly PendingOutput[],
    modelId: number,
    within: RunRow | null,
  ): Promise<Map<number, number>> {
    const ids = outputs.map((output) => output.artifactId);
    const anywhere = build
      .select({ artifactId: vectors.artifactId, vectorId: sql<number>`min(${vectors.id})` })
      .from(vectors)
      .where(and(eq(vectors.modelId, modelId), inArray(vectors.artifactId, ids)))
      .groupBy(vectors.artifactId);
    const inRun = build
      .select({ artifactId: invocations.outputId, vectorId: sql<number>`min(${embeddings.vectorId})` })
      .from(invocations)
      .innerJoin(embeddings, eq(embeddings.invocationId, invocations.id))
      .where(
        and(
          eq(invocations.runId, within?.id ?? 0),
          inArray(invocations.outputId, ids),
          eq(embeddings.modelId, modelId),
        ),
      )
      .groupBy(invocations.outputId);
    const rows = await read(() => all(within === null ? anywhere : inRun));
    return new Map(rows.map(({ artifactId, vectorId }) => [artifactId, vectorId]));
  }

  function* attach(
    invocationIds: readonly number[],
    modelId: number,
    vectorId: number,
    source: 'computed' | 'reused',
  ): Work<void> {
    for (const invocationId of invocationIds) {
      yield* execute(insertEmbedding, { invocationId, modelId, vectorId, source });
    }
  }

  /**
   * Commits a batch of computed vectors in one transaction. Keyed by (invocation, model): existing rows stay.
   */
  async function commit(batch: readonly NewVector[], modelId: number, hostId: number): Promise<void> {
    await write(function* () {
      for (const { pending, ...made } of batch) {
        const id = yield* rows.idOf(pending.artifactId, made, { modelId, hostId });
        const [first, ...repeats] = pending.invocationIds;
        yield* attach([first!], modelId, id, 'computed');
        yield* attach(repeats, modelId, id, 'reused');
      }
      faultPoint('vectors:before-commit');
    });
    faultPoint('vectors:after-commit');
  }

  /** The number of distinct vectors of a model in a run. */
  async function countDistinct(run: RunRow, modelId: number): Promise<number> {
    const counted = await read(() => get(vectorCounts, { runId: run.id, modelId }));
    return counted?.distinct ?? 0;
  }

  async function pointCloud(run: RunRow, modelId: number, dimension: number): Promise<PointCloud> {
    const counted = await read(() => get(vectorCounts, { runId: run.id, modelId }));
    const count = counted?.count ?? 0;
    const points = new Float32Array(count * dimension);
    const pointBytes = new Uint8Array(points.buffer);
    const digest = createHash('sha256');
    const firstRows = new Map<number, number>();
    let index = 0;
    // Read in portions: all rows at once would take as much memory again, and would delay the heartbeats.
    for (let after = -1; index < count;) {
      const rows = await read(() => all(vectorsOfRun, { runId: run.id, modelId, after }));
      if (rows.length === 0 || index + rows.length > count) {
        throw new PanicError(
          'StoreConflict',
          `the vectors of run ${run.runIndex} changed while they were read`,
        );
      }
      for (const row of rows) {
        if (!firstRows.has(row.id)) firstRows.set(row.id, index);
        pointBytes.set(row.bytes, index * dimension * 4);
        digest.update(row.sha256);
        index++;
      }
      after = rows.at(-1)!.sequence;
    }
    return { points, count, distinctRows: [...firstRows.values()], sha256: digest.digest() };
  }

  /** By model, only for models that cut outputs. */
  async function cuts(run: RunRow): Promise<CutOutputs[]> {
    const query = build
      .select({
        model: models.name,
        outputs: sql<number>`count(*)`,
        mostTokens: sql<number>`max(${vectors.cutTokens})`,
      })
      .from(invocations)
      .innerJoin(embeddings, eq(embeddings.invocationId, invocations.id))
      .innerJoin(vectors, eq(vectors.id, embeddings.vectorId))
      .innerJoin(models, eq(models.id, vectors.modelId))
      .where(and(eq(invocations.runId, run.id), isNotNull(vectors.cutTokens)))
      .groupBy(models.id)
      .orderBy(models.name);
    return read(() => all(query));
  }

  return { pending, countPending, reuse, commit, countDistinct, pointCloud, cuts };
}
