import { createHash } from 'node:crypto';
import { SeededRandom } from '../../tda/random.js';
import { AnalysisInputError } from '../errors.js';

/** Number of draws for a p-value, where the caller names none. */
export const DRAWS = 999;
const SLACK = 1e-9;

/** SHA-256, in hexadecimal, of the bytes of the arrays, one after another. */
export function digestOf(...arrays: readonly ArrayBufferView[]): string {
  const hash = createHash('sha256');
  for (const { buffer, byteOffset, byteLength } of arrays) {
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest('hex');
}

/**
 * The random numbers of one draw. The name of the statistic, the digest of its input and the index of the draw
 * give the seed (the first 53 bits of their SHA-256), so that equal data have equal p-values on every machine.
 */
export function drawRandom(statistic: string, digest: string, index: number): SeededRandom {
  const bits =
    createHash('sha256').update(`${statistic}:${digest}:${index}`).digest().readBigUInt64BE() >> 11n;
  return new SeededRandom(Number(bits));
}

/**
 * p = (1 + number of draws >= the observed value) / (draws + 1). Ties count against the observation, with a
 * relative slack of 1e-9, since a draw that repeats the observed arrangement may differ in its last bits (Phipson
 * & Smyth 2010, Stat. Appl. Genet. Mol. Biol. 9:39).
 *
 * Throws AnalysisInputError without a draw, and for a value that is NaN.
 */
export function permutationP(observed: number, draws: ArrayLike<number>): number {
  if (draws.length === 0) throw new AnalysisInputError('draws is empty; at least one draw is needed');
  // The slack of an infinite value would be Infinity - Infinity.
  const threshold = Number.isFinite(observed) ? observed - SLACK * Math.abs(observed) : observed;
  let atLeast = 0;
  for (let index = 0; index < draws.length; index++) {
    const draw = draws[index]!;
    if (Number.isNaN(draw) || Number.isNaN(observed)) {
      throw new AnalysisInputError(
        `${Number.isNaN(draw) ? `draws[${index}]` : 'observed'} is NaN; expected a number`,
      );
    }
    if (draw >= threshold) atLeast++;
  }
  return (1 + atLeast) / (draws.length + 1);
}
