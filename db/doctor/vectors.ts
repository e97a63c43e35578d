import { createHash } from 'node:crypto';
import { float32s } from '../float32.js';
import type { Snapshot } from '../connection/database.js';
import { euclideanNorm } from '../tables/vectors.js';
import { paced } from './yield-turns.js';
import type { OnRows } from './yield-turns.js';
import type { Violation } from './violation.js';

interface VectorRecord {
  readonly id: number;
  readonly sha256: Buffer;
  readonly bytes: Buffer;
  readonly norm: number | null;
  readonly model: string | null;
  readonly dimension: number | null;
  readonly takes: string | null;
  readonly modality: string | null;
}

// The norm is summed in the same order wherever it is computed; this only forgives a last bit of the square root.
const NORM_TOLERANCE = 1e-12;

const ALL = `
  select v.id, v.sha256, v.bytes, v.norm, m.name as model, m.dimension, m.input as takes, a.modality
  from vectors v left join models m on m.id = v.model_id left join artifacts a on a.id = v.artifact_id`;

const OF_EXPERIMENT = `${ALL}
  where v.id in (
    select e.vector_id from runs r join invocations i on i.run_id = r.id join embeddings e on e.invocation_id = i.id
    where r.experiment_id = ?)`;

/** Invariant 3 of the vectors: the model's dimension, finite, not zero, with their digest and norm. */
export async function* checkVectors(
  snapshot: Snapshot,
  experiment: string | null,
  onRows: OnRows,
): AsyncGenerator<Violation, void, undefined> {
  const rows =
    experiment === null
      ? snapshot.rows<VectorRecord>(ALL)
      : snapshot.rows<VectorRecord>(OF_EXPERIMENT, experiment);
  for await (const row of paced(rows, onRows)) {
    for (const problem of vectorProblems(row)) {
      const message = `vector of ${row.model ?? 'a missing model'}: ${problem}`;
      const repair = { kind: 'delete vector', vector: row.id } as const;
      yield { invariant: 3, table: 'vectors', id: row.id, message, repair };
    }
  }
}

function* vectorProblems(row: VectorRecord): Generator<string> {
  const { bytes, dimension, norm, takes, modality } = row;
  if (!createHash('sha256').update(bytes).digest().equals(row.sha256)) {
    yield 'its bytes do not hash to its sha256';
  }
  if (takes !== modality) yield `its model takes ${takes}, its artifact is ${modality ?? 'missing'}`;
  if (dimension === null || bytes.byteLength !== 4 * dimension) {
    yield `it has ${bytes.byteLength} bytes, its model has ${dimension} dimensions of 4`;
    return;
  }
  const expected = euclideanNorm(float32s(bytes));
  if (!Number.isFinite(expected)) yield 'it has a component that is not finite';
  else if (expected === 0) yield 'all of its components are zero';
  else if (norm === null || Math.abs(norm - expected) > NORM_TOLERANCE * expected) {
    yield `its norm is ${norm}, its components give ${expected}`;
  }
}
