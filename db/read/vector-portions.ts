import { PanicError } from '../../common/errors.js';
import type { Snapshot } from '../connection/database.js';
import { float32s } from '../float32.js';
import { VECTORS_OF_RUN } from './rows.js';

/** Distinct vectors of a run and a model. */
export interface VectorPortion {
  /** The number of components of a vector. */
  readonly dimension: number;
  /** Ids of the rows of `vectors`, ascending. */
  readonly ids: readonly number[];
  /** Row-major, `ids.length` x `dimension`. */
  readonly points: Float32Array;
  /** For each vector: the sequences of the steps whose outputs have it, ascending. */
  readonly sequences: readonly Uint32Array[];
}

const PORTION_BYTES = 4 * 2 ** 20;

const VECTORS = `select v.id, v.bytes from vectors v where ${VECTORS_OF_RUN} order by v.id`;

const STEPS = `
  select e.vector_id as "vectorId", i.sequence from invocations i join embeddings e on e.invocation_id = i.id
  where i.run_id = ? and e.model_id = ? order by e.vector_id, i.sequence`;

/**
 * The distinct vectors of a run and a model in portions. The generator reads the two lists side by side, in
 * the order of the vectors' ids.
 */
export async function* vectorPortions(
  snapshot: Snapshot,
  run: number,
  model: number,
): AsyncGenerator<VectorPortion, void, undefined> {
  const all = snapshot.rows<{ vectorId: number; sequence: number }>(STEPS, run, model);
  const steps = all[Symbol.asyncIterator]();
  try {
    let step = await steps.next();
    let portion: Growing | null = null;
    const refuseStepWithoutVector = (): void => {
      if (step.done === true) return;
      throw new PanicError(
        'StoreConflict',
        `vector ${step.value.vectorId} of step ${step.value.sequence} is missing; "panic-tda doctor" says what mends it`,
      );
    };
    for await (const { id, bytes } of snapshot.rows<{ id: number; bytes: Buffer }>(VECTORS, run, model)) {
      if (step.done !== true && step.value.vectorId < id) refuseStepWithoutVector();
      const sequences: number[] = [];
      for (; step.done !== true && step.value.vectorId === id; step = await steps.next()) {
        sequences.push(step.value.sequence);
      }
      portion ??= new Growing(bytes.byteLength >>> 2);
      portion.add(id, bytes, sequences);
      if (!portion.isFull()) continue;
      yield portion.taken();
      portion = new Growing(portion.dimension);
    }
    refuseStepWithoutVector();
    if (portion !== null && !portion.isEmpty()) yield portion.taken();
  } finally {
    await steps.return?.();
  }
}

/** A portion that is still growing. */
class Growing {
  private readonly capacity: number;
  private readonly ids: number[] = [];
  private readonly bytes: Buffer[] = [];
  private readonly sequences: Uint32Array[] = [];

  constructor(readonly dimension: number) {
    this.capacity = Math.ceil(PORTION_BYTES / (4 * Math.max(1, dimension)));
  }

  add(id: number, bytes: Buffer, sequences: readonly number[]): void {
    if (bytes.byteLength !== 4 * this.dimension) {
      throw new PanicError(
        'StoreConflict',
        `vector ${id} has ${bytes.byteLength} bytes, the first of its model ${4 * this.dimension}; "panic-tda doctor" says what mends it`,
      );
    }
    this.ids.push(id);
    this.bytes.push(bytes);
    this.sequences.push(Uint32Array.from(sequences));
  }

  isFull(): boolean {
    return this.ids.length >= this.capacity;
  }

  isEmpty(): boolean {
    return this.ids.length === 0;
  }

  taken(): VectorPortion {
    const { dimension, ids, bytes, sequences } = this;
    const points = new Float32Array(ids.length * dimension);
    for (const [k, vector] of bytes.entries()) points.set(float32s(vector), k * dimension);
    return { dimension, ids, points, sequences };
  }
}
