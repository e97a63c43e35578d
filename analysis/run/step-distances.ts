import { fillDistances } from '../../tda/crew-tasks.js';
import { DistanceKernel, ROWS_AT_ONCE } from '../../tda/kernel.js';
import type { Work } from '../../tda/pacer.js';
import { pairCount, pairIndex } from '../../tda/triangle.js';
import { squaredDistance } from '../distance.js';
import { AnalysisInputError } from '../errors.js';
import { byFirstAppearance } from './first-appearance.js';
import { pointAt } from '../points.js';
import type { Trajectory } from '../trajectory.js';

/** The most bytes of distances that are held; more are computed again by each pass. About 11,500 vectors. */
export const HELD_BYTES = 256 * 2 ** 20;

/**
 * Distances between the steps of a trajectory, float32, by the kernel of tda/. The distances of distinct vectors
 * are held if they fit in `heldBytes`, and otherwise computed by each pass.
 */
export class StepDistances {
  readonly trajectory: Trajectory;
  private readonly triangle: Float32Array | null;
  private readonly kernel: DistanceKernel | null;
  /** Whether no two steps share a row, so that a row of the triangle is a row of steps. */
  private readonly isDistinct: boolean;
  private readonly out: Float32Array;
  /** The number of rows that the steps up to each step have. */
  private readonly rowsMet: Uint32Array;
  /** Distances of `blockRows` rows from `blockStart` on, each from the first `blockOthers` rows. */
  private block: Float32Array = new Float32Array(0);
  private blockStart = 0;
  private blockRows = 0;
  private blockOthers = 0;

  private constructor(trajectory: Trajectory, triangle: Float32Array | null) {
    const { vectors, dimension, sequence } = trajectory;
    this.trajectory = trajectory;
    this.triangle = triangle;
    this.kernel = triangle === null ? new DistanceKernel(vectors, dimension) : null;
    this.isDistinct = vectors.length / dimension === sequence.length;
    this.out = new Float32Array(sequence.length);
    this.rowsMet = rowsMetBy(sequence);
  }

  /** Computes the distances that are held, of a trajectory that was checked. */
  static *of(trajectory: Trajectory, heldBytes = HELD_BYTES): Work<StepDistances> {
    const ordered = byFirstAppearance(trajectory);
    const { vectors: points, dimension } = ordered;
    const pairs = pairCount(points.length / dimension);
    if (4 * pairs > heldBytes) return new StepDistances(ordered, null);
    const distances = new Float32Array(pairs);
    let next = 0;
    if (pairs > 0) yield* fillDistances({ points, dimension, distances }, () => next++);
    return new StepDistances(ordered, distances);
  }

  get stepCount(): number {
    return this.trajectory.sequence.length;
  }

  /**
   * Distances of a step from the steps before it, in their order. Valid until the next call; read only. Passes
   * ask for the steps in rising order.
   *
   * Throws AnalysisInputError if float32 cannot represent a distance.
   */
  row(step: number): Float32Array {
    const { sequence } = this.trajectory;
    const row = sequence[step]!;
    if (this.triangle !== null && this.isDistinct) {
      return this.checked(step, this.triangle.subarray(pairCount(row), pairCount(row + 1)));
    }
    if (this.kernel !== null) this.gatherFromKernel(this.kernel, step);
    if (this.triangle !== null) gatherFromTriangle(this.triangle, sequence, step, this.out);
    return this.checked(step, this.out.subarray(0, step));
  }

  /** Approximate cost of `row`, and of a pass over its distances, in word operations. */
  operationsPerRow(step: number): number {
    return this.kernel === null ? 4 * step : step * this.trajectory.dimension;
  }

  /** The distance of two steps. Where distances are not held, its last bit may differ from that of `row`. */
  between(a: number, b: number): number {
    const { vectors: points, dimension, sequence } = this.trajectory;
    const rowA = sequence[a]!;
    const rowB = sequence[b]!;
    if (rowA === rowB) return 0;
    if (this.triangle !== null) return this.triangle[pairIndex(rowA, rowB)]!;
    const cloud = { points, dimension };
    return Math.fround(Math.sqrt(squaredDistance(pointAt(cloud, rowA), pointAt(cloud, rowB))));
  }

  private gatherFromKernel(kernel: DistanceKernel, step: number): void {
    const { sequence, vectors, dimension } = this.trajectory;
    const row = sequence[step]!;
    // A row that no earlier block had moves the block, so a block knows all rows that were met since.
    const isInBlock = row >= this.blockStart && row < this.blockStart + this.blockRows;
    if (!isInBlock) {
      const met = this.rowsMet[step]!;
      // New rows follow each other, so the kernel computes the next ones with it. A row that comes up again is alone.
      const rows = vectors.length / dimension;
      this.blockStart = row;
      this.blockRows = row === met - 1 ? Math.min(ROWS_AT_ONCE, rows - row) : 1;
      this.blockOthers = Math.max(met, row + this.blockRows);
      this.block = kernel.rows(row, this.blockRows, this.blockOthers);
    }
    const start = (row - this.blockStart) * this.blockOthers;
    for (let other = 0; other < step; other++) this.out[other] = this.block[start + sequence[other]!]!;
  }

  private checked(step: number, row: Float32Array): Float32Array {
    const found = row.indexOf(Infinity);
    if (found < 0) return row;
    throw new AnalysisInputError(
      `the distance between steps ${found} and ${step} does not fit in float32; scale the vectors down`,
    );
  }
}

/** Writes the distances of a step from the steps before it. */
function gatherFromTriangle(
  triangle: Float32Array,
  sequence: Uint32Array,
  step: number,
  out: Float32Array,
): void {
  const row = sequence[step]!;
  const start = pairCount(row);
  for (let other = 0; other < step; other++) {
    const otherRow = sequence[other]!;
    if (otherRow < row) out[other] = triangle[start + otherRow]!;
    else out[other] = otherRow === row ? 0 : triangle[(otherRow * (otherRow - 1)) / 2 + row]!;
  }
}

/** For a sequence whose rows are numbered by first appearance. */
function rowsMetBy(sequence: Uint32Array): Uint32Array {
  let met = 0;
  return sequence.map((row) => (met = Math.max(met, row + 1)));
}
