import { atOnce, type Work } from '../../tda/pacer.js';
import { digestOf, drawRandom, permutationP } from '../inference/chance.js';
import { shuffle } from '../../tda/random.js';
import { LineCounter, type RecurrenceCounts } from './line-counter.js';
import { checkSetting, radiusOf, type RecurrenceSetting, recurrenceWork } from './recurrence.js';
import { StepDistances } from './step-distances.js';
import { stepCount, type Trajectory } from '../trajectory.js';

/** Number of random orders, where the caller names none. */
export const ORDERS = 99;

/** Whether a run recurs in order, beyond what the same outputs in random order do. */
export interface RecurrenceOrder {
  readonly det: number | null;
  readonly lam: number;
  /** Share of the orders, the run's own included, with at least its DET, in (0, 1]. Null if DET is null. */
  readonly detP: number | null;
  /** The same for LAM. */
  readonly lamP: number;
  readonly orders: number;
}

/**
 * Compares DET and LAM of a trajectory with those of its steps in random order (the null `shuffled_order`). The
 * cloud, and with it RR and the radius of a fixed rate, stays the same. Each order costs one count of lines; the
 * distances are computed once. Seeds come from the content of the trajectory and the setting, so that equal runs
 * have equal p-values.
 *
 * Null with fewer than two steps. At n = 5,000, 99 orders take some seconds: `recurrenceOrderWork` can be
 * interrupted.
 *
 * Throws AnalysisInputError, which names the place, for a malformed trajectory or setting, or without an order.
 */
export function recurrenceOrder(
  trajectory: Trajectory,
  setting: RecurrenceSetting,
  orders = ORDERS,
): RecurrenceOrder | null {
  return atOnce(recurrenceOrderWork(trajectory, setting, orders));
}

/** The same in portions. */
export function* recurrenceOrderWork(
  trajectory: Trajectory,
  setting: RecurrenceSetting,
  orders = ORDERS,
): Work<RecurrenceOrder | null> {
  checkSetting(setting);
  if (stepCount(trajectory) < 2) return null;
  const distances = yield* StepDistances.of(trajectory);
  const epsilon = yield* radiusOf(distances, setting);
  const { det, lam } = yield* recurrenceWork(distances, epsilon);
  const matrix = yield* recurrenceMatrix(distances, epsilon);
  const { vectors, sequence } = distances.trajectory;
  const digest = digestOf(vectors, sequence);
  const name = `shuffled_order:${'radius' in setting ? 'fixed_radius' : 'fixed_rate'}:${epsilon}`;
  const shuffledDet = new Float64Array(orders);
  const shuffledLam = new Float64Array(orders);
  for (let order = 0; order < orders; order++) {
    const shuffled = sequence.slice();
    shuffle(shuffled, drawRandom(name, digest, order));
    const counts = yield* linesOf(matrix, shuffled);
    // The number of recurrent pairs is that of the run, so that DET is null here if it is null there.
    shuffledDet[order] = counts.det ?? 0;
    shuffledLam[order] = counts.lam;
  }
  return {
    det,
    lam,
    detP: det === null ? null : permutationP(det, shuffledDet),
    lamP: permutationP(lam, shuffledLam),
    orders,
  };
}

/** Which distinct vectors recur with which: a symmetric matrix of bits, the main diagonal set. */
interface RecurrenceMatrix {
  readonly bits: Uint32Array;
  readonly wordsPerRow: number;
}

function* recurrenceMatrix(distances: StepDistances, epsilon: number): Work<RecurrenceMatrix> {
  const { sequence, vectors, dimension } = distances.trajectory;
  const rows = vectors.length / dimension;
  const wordsPerRow = Math.ceil(rows / 32);
  const bits = new Uint32Array(rows * wordsPerRow);
  let met = 0;
  for (let step = 0; step < sequence.length; step++) {
    const row = sequence[step]!;
    // Rows are numbered by first appearance.
    if (row < met) continue;
    met = row + 1;
    const near = distances.row(step);
    bits[row * wordsPerRow + (row >>> 5)]! |= 1 << (row & 31);
    for (let earlier = 0; earlier < step; earlier++) {
      if (!(near[earlier]! <= epsilon)) continue;
      const other = sequence[earlier]!;
      bits[row * wordsPerRow + (other >>> 5)]! |= 1 << (other & 31);
      bits[other * wordsPerRow + (row >>> 5)]! |= 1 << (row & 31);
    }
    yield distances.operationsPerRow(step);
  }
  return { bits, wordsPerRow };
}

function* linesOf({ bits, wordsPerRow }: RecurrenceMatrix, sequence: Uint32Array): Work<RecurrenceCounts> {
  const counter = new LineCounter(sequence.length);
  const columns = new Uint32Array(sequence.length);
  for (let step = 0; step < sequence.length; step++) {
    const start = sequence[step]! * wordsPerRow;
    let count = 0;
    for (let earlier = 0; earlier < step; earlier++) {
      const other = sequence[earlier]!;
      columns[count] = earlier;
      count += (bits[start + (other >>> 5)]! >>> (other & 31)) & 1;
    }
    counter.addRow(columns, count);
    yield 8 * step;
  }
  return counter.finish();
}
