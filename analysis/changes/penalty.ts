import type { Work } from '../../tda/pacer.js';
import { symmetricEigen } from '../components/symmetric-eigen.js';
import type { Scores } from './scores.js';

/** What one change costs, in the unit of the squared scores. */
export interface Penalties {
  /** For steps that are independent of each other between two changes. */
  readonly white: number;
  /** For steps with a memory of a few steps; at least `white` but for rounding. */
  readonly shortMemory: number;
}

/** Noise that the differences of steps show: Σ is the covariance of one step about its mean. */
interface Noise {
  /** T = tr Σ. */
  readonly trace: number;
  /** U = tr Σ². */
  readonly traceOfSquare: number;
  /** λ, the largest eigenvalue of Σ. */
  readonly largest: number;
}

/** Share of the differences, from the shortest, that count: the longest may be changes. */
const KEPT_SHARE = 0.9;
/** Probability of a change too many in a run of independent noise. */
const FALSE_CHANGE = 0.05;
const MOST_CORRELATION = 0.98;
/** A rise of the variogram below it, relative to its first value, is no memory. */
const LEAST_RISE = 0.02;
const MOST_SILL = 50;
/** The factor of a memory is doubled: with it the simulation of the specification has few false changes. */
const SAFETY = 2;

/**
 * β = f · (T + 2 √(U L) + 2 λ L), L = ln(n / 0.05). The bracket bounds the gain of a false split of independent noise
 * at any of n places (Laurent & Massart 2000, Ann. Statist. 28:1302, lemma 1). `white` has f = 1. For `shortMemory` an
 * AR(1) process with a nugget is fitted to the variogram at lags 1 to 3, and f compares its long-run variance with
 * that of its differences. Differences do not see changes of the mean (the idea of Chakar et al. 2017, Bernoulli
 * 23:1408); the factor 2 and the bounds rest on a simulation alone.
 *
 * Differences of 0 are left out: steps of a run at rest say nothing of its noise.
 */
export function* penaltiesOf(scores: Scores): Work<Penalties> {
  const { trace, traceOfSquare, largest } = yield* noiseOf(scores);
  const log = Math.log(scores.stepCount / FALSE_CHANGE);
  const white = trace + 2 * Math.sqrt(traceOfSquare * log) + 2 * largest * log;
  const variogram: number[] = [];
  for (const lag of [1, 2, 3]) {
    variogram.push(halfTrimmedMean(squaredDifferences(scores, lag)));
    yield scores.scores.length;
  }
  return { white, shortMemory: white * memoryFactor(variogram[0]!, variogram[1]!, variogram[2]!) };
}

/** Σ = half the mean of ΔΔᵀ over the differences that count. */
function* noiseOf({ stepCount, componentCount, scores }: Scores): Work<Noise> {
  const squares = squaredDifferences({ stepCount, componentCount, scores }, 1);
  const places = Uint32Array.from({ length: stepCount - 1 }, (_, step) => step)
    .filter((step) => squares[step]! > 0)
    .sort((a, b) => squares[a]! - squares[b]! || a - b);
  const kept = places.subarray(0, keptCount(places.length));
  const covariance = new Float64Array(componentCount * componentCount);
  const difference = new Float64Array(componentCount);
  for (const step of kept) {
    const start = step * componentCount;
    for (let k = 0; k < componentCount; k++) {
      difference[k] = scores[start + componentCount + k]! - scores[start + k]!;
    }
    for (let a = 0; a < componentCount; a++) {
      const weight = difference[a]! / (2 * kept.length);
      for (let b = 0; b <= a; b++) covariance[a * componentCount + b]! += weight * difference[b]!;
    }
    yield componentCount * componentCount;
  }
  let trace = 0;
  let traceOfSquare = 0;
  for (let a = 0; a < componentCount; a++) {
    for (let b = 0; b < a; b++) traceOfSquare += 2 * covariance[a * componentCount + b]! ** 2;
    traceOfSquare += covariance[a * componentCount + a]! ** 2;
    trace += covariance[a * componentCount + a]!;
  }
  const { values } = yield* symmetricEigen(covariance, componentCount);
  return { trace, traceOfSquare, largest: values[0]! };
}

/** ‖y(k + lag) - y(k)‖² for each k. */
function squaredDifferences({ stepCount, componentCount, scores }: Scores, lag: number): Float64Array {
  const squares = new Float64Array(Math.max(0, stepCount - lag));
  for (let step = 0; step < squares.length; step++) {
    const start = step * componentCount;
    let sum = 0;
    for (let k = 0; k < componentCount; k++) {
      const difference = scores[start + lag * componentCount + k]! - scores[start + k]!;
      sum += difference * difference;
    }
    squares[step] = sum;
  }
  return squares;
}

/** Half the mean of the smallest nine tenths; zeros do not count. 0 if there is nothing else. */
function halfTrimmedMean(squares: Float64Array): number {
  const sorted = squares.filter((square) => square > 0).sort();
  const count = keptCount(sorted.length);
  let sum = 0;
  for (let at = 0; at < count; at++) sum += sorted[at]!;
  return count === 0 ? 0 : sum / (2 * count);
}

function keptCount(count: number): number {
  return Math.ceil(KEPT_SHARE * count);
}

/** f of `penaltiesOf`, from the variogram at lags 1, 2 and 3. */
export function memoryFactor(first: number, second: number, third: number): number {
  const rise = second - first;
  if (rise <= LEAST_RISE * first) return 1;
  const correlation = Math.min(MOST_CORRELATION, Math.max(0, (third - second) / rise));
  if (correlation === 0) return 1;
  const sill = Math.min(rise / (correlation * (1 - correlation)), MOST_SILL * first);
  const nugget = Math.max(0, first - sill * (1 - correlation));
  const longRun = nugget + (sill * (1 + correlation)) / (1 - correlation);
  return (SAFETY * longRun) / (nugget + sill * (1 - correlation));
}
