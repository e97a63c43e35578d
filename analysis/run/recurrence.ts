import { atOnce, type Work } from '../../tda/pacer.js';
import { AnalysisInputError } from '../errors.js';
import { LineCounter, type RecurrenceCounts } from './line-counter.js';
import { pairQuantile } from './pair-quantile.js';
import { StepDistances } from './step-distances.js';
import { stepCount, type Trajectory } from '../trajectory.js';

/** Share of the pairs that are recurrent at the fixed rate. */
export const RECURRENCE_RATE = 0.05;

/** The radius within which two steps are recurrent: fixed, or the least with which a share of the pairs is. */
export type RecurrenceSetting = { readonly radius: number } | { readonly rate: number };

export interface Recurrence extends RecurrenceCounts {
  /** The radius as used. */
  readonly epsilon: number;
}

/**
 * Recurrence quantification (Marwan et al. 2007, Phys. Rep. 438:237). Two steps are recurrent if their distance
 * is at most the radius. At a fixed rate ρ the radius is the ⌈ρN⌉-th smallest of the N pair distances; with ties
 * the true rate `rr` is higher. The main diagonal counts neither in `rr` nor as a diagonal line. Lines have a
 * length of at least 2. Compare runs of one model at a fixed radius; at a fixed rate DET compares order alone.
 *
 * Null with fewer than two steps. Any length is accepted: O(n²) time, and memory for the distances of distinct
 * vectors up to 256 MiB.
 *
 * Throws AnalysisInputError, which names the place, for a malformed trajectory, a radius below 0, or a rate
 * outside of (0, 1].
 */
export function recurrence(trajectory: Trajectory, setting: RecurrenceSetting): Recurrence | null {
  checkSetting(setting);
  if (stepCount(trajectory) < 2) return null;
  return atOnce(
    (function* work() {
      const distances = yield* StepDistances.of(trajectory);
      return yield* recurrenceWork(distances, yield* radiusOf(distances, setting));
    })(),
  );
}

export function checkSetting(setting: RecurrenceSetting): void {
  if ('radius' in setting) checkRadius(setting.radius);
  else if (!(setting.rate > 0 && setting.rate <= 1)) {
    throw new AnalysisInputError(`rate is ${setting.rate}; expected a share of the pairs above 0, at most 1`);
  }
}

export function checkRadius(radius: number): void {
  if (!(radius >= 0 && radius < Infinity)) {
    throw new AnalysisInputError(`radius is ${radius}; expected a finite distance, 0 or more`);
  }
}

/** The radius of a setting, of at least two steps. */
export function* radiusOf(distances: StepDistances, setting: RecurrenceSetting): Work<number> {
  return 'radius' in setting ? setting.radius : yield* pairQuantile(distances, setting.rate);
}

/** Counts the lines within a radius, of at least two steps. */
export function* recurrenceWork(distances: StepDistances, epsilon: number): Work<Recurrence> {
  const n = distances.stepCount;
  const counter = new LineCounter(n);
  const columns = new Uint32Array(n);
  for (let step = 0; step < n; step++) {
    counter.addRow(columns, columnsWithin(distances.row(step), epsilon, columns));
    yield distances.operationsPerRow(step);
  }
  return { epsilon, ...counter.finish() };
}

/** Writes the places of the distances that are at most the radius, rising. Returns their number. */
export function columnsWithin(distances: Float32Array, epsilon: number, columns: Uint32Array): number {
  let count = 0;
  for (let column = 0; column < distances.length; column++) {
    columns[count] = column;
    if (distances[column]! <= epsilon) count++;
  }
  return count;
}
