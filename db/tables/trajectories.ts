import { and, asc, eq, gt, inArray, sql } from 'drizzle-orm';
import { createHash } from 'node:crypto';
import { PanicError } from '../../common/errors.js';
import type { Database } from '../connection/database.js';
import { all } from '../connection/work.js';
import { embeddings, invocations, vectors } from '../schema.js';
import type { RunRow } from './runs.js';

/** Steps in one read, and vectors: 3 MB for 768 numbers each. */
const STEPS = 4000;
const VECTORS = 1000;

/** A vector counts as one of length 1 up to this difference: models compute lengths in float32 or less. */
const UNIT_TOLERANCE = 1e-3;

/** The embedded outputs of a run under one model, in order of sequence, without their vectors. */
export interface EmbeddedSteps {
  /** SHA-256 over the digests of the vectors, in order, as of a diagram. */
  readonly sha256: Buffer;
  /** For each distinct vector the id of its first row, by first appearance. Equal vectors of different outputs are one. */
  readonly vectorIds: readonly number[];
  /** For each step the index of its vector in `vectorIds`. */
  readonly sequence: Uint32Array;
  /** For each step the number of its output, by first appearance: equal numbers are equal contents. */
  readonly outputs: Uint32Array;
  /** Invocations from each step to the next; null for one step, or if it varies. */
  readonly stride: number | null;
  /** Whether all vectors have length 1. */
  readonly areUnit: boolean;
}

export type TrajectoryTable = ReturnType<typeof trajectoryTable>;

export function trajectoryTable({ build, read }: Database) {
  const stepsOfRun = build
    .select({
      sequence: invocations.sequence,
      outputId: invocations.outputId,
      id: vectors.id,
      sha256: vectors.sha256,
      norm: vectors.norm,
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
    .limit(STEPS)
    .prepare();

  async function steps(run: RunRow, modelId: number): Promise<EmbeddedSteps> {
    const digest = createHash('sha256');
    const [rows, outputs] = [new Map<string, number>(), new Map<number, number>()];
    const vectorIds: number[] = [];
    const [sequence, outputOf]: [number[], number[]] = [[], []];
    const strides = new Set<number>();
    let areUnit = true;
    for (let after = -1, more = true; more;) {
      const portion = await read(() => all(stepsOfRun, { runId: run.id, modelId, after }));
      for (const step of portion) {
        digest.update(step.sha256);
        const row = numberOf(rows, step.sha256.toString('base64'));
        if (row === vectorIds.length) vectorIds.push(step.id);
        sequence.push(row);
        outputOf.push(numberOf(outputs, step.outputId));
        if (sequence.length > 1) strides.add(step.sequence - after);
        after = step.sequence;
        areUnit &&= Math.abs(step.norm - 1) <= UNIT_TOLERANCE;
      }
      more = portion.length === STEPS;
    }
    const [stride] = strides;
    return {
      sha256: digest.digest(),
      vectorIds,
      sequence: Uint32Array.from(sequence),
      outputs: Uint32Array.from(outputOf),
      stride: strides.size === 1 ? stride! : null,
      areUnit,
    };
  }

  /**
   * The vectors with these ids in this order, row-major.
   * @throws PanicError `StoreConflict` if one is gone.
   */
  async function points(vectorIds: readonly number[], dimension: number): Promise<Float32Array> {
    const made = new Float32Array(vectorIds.length * dimension);
    const bytes = new Uint8Array(made.buffer);
    for (let from = 0; from < vectorIds.length; from += VECTORS) {
      const chunk = vectorIds.slice(from, from + VECTORS);
      const query = build
        .select({ id: vectors.id, bytes: vectors.bytes })
        .from(vectors)
        .where(inArray(vectors.id, chunk));
      const found = new Map((await read(() => all(query))).map((row) => [row.id, row.bytes]));
      for (const [index, id] of chunk.entries()) {
        const vector = found.get(id);
        if (vector === undefined) {
          throw new PanicError(
            'StoreConflict',
            `vector ${id} was deleted while the vectors of its run were read`,
          );
        }
        bytes.set(vector, 4 * dimension * (from + index));
      }
    }
    return made;
  }

  return { steps, points };
}

/** The number of a key: its place in the order of the first appearances. */
function numberOf<Key>(known: Map<Key, number>, key: Key): number {
  const found = known.get(key);
  if (found !== undefined) return found;
  known.set(key, known.size);
  return known.size - 1;
}
