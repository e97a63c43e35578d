import { MAX_DIAGRAM_POINTS } from '../experiment/config.js';
import { TdaInputError } from './errors.js';
import type { Work } from './pacer.js';
import { pairCount, pairRow, pointCountOfTriangle } from './triangle.js';

/** Two vertices are packed into one word. */
export const MAX_POINTS = MAX_DIAGRAM_POINTS;

/**
 * Number of rows of a row-major cloud.
 *
 * Throws TdaInputError, which names the place, if the cloud is empty, ragged, not finite, or too large to be
 * packed.
 */
export function* checkPoints(points: Float32Array, dimension: number): Work<number> {
  if (!Number.isInteger(dimension) || dimension < 1) {
    throw new TdaInputError(
      `dimension is ${dimension}; a point needs a whole number of coordinates, at least 1`,
    );
  }
  if (points.length === 0) throw new TdaInputError('points is empty; at least one point is needed');
  if (points.length % dimension !== 0) {
    throw new TdaInputError(
      `points has ${points.length} numbers, which is not a whole number of rows of dimension ${dimension}`,
    );
  }
  for (let start = 0; start < points.length; start += NUMBERS_PER_STEP) {
    const some = points.subarray(start, start + NUMBERS_PER_STEP);
    if (NOT_FINITE.some((value) => some.includes(value))) {
      const place = start + some.findIndex((value) => !Number.isFinite(value));
      const row = Math.floor(place / dimension);
      throw new TdaInputError(
        `points[${place}] (row ${row}, column ${place - row * dimension}) is ${points[place]}; expected a finite number`,
      );
    }
    yield NUMBERS_PER_STEP;
  }
  return checkPointCount(points.length / dimension);
}

/**
 * Number of points of a lower triangle of distances. Infinity is allowed: such a pair is never joined.
 *
 * Throws TdaInputError, which names the place, if the length is not triangular or a distance is negative or
 * NaN.
 */
export function* checkDistances(distances: Float32Array): Work<number> {
  const pointCount = checkPointCount(pointCountOfTriangle(distances.length));
  for (let start = 0; start < distances.length; start += NUMBERS_PER_STEP) {
    const found = distances
      .subarray(start, start + NUMBERS_PER_STEP)
      .findIndex((distance) => !(distance >= 0));
    if (found >= 0) {
      const place = start + found;
      const row = pairRow(place);
      throw new TdaInputError(
        `distances[${place}] (d(${row},${place - pairCount(row)})) is ${distances[place]}; expected a number of at least 0`,
      );
    }
    yield 4 * NUMBERS_PER_STEP;
  }
  return pointCount;
}

const NUMBERS_PER_STEP = 2 ** 18;

/**
 * The engine's own search looks for these. A loop would be interpreted at the first call, and take
 * milliseconds for 100 points.
 */
const NOT_FINITE = [NaN, Infinity, -Infinity];

/** Throws TdaInputError unless `maxDimension` is 0, 1 or 2. */
export function checkMaxDimension(maxDimension: number): void {
  if (maxDimension !== 0 && maxDimension !== 1 && maxDimension !== 2) {
    throw new TdaInputError(`maxDimension is ${String(maxDimension)}; expected 0, 1 or 2`);
  }
}

/** Throws TdaInputError unless `maxEdgeLength` is a number of at least 0 (Infinity: no limit). */
export function checkMaxEdgeLength(maxEdgeLength: number): void {
  if (!(maxEdgeLength >= 0)) {
    throw new TdaInputError(
      `maxEdgeLength is ${String(maxEdgeLength)}; expected a number of at least 0, or Infinity`,
    );
  }
}

/** Throws TdaInputError unless `threads` is a whole number of at least 1. */
export function checkThreads(threads: number): void {
  if (!Number.isInteger(threads) || threads < 1) {
    throw new TdaInputError(`threads is ${String(threads)}; expected a whole number of at least 1`);
  }
}

function checkPointCount(pointCount: number): number {
  if (pointCount > MAX_POINTS) {
    throw new TdaInputError(`${pointCount} points are too many; at most ${MAX_POINTS} are supported`);
  }
  return pointCount;
}
