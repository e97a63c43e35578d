import { fillDistances } from '../../tda/crew-tasks.js';
import type { Work } from '../../tda/pacer.js';
import { pairCount } from '../../tda/triangle.js';
import type { Trajectory } from '../trajectory.js';
import { dot, leadingEigenvectors, type LeadingEigenvectors } from './leading-eigenvectors.js';

/** Share of the variance that the scores hold, unless it takes more components than the most. */
const VARIANCE_SHARE = 0.995;
const MOST_COMPONENTS = 40;

/** The steps of a trajectory on its principal components, in order of time. */
export interface Scores {
  readonly stepCount: number;
  readonly componentCount: number;
  /** Row-major: steps × components; the mean of each component over the steps is 0. */
  readonly scores: Float64Array;
}

/**
 * The scores of the steps on the fewest principal components that hold 99.5 % of the variance, at most 40. Steps that
 * share a row have equal scores. Null if all steps are equal.
 *
 * The covariance of the columns (or, with fewer rows than columns, the inner products of the rows) comes from their
 * distances by the kernel of tda/, since x·y = (‖x‖² + ‖y‖² - ‖x - y‖²) / 2: its float32 errors are 1e-7 of the squared
 * lengths, and the time is a tenth of that of float64 products.
 */
export function* scoresOf(trajectory: Trajectory): Work<Scores | null> {
  const { sequence, dimension } = trajectory;
  const spread = yield* spreadOf(trajectory);
  if (spread.length === 0) return null;
  const rows = spread.weights.length;
  const byRows = rows <= dimension;
  const [size, length] = byRows ? [rows, dimension] : [dimension, rows];
  const products = yield* innerProducts(yield* scaledVectors(trajectory, spread, byRows), size, length);
  const leading = yield* leadingEigenvectors(products, size, VARIANCE_SHARE, MOST_COMPONENTS);
  const componentCount = leading.values.length;
  const ofRows = byRows
    ? scoresByRows(leading, spread)
    : yield* scoresByColumns(leading, trajectory, spread.mean);
  const scores = new Float64Array(sequence.length * componentCount);
  for (let step = 0; step < sequence.length; step++) {
    const start = sequence[step]! * componentCount;
    for (let k = 0; k < componentCount; k++) scores[step * componentCount + k] = ofRows[start + k]!;
  }
  return { stepCount: sequence.length, componentCount, scores };
}

interface Spread {
  /** Number of steps of each row. */
  readonly weights: Float64Array;
  /** Of all steps. */
  readonly mean: Float64Array;
  /** The root of the sum of the squared distances of all steps from their mean; 0 if the steps are equal. */
  readonly length: number;
}

function* spreadOf({ vectors, dimension, sequence }: Trajectory): Work<Spread> {
  const weights = new Float64Array(vectors.length / dimension);
  for (const row of sequence) weights[row]!++;
  const mean = new Float64Array(dimension);
  const first = sequence[0]! * dimension;
  let isConstant = true;
  for (let row = 0; row < weights.length; row++) {
    if (weights[row] === 0) continue;
    const share = weights[row]! / sequence.length;
    for (let column = 0; column < dimension; column++) {
      const value = vectors[row * dimension + column]!;
      mean[column]! += share * value;
      if (value !== vectors[first + column]) isConstant = false;
    }
    yield 2 * dimension;
  }
  if (isConstant) return { weights, mean, length: 0 };
  let squares = 0;
  for (let row = 0; row < weights.length; row++) {
    let ofRow = 0;
    for (let column = 0; column < dimension; column++) {
      const difference = vectors[row * dimension + column]! - mean[column]!;
      ofRow += difference * difference;
    }
    squares += weights[row]! * ofRow;
    yield 2 * dimension;
  }
  return { weights, mean, length: Math.sqrt(squares) };
}

