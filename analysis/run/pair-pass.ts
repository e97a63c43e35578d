import type { Work } from '../../tda/pacer.js';
import { addSquares } from './lag-sums.js';
import { LineCounter } from './line-counter.js';
import { addUpperHalves, emptyCounts, pairQuantile } from './pair-quantile.js';
import { columnsWithin, type Recurrence, RECURRENCE_RATE, recurrenceWork } from './recurrence.js';
import type { StepDistances } from './step-distances.js';

/** Above so many steps, a run's pairs are not compared: there would be more than 200 million. */
export const MOST_PAIRED_STEPS = 20_000;

/** What a pass over all pairs of steps finds. */
export interface PairFindings {
  /** Sums of ‖x(k + lag) - x(k)‖² over k, for each lag from 0 to ⌊n/4⌋. */
  readonly lagSums: Float64Array;
  /** Null without a radius. */
  readonly fixedRadius: Recurrence | null;
  readonly fixedRate: Recurrence;
}

/**
 * Compares all pairs of at least two steps: one pass sums squares by lag, counts lines within the radius, and
 * counts distances for the radius of the fixed rate. Two short passes over the held distances find that radius,
 * and count the lines within it.
 */
export function* comparePairs(distances: StepDistances, radius: number | null): Work<PairFindings> {
  const n = distances.stepCount;
  const lagSums = new Float64Array(Math.floor(n / 4) + 1);
  const upperCounts = emptyCounts();
  const counter = radius === null ? null : new LineCounter(n);
  const columns = new Uint32Array(n);
  for (let step = 0; step < n; step++) {
    const row = distances.row(step);
    addSquares(lagSums, row, step);
    addUpperHalves(upperCounts, row);
    if (counter !== null && radius !== null) counter.addRow(columns, columnsWithin(row, radius, columns));
    yield 2 * distances.operationsPerRow(step);
  }
  const epsilon = yield* pairQuantile(distances, RECURRENCE_RATE, upperCounts);
  return {
    lagSums,
    fixedRadius: counter === null || radius === null ? null : { epsilon: radius, ...counter.finish() },
    fixedRate: yield* recurrenceWork(distances, epsilon),
  };
}
