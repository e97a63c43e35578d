import { DistanceKernel, ROWS_AT_ONCE } from '../../tda/kernel.js';
import { atOnce, type Work } from '../../tda/pacer.js';
import { AnalysisInputError } from '../errors.js';
import { pointAt, type Points, rowCount } from '../points.js';
import { stepCount, type Trajectory } from '../trajectory.js';

/** Distances of each output from one place, all scaled to length 1. */
export interface DriftCurve {
  /** ‖x̂ - p̂‖ of each of the n steps, in [0, 2]. */
  readonly euclidean: Float64Array;
  /** 1 - cos of each step, which is half the square of the Euclidean distance, in [0, 2]. */
  readonly cosine: Float64Array;
  readonly euclideanEnd: number;
  /** Mean of the last quarter of the steps: the last ⌊n/4⌋, at least one. */
  readonly euclideanLate: number;
  readonly cosineEnd: number;
  readonly cosineLate: number;
}

export interface Drift {
  /** From the prompt; null without a prompt. */
  readonly prompt: DriftCurve | null;
  /** The mean over the other prompts; null without another prompt. */
  readonly otherPrompts: DriftCurve | null;
  /** From the first output. */
  readonly first: DriftCurve | null;
}

export interface DriftOrigins {
  /** The vector of the run's prompt; null if the model embeds no text. */
  readonly prompt?: Float32Array | null;
  /** Vectors of the other prompts of the experiment; null, or no row, if there is none. */
  readonly otherPrompts?: Points | null;
}

/**
 * How far each output is from the prompt, from other prompts and from the first output. A caption is never its
 * prompt, so that the drift from the prompt means something only beside the drift from other prompts.
 *
 * The direction of a vector of length 0 is undefined. A curve is null if one of its vectors has length 0, and
 * all are null without an output.
 *
 * Throws AnalysisInputError, which names the place, for a malformed trajectory, and for prompts of another
 * dimension or that are not finite.
 */
export function drift(trajectory: Trajectory, origins: DriftOrigins = {}): Drift {
  stepCount(trajectory);
  return atOnce(driftWork(trajectory, origins));
}

/** The same in portions, for a trajectory that was checked. */
export function* driftWork(
  trajectory: Trajectory,
  { prompt = null, otherPrompts = null }: DriftOrigins,
): Work<Drift> {
  const { sequence, vectors, dimension } = trajectory;
  if (prompt !== null) checkPrompts({ points: prompt, dimension: prompt.length }, dimension, 'prompt');
  if (otherPrompts !== null) checkPrompts(otherPrompts, dimension, 'otherPrompts');
  const lengths = yield* lengthsOf({ points: vectors, dimension });
  if (sequence.length === 0 || sequence.some((row) => lengths[row] === 0)) {
    return { prompt: null, otherPrompts: null, first: null };
  }
  const first = pointAt({ points: vectors, dimension }, sequence[0]!);
  return {
    prompt: prompt === null ? null : yield* driftFrom(prompt, trajectory, lengths),
    otherPrompts: otherPrompts === null ? null : yield* meanDrift(otherPrompts, trajectory, lengths),
    first: yield* driftFrom(first, trajectory, lengths),
  };
}

function checkPrompts(prompts: Points, dimension: number, name: string): void {
  rowCount(prompts, name);
  if (prompts.dimension !== dimension) {
    throw new AnalysisInputError(
      `${name} has vectors of ${prompts.dimension} numbers, but those of the trajectory have ${dimension}; ` +
        'embed both with one model',
    );
  }
}

function* lengthsOf({ points, dimension }: Points): Work<Float64Array> {
  const lengths = new Float64Array(points.length / dimension);
  for (let row = 0; row < lengths.length; row++) {
    const start = row * dimension;
    let sum = 0;
    for (let at = 0; at < dimension; at++) sum += points[start + at]! * points[start + at]!;
    lengths[row] = Math.sqrt(sum);
    yield dimension;
  }
  return lengths;
}

