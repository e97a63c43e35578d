import { AnalysisInputError } from './errors.js';
import { pointAt, rowCount } from './points.js';

/**
 * The outputs of a run under one embedding model, in order of time. Outputs that repeat share a row, as in the
 * table `vectors`. A statistic of places reads the rows; a statistic of time reads the steps.
 */
export interface Trajectory {
  /** Distinct vectors, row-major: rows × dimension. */
  readonly vectors: Float32Array;
  readonly dimension: number;
  /** The row of each step; its length is n. The unit of time is one embedded output. */
  readonly sequence: Uint32Array;
}

/**
 * The number of steps n, 0 included.
 *
 * Throws AnalysisInputError, which names the place, if a vector is ragged or not finite, or a step has no row.
 */
export function stepCount({ vectors, dimension, sequence }: Trajectory): number {
  const rows = rowCount({ points: vectors, dimension }, 'vectors');
  for (let step = 0; step < sequence.length; step++) {
    if (sequence[step]! >= rows) {
      throw new AnalysisInputError(
        `sequence[${step}] is ${sequence[step]}; vectors has ${rows} rows, numbered from 0`,
      );
    }
  }
  return sequence.length;
}

/** The vector of a step, a view. */
export function vectorAt({ vectors, dimension, sequence }: Trajectory, step: number): Float32Array {
  return pointAt({ points: vectors, dimension }, sequence[step]!);
}
