import { createHash } from 'node:crypto';
import { float32s } from '../float32.js';
import type { Snapshot } from '../connection/database.js';
import { experimentReader } from '../read/experiment-reader.js';
import type { VectorRecord } from '../read/rows.js';
import { euclideanNorm } from '../tables/vector-rows.js';
import { paced } from './yield-turns.js';
import type { OnRows } from './yield-turns.js';
import type { Violation } from './violation.js';

const CHECKED = [
  'id',
  'sha256',
  'bytes',
  'norm',
  'model.name',
  'model.dimension',
  'model.input',
  'artifact.modality',
] as const satisfies readonly (keyof VectorRecord)[];

// All code sums the norm in the same order; the tolerance only allows for the last bit of the square root.
const NORM_TOLERANCE = 1e-12;

/** Invariant 3 of the vectors: the model's dimension, finite, not zero, with their digest and norm. */
export async function* checkVectors(
  snapshot: Snapshot,
  experiment: string | null,
  onRows: OnRows,
): AsyncGenerator<Violation, void, undefined> {
  const rows = experimentReader(snapshot).storedVectors(experiment, CHECKED);
  for await (const row of paced(rows, onRows)) {
    for (const problem of vectorProblems(row)) {
      const message = `vector of ${row['model.name'] ?? 'a missing model'}: ${problem}`;
      const repair = { kind: 'delete vector', vector: row.id } as const;
      yield { invariant: 3, table: 'vectors', id: row.id, message, repair };
    }
  }
}

function* vectorProblems(row: Pick<VectorRecord, (typeof CHECKED)[number]>): Generator<string> {
  const { bytes, norm, 'model.dimension': dimension } = row;
  const { 'model.input': takes, 'artifact.modality': modality } = row;
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
  // The negation also finds a missing norm: SQLite stores NaN as NULL.
  else if (!(Math.abs(norm - expected) <= NORM_TOLERANCE * expected)) {
    yield `its norm is ${norm}, its components give ${expected}`;
  }
}
