import type { Corpus } from '../../analysis/index.js';
import { SeededRandom } from '../../tda/random.js';

const DIMENSION = 768;
/** Directions in which outputs differ, besides a little noise in all. */
const DIRECTIONS = 60;
const PLACES = 150;
const DIFFUSE_SHARE = 0.4;
const REPEATED_SHARE = 0.2;
const NOISE = 0.05;
const RUN_OUTPUTS = 5000;

/**
 * Unit vectors like those of many runs: 150 tight places of unlike width and weight, two fifths of the vectors somewhere
 * between two places, and one in five that comes up again. `rows` is the number of distinct vectors.
 */
export function madeUpCorpus(rows: number, seed: number): Corpus {
  const random = new SeededRandom(seed);
  const centred = (): number => random.uniform() - 0.5;
  const basis = Float32Array.from({ length: DIRECTIONS * DIMENSION }, centred);
  const centres = Float32Array.from({ length: PLACES * DIRECTIONS }, centred);
  const vectors = new Float32Array(rows * DIMENSION);
  const outputs: number[] = [];
  for (let row = 0; row < rows; row++) {
    const isDiffuse = random.uniform() < DIFFUSE_SHARE;
    const place = Math.floor(random.uniform() ** 2 * PLACES);
    const other = isDiffuse ? random.below(PLACES) : place;
    const share = random.uniform();
    const width = isDiffuse ? 0.85 : 0.17 + 0.05 * (place % 5);
    const vector = vectors.subarray(row * DIMENSION, (row + 1) * DIMENSION);
    for (let direction = 0; direction < DIRECTIONS; direction++) {
      const [from, to] = [centres[place * DIRECTIONS + direction]!, centres[other * DIRECTIONS + direction]!];
      const score = from + share * (to - from) + width * centred();
      const start = direction * DIMENSION;
      for (let column = 0; column < DIMENSION; column++) vector[column]! += score * basis[start + column]!;
    }
    for (let column = 0; column < DIMENSION; column++) vector[column]! += NOISE * centred();
    const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
    for (let column = 0; column < DIMENSION; column++) vector[column]! /= length;
    outputs.push(row);
    if (random.uniform() < REPEATED_SHARE)
      outputs.push(...Array.from({ length: 1 + random.below(4) }, () => row));
  }
  const runs: Uint32Array[] = [];
  for (let from = 0; from < outputs.length; from += RUN_OUTPUTS) {
    runs.push(Uint32Array.from(outputs.slice(from, from + RUN_OUTPUTS)));
  }
  return { vectors, dimension: DIMENSION, runs };
}
