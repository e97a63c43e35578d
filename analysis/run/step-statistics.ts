import { atOnce, type Work } from '../../tda/pacer.js';
import { squaredDistance } from '../distance.js';
import { median } from './median.js';
import { pointAt } from '../points.js';
import { stepCount, type Trajectory, vectorAt } from '../trajectory.js';

/** How a trajectory moves. A step goes from one output to the next; lengths are Euclidean distances. */
export interface StepStatistics {
  /** Lengths of the n - 1 steps. */
  readonly lengths: Float64Array;
  /** Distance of each of the n outputs from the first. */
  readonly displacement: Float64Array;
  /** Null with fewer than two outputs, as median, greatest length and path length are. */
  readonly stepMean: number | null;
  readonly stepMedian: number | null;
  readonly stepMax: number | null;
  readonly pathLength: number | null;
  /** Steps of length 0. */
  readonly zeroSteps: number;
  /** Distance of the last output from the first. */
  readonly netDisplacement: number;
  /** Net displacement / path length, in [0, 1]; null with fewer than two outputs, or if the path has length 0. */
  readonly straightness: number | null;
  /** Root of the total variance. */
  readonly radiusOfGyration: number;
  /** Mean squared distance of the outputs from their mean. */
  readonly totalVariance: number;
}

/**
 * Lengths of the steps of a trajectory, and numbers that summarise them: O(n · dimension). Null without an output.
 *
 * Throws AnalysisInputError, which names the place, for a malformed trajectory.
 */
export function stepStatistics(trajectory: Trajectory): StepStatistics | null {
  return stepCount(trajectory) === 0 ? null : atOnce(stepWork(trajectory));
}

/** The same in portions, for a trajectory that was checked, of at least one output. */
export function* stepWork(trajectory: Trajectory): Work<StepStatistics> {
  const { sequence, dimension } = trajectory;
  const n = sequence.length;
  const lengths = new Float64Array(n - 1);
  const displacement = new Float64Array(n);
  let pathLength = 0;
  let zeroSteps = 0;
  let stepMax = 0;
  for (let step = 1; step < n; step++) {
    if (sequence[step] !== sequence[0]) {
      displacement[step] = Math.sqrt(squaredDistance(vectorAt(trajectory, step), vectorAt(trajectory, 0)));
    }
    let length = 0;
    if (sequence[step] !== sequence[step - 1]) {
      length = Math.sqrt(squaredDistance(vectorAt(trajectory, step), vectorAt(trajectory, step - 1)));
    }
    lengths[step - 1] = length;
    pathLength += length;
    if (length === 0) zeroSteps++;
    if (length > stepMax) stepMax = length;
    yield 4 * dimension;
  }
  const totalVariance = meanOf(yield* squaresFromMean(trajectory), sequence);
  const netDisplacement = displacement[n - 1]!;
  return {
    lengths,
    displacement,
    stepMean: n === 1 ? null : pathLength / (n - 1),
    stepMedian: median(lengths),
    stepMax: n === 1 ? null : stepMax,
    pathLength: n === 1 ? null : pathLength,
    zeroSteps,
    netDisplacement,
    // Of a straight line, rounding may leave a ratio that is a bit above 1.
    straightness: pathLength === 0 ? null : Math.min(1, netDisplacement / pathLength),
    radiusOfGyration: Math.sqrt(totalVariance),
    totalVariance,
  };
}

/** Mean over the steps of a value of their rows. */
function meanOf(squares: Float64Array, sequence: Uint32Array): number {
  let sum = 0;
  for (const row of sequence) sum += squares[row]!;
  return sum / sequence.length;
}

/**
 * The squared distance of each row of `vectors` from the mean of the n ≥ 1 steps. Rows that no step has are
 * counted too, but they do not move the mean. All are exactly 0 if the steps share one row.
 */
export function* squaresFromMean({ vectors, dimension, sequence }: Trajectory): Work<Float64Array> {
  const rows = vectors.length / dimension;
  const weights = new Float64Array(rows);
  for (const row of sequence) weights[row]!++;
  const mean = new Float64Array(dimension);
  // The mean is taken of differences from the first output, so that equal outputs have exactly their own mean.
  const origin = pointAt({ points: vectors, dimension }, sequence[0]!);
  for (let row = 0; row < rows; row++) {
    if (weights[row] === 0) continue;
    const share = weights[row]! / sequence.length;
    const start = row * dimension;
    for (let at = 0; at < dimension; at++) mean[at]! += share * (vectors[start + at]! - origin[at]!);
    yield 2 * dimension;
  }
  for (let at = 0; at < dimension; at++) mean[at]! += origin[at]!;
  const squares = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const start = row * dimension;
    let sum = 0;
    for (let at = 0; at < dimension; at++) {
      const difference = vectors[start + at]! - mean[at]!;
      sum += difference * difference;
    }
    squares[row] = sum;
    yield 2 * dimension;
  }
  return squares;
}
