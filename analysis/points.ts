import { AnalysisInputError } from './errors.js';

/** Points of a Euclidean space. */
export interface Points {
  /** Row-major: rows × dimension. */
  readonly points: Float32Array;
  readonly dimension: number;
}

/**
 * Number of rows, 0 included.
 *
 * Throws AnalysisInputError, which names the place, if the points are ragged or not finite.
 */
export function rowCount({ points, dimension }: Points, name = 'points'): number {
  if (!Number.isInteger(dimension) || dimension < 1) {
    throw new AnalysisInputError(
      `dimension is ${dimension}; a point needs a whole number of coordinates, at least 1`,
    );
  }
  if (points.length % dimension !== 0) {
    throw new AnalysisInputError(
      `${name} has ${points.length} numbers, which is not a whole number of rows of dimension ${dimension}`,
    );
  }
  for (let place = 0; place < points.length; place++) {
    if (!Number.isFinite(points[place]!)) {
      const row = Math.floor(place / dimension);
      throw new AnalysisInputError(
        `${name}[${place}] (row ${row}, column ${place - row * dimension}) is ${points[place]}; expected a finite number`,
      );
    }
  }
  return points.length / dimension;
}

/** One row, a view. */
export function pointAt({ points, dimension }: Points, row: number): Float32Array {
  return points.subarray(row * dimension, (row + 1) * dimension);
}
