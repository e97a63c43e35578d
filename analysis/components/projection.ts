import { AnalysisInputError } from '../errors.js';
import { pointAt, rowCount } from '../points.js';
import type { Points } from '../points.js';
import { atOnce, type Work } from '../../tda/pacer.js';

/** Orthonormal directions from a common point. */
export interface Components {
  readonly dimension: number;
  readonly mean: Float64Array;
  /** Row-major: components × dimension. */
  readonly components: Float64Array;
}

/**
 * The coordinates of other points on the same components: (x - mean)·component, computed in float64 and rounded once
 * to float32. That is the precision of the points themselves, half of the memory, and what the kernel of distances
 * takes. Equal points have equal scores.
 *
 * Throws AnalysisInputError without a component, for points that are ragged, not finite or of another dimension, and
 * for a score that float32 cannot hold.
 */
export function project(components: Components, points: Points): Points {
  return atOnce(projectWork(components, points));
}

/** `project` in steps. */
export function* projectWork({ dimension, mean, components }: Components, points: Points): Work<Points> {
  const count = components.length / dimension;
  if (count === 0) throw new AnalysisInputError('there is no component to project on: all points were equal');
  if (points.dimension !== dimension) {
    throw new AnalysisInputError(
      `the points have dimension ${points.dimension}, and the components ${dimension}`,
    );
  }
  const rows = rowCount(points);
  const scores = new Float32Array(rows * count);
  const centred = new Float64Array(dimension);
  for (let row = 0; row < rows; row++) {
    const point = pointAt(points, row);
    for (let column = 0; column < dimension; column++) centred[column] = point[column]! - mean[column]!;
    for (let component = 0; component < count; component++) {
      const start = component * dimension;
      let sum = 0;
      for (let column = 0; column < dimension; column++)
        sum += centred[column]! * components[start + column]!;
      scores[row * count + component] = sum;
    }
    yield count * dimension;
  }
  const beyond = scores.findIndex((score) => !Number.isFinite(score));
  if (beyond !== -1) {
    throw new AnalysisInputError(
      `row ${Math.floor(beyond / count)} has a score above 3.4e38; scale the points down`,
    );
  }
  return { points: scores, dimension: count };
}
