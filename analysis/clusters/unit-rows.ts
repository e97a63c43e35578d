import type { Work } from '../../tda/pacer.js';
import type { Corpus } from './corpus.js';

const ROWS_PER_STEP = 256;

/**
 * Writes the vectors of these rows to `out`, scaled to length 1, so that the Euclidean distance is the cosine distance in
 * another scale. A vector of length 0 has no direction, and stays: it is at distance 1 from all others.
 */
export function* scaleRows(corpus: Corpus, rows: Uint32Array, out: Float32Array): Work {
  const { vectors, dimension } = corpus;
  for (let place = 0; place < rows.length; place++) {
    const from = rows[place]! * dimension;
    const to = place * dimension;
    let sum = 0;
    for (let column = 0; column < dimension; column++) {
      const value = vectors[from + column]!;
      sum += value * value;
    }
    const length = sum > 0 ? Math.sqrt(sum) : 1;
    for (let column = 0; column < dimension; column++) out[to + column] = vectors[from + column]! / length;
    if (place % ROWS_PER_STEP === 0) yield 4 * ROWS_PER_STEP * dimension;
  }
}
