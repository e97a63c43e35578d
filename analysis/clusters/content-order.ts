import { createHash } from 'node:crypto';
import type { Work } from '../../tda/pacer.js';
import { AnalysisInputError } from '../errors.js';
import type { Corpus } from './corpus.js';

/** Rows in an order that depends on their content alone, not on the order of a database. */
export interface ContentOrder {
  /** Rows by rising SHA-256 of their bytes. */
  readonly rows: Uint32Array;
  /** SHA-256 of all rows in this order. */
  readonly digest: Buffer;
}

const DIGEST_BYTES = 32;
const ROWS_PER_STEP = 64;
/** SHA-256 of a number takes about as long as this many word operations. */
const OPERATIONS_PER_NUMBER = 16;
/** A key is 32 bits of a digest, then the row, which is below 2^20. */
const INDICES = 2 ** 20;

/**
 * Orders the rows by their SHA-256.
 *
 * Throws AnalysisInputError, which names the rows, for a number that is not finite, and for two rows that are equal.
 */
export function* contentOrder({ vectors, dimension }: Corpus, count: number): Work<ContentOrder> {
  const digests = Buffer.alloc(DIGEST_BYTES * count);
  const keys = new Float64Array(count);
  for (let row = 0; row < count; row++) {
    const vector = vectors.subarray(row * dimension, (row + 1) * dimension);
    refuseInfinite(vector, row);
    const bytes = new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
    createHash('sha256')
      .update(bytes)
      .digest()
      .copy(digests, row * DIGEST_BYTES);
    keys[row] = digests.readUInt32BE(row * DIGEST_BYTES) * INDICES + row;
    if (row % ROWS_PER_STEP === 0) yield ROWS_PER_STEP * dimension * OPERATIONS_PER_NUMBER;
  }
  keys.sort();
  const rows = Uint32Array.from(keys, (key) => key % INDICES);
  sortTies(rows, digests);
  const digest = createHash('sha256');
  for (const row of rows) digest.update(digestAt(digests, row));
  return { rows, digest: digest.digest() };
}

function refuseInfinite(vector: Float32Array, row: number): void {
  let sum = 0;
  for (let column = 0; column < vector.length; column++) sum += vector[column]! * vector[column]!;
  if (Number.isFinite(sum)) return;
  const column = vector.findIndex((value) => !Number.isFinite(value));
  throw new AnalysisInputError(
    `row ${row}, column ${column} of vectors is ${vector[column]}; expected a finite number`,
  );
}

/** Puts rows in order whose keys were equal in the bits of the digest: few, and near their place. */
function sortTies(rows: Uint32Array, digests: Buffer): void {
  for (let place = 1; place < rows.length; place++) {
    const row = rows[place]!;
    const digest = digestAt(digests, row);
    let to = place;
    for (; to > 0; to--) {
      const before = rows[to - 1]!;
      const order = Buffer.compare(digestAt(digests, before), digest);
      if (order === 0) {
        const [first, second] = [Math.min(before, row), Math.max(before, row)];
        throw new AnalysisInputError(
          `rows ${first} and ${second} of vectors are equal; give each vector once, and let the runs name its row`,
        );
      }
      if (order < 0) break;
      rows[to] = before;
    }
    rows[to] = row;
  }
}

function digestAt(digests: Buffer, row: number): Buffer {
  return digests.subarray(row * DIGEST_BYTES, (row + 1) * DIGEST_BYTES);
}