function* driftFrom(
  origin: Float32Array,
  { vectors, dimension, sequence }: Trajectory,
  lengths: Float64Array,
): Work<DriftCurve | null> {
  const [originLength] = yield* lengthsOf({ points: origin, dimension });
  if (originLength === undefined || originLength === 0) return null;
  const direction = Float64Array.from(origin, (coordinate) => coordinate / originLength);
  const squares = new Float64Array(lengths.length);
  for (let row = 0; row < lengths.length; row++) {
    const start = row * dimension;
    const length = lengths[row]!;
    let sum = 0;
    for (let at = 0; at < dimension; at++) {
      const difference = vectors[start + at]! / length - direction[at]!;
      sum += difference * difference;
    }
    squares[row] = sum;
    yield 4 * dimension;
  }
  const roots = squares.map((square) => Math.min(2, Math.sqrt(square)));
  return curveOf(
    roots,
    squares.map((square) => Math.min(2, square / 2)),
    sequence,
  );
}

/** Vectors of the trajectory in one copy of the kernel's memory. */
const ROWS_PER_KERNEL = 1024;

/** Mean drift from several places. Vectors are scaled in float32, and the kernel of tda/ computes distances. */
function* meanDrift(
  origins: Points,
  { vectors, dimension, sequence }: Trajectory,
  lengths: Float64Array,
): Work<DriftCurve | null> {
  const originCount = origins.points.length / dimension;
  const originLengths = yield* lengthsOf(origins);
  if (originCount === 0 || originLengths.includes(0)) return null;
  const roots = new Float64Array(lengths.length);
  const halfSquares = new Float64Array(lengths.length);
  const cloud = new Float32Array((originCount + Math.min(lengths.length, ROWS_PER_KERNEL)) * dimension);
  writeDirections(cloud, 0, origins, originLengths, 0, originCount);
  for (let from = 0; from < lengths.length; from += ROWS_PER_KERNEL) {
    const rows = Math.min(ROWS_PER_KERNEL, lengths.length - from);
    writeDirections(cloud, originCount, { points: vectors, dimension }, lengths, from, rows);
    yield 2 * rows * dimension;
    const kernel = new DistanceKernel(cloud, dimension);
    for (let done = 0; done < rows; done += ROWS_AT_ONCE) {
      const count = Math.min(ROWS_AT_ONCE, rows - done);
      const distances = kernel.rows(originCount + done, count, originCount);
      for (let row = 0; row < count; row++) {
        let sum = 0;
        let squares = 0;
        for (let origin = 0; origin < originCount; origin++) {
          const distance = distances[row * originCount + origin]!;
          sum += distance;
          squares += distance * distance;
        }
        roots[from + done + row] = Math.min(2, sum / originCount);
        halfSquares[from + done + row] = Math.min(2, squares / (2 * originCount));
      }
      yield count * originCount * dimension;
    }
  }
  return curveOf(roots, halfSquares, sequence);
}

/** Writes rows, scaled to length 1, behind the first `place` rows of the cloud. A vector of length 0 stays 0. */
function writeDirections(
  cloud: Float32Array,
  place: number,
  { points, dimension }: Points,
  lengths: Float64Array,
  from: number,
  count: number,
): void {
  for (let row = 0; row < count; row++) {
    const scale = lengths[from + row] === 0 ? 1 : lengths[from + row]!;
    const source = (from + row) * dimension;
    const target = (place + row) * dimension;
    for (let at = 0; at < dimension; at++) cloud[target + at] = points[source + at]! / scale;
  }
}

function curveOf(roots: Float64Array, halfSquares: Float64Array, sequence: Uint32Array): DriftCurve {
  const euclidean = Float64Array.from(sequence, (row) => roots[row]!);
  const cosine = Float64Array.from(sequence, (row) => halfSquares[row]!);
  return {
    euclidean,
    cosine,
    euclideanEnd: euclidean.at(-1)!,
    euclideanLate: lateMean(euclidean),
    cosineEnd: cosine.at(-1)!,
    cosineLate: lateMean(cosine),
  };
}

function lateMean(curve: Float64Array): number {
  const late = Math.max(1, Math.floor(curve.length / 4));
  let sum = 0;
  for (let step = curve.length - late; step < curve.length; step++) sum += curve[step]!;
  return Math.min(2, sum / late);
}
