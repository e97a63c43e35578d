import type { Work } from '../../tda/pacer.js';
import type { Trajectory } from '../trajectory.js';

/** Most points that are searched for changes. */
export const MOST_POINTS = 20_000;

/** Points in order of time, each of which stands for some steps in a row. */
export interface StepMeans {
  readonly trajectory: Trajectory;
  /** ⌈n / 20,000⌉; the last point may stand for fewer. */
  readonly stepsPerPoint: number;
}

/** The steps themselves, or, above 20,000 of them, means of equally many in a row: 10,000 to 20,000 points. */
export function* stepMeans(trajectory: Trajectory): Work<StepMeans> {
  const { vectors, dimension, sequence } = trajectory;
  const stepsPerPoint = Math.max(1, Math.ceil(sequence.length / MOST_POINTS));
  if (stepsPerPoint === 1) return { trajectory, stepsPerPoint };
  const count = Math.ceil(sequence.length / stepsPerPoint);
  const means = new Float32Array(count * dimension);
  const sums = new Float64Array(dimension);
  for (let point = 0; point < count; point++) {
    const end = Math.min(sequence.length, (point + 1) * stepsPerPoint);
    sums.fill(0);
    for (let step = point * stepsPerPoint; step < end; step++) {
      const start = sequence[step]! * dimension;
      for (let column = 0; column < dimension; column++) sums[column]! += vectors[start + column]!;
      yield dimension;
    }
    const members = end - point * stepsPerPoint;
    for (let column = 0; column < dimension; column++) {
      means[point * dimension + column] = sums[column]! / members;
    }
  }
  const order = Uint32Array.from({ length: count }, (_, point) => point);
  return { trajectory: { vectors: means, dimension, sequence: order }, stepsPerPoint };
}