/** Rows, or columns, of √weight (x - mean) / length. The squares of all numbers sum to 1, so that float32 holds them. */
function* scaledVectors(
  { vectors, dimension }: Trajectory,
  { weights, mean, length }: Spread,
  byRows: boolean,
): Work<Float32Array> {
  const rows = weights.length;
  const scaled = new Float32Array(vectors.length);
  for (let row = 0; row < rows; row++) {
    const factor = Math.sqrt(weights[row]!) / length;
    for (let column = 0; column < dimension; column++) {
      scaled[byRows ? row * dimension + column : column * rows + row] =
        factor * (vectors[row * dimension + column]! - mean[column]!);
    }
    yield 2 * dimension;
  }
  return scaled;
}

/** Inner products of all pairs of `size` vectors, in both triangles. */
function* innerProducts(vectors: Float32Array, size: number, length: number): Work<Float32Array> {
  const distances = new Float32Array(pairCount(size));
  let portion = 0;
  yield* fillDistances({ points: vectors, dimension: length, distances }, () => portion++);
  const lengths = new Float64Array(size);
  const products = new Float32Array(size * size);
  for (let a = 0; a < size; a++) {
    let squares = 0;
    for (let at = a * length; at < (a + 1) * length; at++) squares += vectors[at]! * vectors[at]!;
    lengths[a] = squares;
    products[a * size + a] = squares;
    yield length;
  }
  let place = 0;
  for (let a = 1; a < size; a++) {
    for (let b = 0; b < a; b++, place++) {
      const between = distances[place]! * distances[place]!;
      const product = (lengths[a]! + lengths[b]! - between) / 2;
      products[a * size + b] = product;
      products[b * size + a] = product;
    }
    yield 4 * a;
  }
  return products;
}

/** A row's entry of an eigenvector is its score times the root of its weight, but for the root of the eigenvalue. */
function scoresByRows({ values, vectors }: LeadingEigenvectors, { weights, length }: Spread): Float64Array {
  const count = values.length;
  const scores = new Float64Array(weights.length * count);
  for (let k = 0; k < count; k++) {
    const root = length * Math.sqrt(Math.max(0, values[k]!));
    for (let row = 0; row < weights.length; row++) {
      if (weights[row]! > 0) scores[row * count + k] = (root * vectors[k]![row]!) / Math.sqrt(weights[row]!);
    }
  }
  return scores;
}

/** The components are the eigenvectors; four at a time, so that each coordinate is read once for four products. */
function* scoresByColumns(
  leading: LeadingEigenvectors,
  { vectors: points, dimension }: Trajectory,
  mean: Float64Array,
): Work<Float64Array> {
  const count = leading.vectors.length;
  const padded = 4 * Math.ceil(count / 4);
  const components = new Float64Array(padded * dimension);
  for (const [k, vector] of leading.vectors.entries()) components.set(vector, k * dimension);
  const ofMean = leading.vectors.map((vector) => dot(vector, mean));
  const rows = points.length / dimension;
  const scores = new Float64Array(rows * count);
  const sums = new Float64Array(padded);
  for (let row = 0; row < rows; row++) {
    const start = row * dimension;
    for (let k = 0; k < padded; k += 4) {
      const first = k * dimension;
      const second = first + dimension;
      const third = second + dimension;
      const fourth = third + dimension;
      let sum0 = 0;
      let sum1 = 0;
      let sum2 = 0;
      let sum3 = 0;
      for (let column = 0; column < dimension; column++) {
        const value = points[start + column]!;
        sum0 += value * components[first + column]!;
        sum1 += value * components[second + column]!;
        sum2 += value * components[third + column]!;
        sum3 += value * components[fourth + column]!;
      }
      sums[k] = sum0;
      sums[k + 1] = sum1;
      sums[k + 2] = sum2;
      sums[k + 3] = sum3;
    }
    for (let k = 0; k < count; k++) scores[row * count + k] = sums[k]! - ofMean[k]!;
    yield dimension * count;
  }
  return scores;
}
