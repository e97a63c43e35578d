import { centre, gram, scatter } from './covariance.js';
import type { Centred } from './covariance.js';
import { AnalysisInputError } from '../errors.js';
import { pointAt, rowCount } from '../points.js';
import type { Points } from '../points.js';
import { projectWork } from './projection.js';
import type { Components } from './projection.js';
import { symmetricEigen } from './symmetric-eigen.js';
import { atOnce, type Work } from '../../tda/pacer.js';

export interface PcaOptions {
  /** How many components: a number, or the fewest that hold a share of the variance (0 to 1), at most so many. */
  readonly keep:
    | { readonly components: number }
    | { readonly varianceShare: number; readonly atMost: number };
  /** How often each row counts, as if it were written out so often. Default: once. */
  readonly weights?: Uint32Array | undefined;
}

export interface Pca extends Components {
  /** Variance along each component, largest first; divided by the number of points less one. */
  readonly explainedVariance: Float64Array;
  /** Its share of the variance of all directions. */
  readonly explainedVarianceRatio: Float64Array;
  /** The variance of all directions: the trace of the covariance. Null for fewer than two points. */
  readonly totalVariance: number | null;
  /** The rows on the components, as `project` gives them; null without a component. */
  readonly scores: Points | null;
}

// Coordinates that are equal in size but for rounding: the first of them gives the sign.
const EQUAL_SIZE = 1 - 1e-9;
const SLACK = 1e-12;

/**
 * Principal components: the orthonormal directions of largest variance about the mean, in float64 throughout. The
 * coordinate of a component that is largest in size is positive, the first of them if several are (within 1e-9).
 *
 * A direction has a component only if its variance is above rounding, that is, above the largest variance times
 * min(rows, dimension) · 2^-52. So there may be fewer components than `keep` asks for, and none if all points are
 * equal. With m = min(rows, dimension), time grows as rows · dimension · m + m³; memory is that of the scores and of
 * some 6 m² float64 numbers. Of 768 dimensions, 5,000 rows take about 2 s of one core, and 100,000 rows half a minute.
 *
 * Throws AnalysisInputError for no points, for points that are ragged or not finite, for weights of other rows or
 * all 0, and for settings that are out of range.
 *
 * Source: Jolliffe 2002, Principal Component Analysis, ch. 1-3; for fewer rows than dimensions, the eigenvectors of
 * the rows' inner products give the components (3.5).
 */
export function pca(points: Points, options: PcaOptions): Pca {
  return atOnce(pcaWork(points, options));
}

/** `pca` in steps. */
export function* pcaWork(points: Points, { keep, weights }: PcaOptions): Work<Pca> {
  const rows = rowCount(points);
  if (rows === 0) throw new AnalysisInputError('points has no row; principal components need at least one');
  refuseKeep(keep);
  const counts = weights === undefined ? new Float64Array(rows).fill(1) : Float64Array.from(weights);
  if (counts.length !== rows) {
    throw new AnalysisInputError(
      `weights has ${counts.length} rows and points ${rows}; expected the same rows`,
    );
  }
  const pointTotal = counts.reduce((sum, weight) => sum + weight, 0);
  if (pointTotal === 0) throw new AnalysisInputError('weights are all 0; at least one point is needed');

  const centred = centre(points, counts);
  const found = yield* principalDirections(centred, keep);
  const components = { dimension: points.dimension, mean: centred.mean, components: found.components };
  return {
    ...components,
    explainedVariance: found.scatters.map((value) => value / (pointTotal - 1)),
    explainedVarianceRatio: found.scatters.map((value) => value / found.total),
    totalVariance: pointTotal === 1 ? null : found.total / (pointTotal - 1),
    scores: found.scatters.length === 0 ? null : yield* projectWork(components, points),
  };
}

interface Directions {
  readonly components: Float64Array;
  /** Σ w ((x - mean)·component)² of each component, and of all directions together. */
  readonly scatters: Float64Array;
  readonly total: number;
}

function* principalDirections(centred: Centred, keep: PcaOptions['keep']): Work<Directions> {
  const { dimension } = centred;
  const rows = centred.weights.length;
  const isGram = rows < dimension;
  const size = Math.min(rows, dimension);
  const matrix = yield* isGram ? gram(centred) : scatter(centred);
  let total = 0;
  for (let place = 0; place < size; place++) total += matrix[place * size + place]!;
  const { values, vectors } = yield* symmetricEigen(matrix, size);
  const count = countOf(keep, values, total);
  const found = yield* vectors(count);
  const components = isGram ? yield* directionsOfRows(centred, found, count) : found;
  for (let component = 0; component < count; component++) {
    orient(components.subarray(component * dimension, (component + 1) * dimension));
  }
  return { components, scatters: values.slice(0, count), total };
}

function countOf(keep: PcaOptions['keep'], values: Float64Array, total: number): number {
  const rounding = values[0]! * values.length * 2 ** -52;
  const rank = values.findLastIndex((value) => value > rounding) + 1;
  if ('components' in keep) return Math.min(keep.components, rank);
  const wanted = keep.varianceShare * total * (1 - SLACK);
  const most = Math.min(keep.atMost, rank);
  let count = 0;
  for (let sum = 0; count < most && sum < wanted; count++) sum += values[count]!;
  return count;
}

/** Σ √w (x - mean) · entry over rows, scaled to length 1, of each eigenvector of the rows' inner products. */
function* directionsOfRows(centred: Centred, vectors: Float64Array, count: number): Work<Float64Array> {
  const { dimension, weights, mean } = centred;
  const rows = weights.length;
  const components = new Float64Array(count * dimension);
  for (let row = 0; row < rows; row++) {
    const point = pointAt(centred, row);
    const root = Math.sqrt(weights[row]!);
    for (let component = 0; component < count; component++) {
      const share = root * vectors[component * rows + row]!;
      const start = component * dimension;
      for (let column = 0; column < dimension; column++) {
        components[start + column]! += share * (point[column]! - mean[column]!);
      }
    }
    yield count * dimension;
  }
  for (let component = 0; component < count; component++) {
    const direction = components.subarray(component * dimension, (component + 1) * dimension);
    let squared = 0;
    for (let column = 0; column < dimension; column++) squared += direction[column]! * direction[column]!;
    const length = Math.sqrt(squared);
    for (let column = 0; column < dimension; column++) direction[column]! /= length;
  }
  return components;
}

/** Turns the direction, in place, so that its largest coordinate is positive. */
function orient(direction: Float64Array): void {
  let largest = 0;
  for (let column = 0; column < direction.length; column++) {
    largest = Math.max(largest, Math.abs(direction[column]!));
  }
  const first = direction.findIndex((value) => Math.abs(value) >= EQUAL_SIZE * largest);
  if (direction[first]! > 0) return;
  for (let column = 0; column < direction.length; column++) direction[column] = -direction[column]!;
}

function refuseKeep(keep: PcaOptions['keep']): void {
  const [name, most] =
    'components' in keep
      ? (['keep.components', keep.components] as const)
      : (['keep.atMost', keep.atMost] as const);
  if (!Number.isSafeInteger(most) || most < 1) {
    throw new AnalysisInputError(`${name} is ${most}; expected a whole number, at least 1`);
  }
  if ('varianceShare' in keep && !(keep.varianceShare > 0 && keep.varianceShare <= 1)) {
    throw new AnalysisInputError(
      `keep.varianceShare is ${keep.varianceShare}; expected a number above 0, at most 1`,
    );
  }
}
