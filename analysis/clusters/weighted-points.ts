import { AnalysisInputError } from '../errors.js';
import { type Points, rowCount } from '../points.js';

/** Points of which each row stands for one or more equal points. */
export interface WeightedPoints extends Points {
  /** How often each row came up: at least 1. */
  readonly weights: Uint32Array;
}

/** The most rows of one clustering: n² distances of more take weeks. */
export const MAX_ROWS = 2 ** 20;
const LARGEST_FLOAT32 = (2 - 2 ** -23) * 2 ** 127;

/**
 * Number of rows.
 *
 * Throws AnalysisInputError, which names the place, if there is no row or there are too many, the points are ragged, not
 * finite or too far apart for float32, or a row has no weight.
 */
export function checkWeightedPoints(input: WeightedPoints): number {
  const { points, dimension, weights } = input;
  const rows = rowCount(input);
  if (rows === 0) throw new AnalysisInputError('points is empty; at least one row is needed');
  if (rows > MAX_ROWS) {
    throw new AnalysisInputError(
      `${rows} rows are too many; at most ${MAX_ROWS} can be clustered, so sample them`,
    );
  }
  if (weights.length !== rows) {
    throw new AnalysisInputError(
      `weights has ${weights.length} entries for ${rows} rows; expected one for each row`,
    );
  }
  const weightless = weights.indexOf(0);
  if (weightless >= 0) {
    throw new AnalysisInputError(`weights[${weightless}] is 0; leave a row out that never came up`);
  }
  const most = LARGEST_FLOAT32 / (2 * Math.sqrt(dimension));
  const place = points.findIndex((coordinate) => Math.abs(coordinate) > most);
  if (place >= 0) {
    throw new AnalysisInputError(
      `points[${place}] is ${points[place]}; distances of such points may not fit in float32, so scale the points down`,
    );
  }
  return rows;
}
