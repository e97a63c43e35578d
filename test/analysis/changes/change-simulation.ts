import { SeededRandom } from '../../../tda/random.js';

/** Root mean square length of the noise. */
const NOISE = 0.15;

/** A trajectory, and where its mean changes. */
export interface SimulatedRun {
  readonly vectors: Float32Array;
  readonly dimension: number;
  readonly sequence: Uint32Array;
  readonly changes: readonly number[];
}

export interface Family {
  /** Steps after which an Ornstein-Uhlenbeck process remembers 1/e; 0: independent noise. */
  readonly memory: number;
  /** Length of a shift of the mean. */
  readonly shift: number;
  /** Where it shifts, as shares of the run. */
  readonly at: readonly number[];
}

/** One run of a family: noise of length 0.15 around means, on no sphere. */
export function simulate(
  { memory, shift, at }: Family,
  stepCount: number,
  dimension: number,
  seed: number,
): SimulatedRun {
  const random = new SeededRandom(seed);
  const changes = at.map((share) => Math.round(share * stepCount));
  const correlation = memory === 0 ? 0 : Math.exp(-1 / memory);
  const innovation = Math.sqrt(1 - correlation * correlation);
  const size = NOISE / Math.sqrt(dimension);
  const noise = Float64Array.from({ length: dimension }, () => size * random.normal());
  const mean = direction(dimension, random);
  const vectors = new Float32Array(stepCount * dimension);
  for (let step = 0; step < stepCount; step++) {
    if (changes.includes(step)) {
      const towards = direction(dimension, random);
      for (let column = 0; column < dimension; column++) mean[column]! += shift * towards[column]!;
    }
    for (let column = 0; column < dimension; column++) {
      vectors[step * dimension + column] = mean[column]! + noise[column]!;
      noise[column] = correlation * noise[column]! + innovation * size * random.normal();
    }
  }
  const sequence = Uint32Array.from({ length: stepCount }, (_, step) => step);
  return { vectors, dimension, sequence, changes };
}

function direction(dimension: number, random: SeededRandom): Float64Array {
  const vector = Float64Array.from({ length: dimension }, () => random.normal());
  const length = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
  return vector.map((x) => x / length);
}
