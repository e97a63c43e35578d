/** The recurrence plot of n steps, in numbers. Lines of length 1 count in `diagonalMax` and `verticalMax` alone. */
export interface RecurrenceCounts {
  /** Recurrence rate: share of the pairs of different steps that are recurrent, in [0, 1]. */
  readonly rr: number;
  /** Determinism: share of them on diagonal lines of at least 2. Null if no pair is recurrent. */
  readonly det: number | null;
  /** Mean length of diagonal lines of at least 2; null without one. */
  readonly diagonalMean: number | null;
  /** Length of the longest diagonal line, without the main diagonal; 0 if no pair is recurrent. */
  readonly diagonalMax: number;
  /** Entropy of the lengths of diagonal lines of at least 2, nats; null without one. */
  readonly diagonalEntropy: number | null;
  /** Laminarity: share of the recurrent points, main diagonal included, on vertical lines of at least 2. */
  readonly lam: number;
  /** Mean length of vertical lines of at least 2; null without one. */
  readonly trappingTime: number | null;
  readonly verticalMax: number;
}

/**
 * Counts the diagonal and vertical lines of a symmetric recurrence plot, row by row of its lower triangle, in
 * O(n) memory. A row of the lower triangle is also a column of the upper one, so that a vertical line of the
 * whole matrix begins in a row, passes the main diagonal, and goes on down a column.
 */
export class LineCounter {
  private readonly stepCount: number;
  /** For each lag: length of the diagonal line that the last recurrent pair of this lag ends, and its row. */
  private readonly diagonalLengths: Uint32Array;
  private readonly diagonalRows: Int32Array;
  /** The same for each column. */
  private readonly verticalLengths: Uint32Array;
  private readonly verticalRows: Int32Array;
  /** Number of finished lines by length. Diagonal lines are counted in the lower triangle alone. */
  private readonly diagonals: Float64Array;
  private readonly verticals: Float64Array;
  private nextRow = 0;

  constructor(stepCount: number) {
    this.stepCount = stepCount;
    this.diagonalLengths = new Uint32Array(stepCount);
    this.diagonalRows = new Int32Array(stepCount).fill(NEVER);
    this.verticalLengths = new Uint32Array(stepCount);
    this.verticalRows = new Int32Array(stepCount).fill(NEVER);
    this.diagonals = new Float64Array(stepCount + 1);
    this.verticals = new Float64Array(stepCount + 1);
  }

  /** Adds the next row. `columns[0..count - 1]` are the steps before it that recur with it, rising. */
  addRow(columns: Uint32Array, count: number): void {
    const { diagonalLengths, diagonalRows, verticalLengths, verticalRows, diagonals, verticals } = this;
    const row = this.nextRow++;
    let run = 0;
    for (let place = 0; place < count; place++) {
      const column = columns[place]!;
      const lag = row - column;
      if (diagonalRows[lag] === row - 1) {
        diagonalLengths[lag]!++;
      } else {
        diagonals[diagonalLengths[lag]!]!++;
        diagonalLengths[lag] = 1;
      }
      diagonalRows[lag] = row;
      if (verticalRows[column] === row - 1) {
        verticalLengths[column]!++;
      } else {
        verticals[verticalLengths[column]!]!++;
        verticalLengths[column] = 1;
      }
      verticalRows[column] = row;
      run++;
      if (place + 1 < count && columns[place + 1] !== column + 1) {
        verticals[run]!++;
        run = 0;
      }
    }
    if (run > 0 && columns[count - 1] !== row - 1) {
      verticals[run]!++;
      run = 0;
    }
    verticalLengths[row] = run + 1;
    verticalRows[row] = row;
  }

  /** The counts, after all rows. */
  finish(): RecurrenceCounts {
    const { stepCount, diagonals, verticals } = this;
    for (let step = 0; step < stepCount; step++) {
      diagonals[this.diagonalLengths[step]!]!++;
      verticals[this.verticalLengths[step]!]!++;
      this.diagonalLengths[step] = 0;
      this.verticalLengths[step] = 0;
    }
    const diagonal = measure(diagonals);
    const vertical = measure(verticals);
    const pairs = (stepCount * (stepCount - 1)) / 2;
    return {
      rr: diagonal.points / pairs,
      det: diagonal.points === 0 ? null : diagonal.pointsOnLines / diagonal.points,
      diagonalMean: diagonal.mean,
      diagonalMax: diagonal.longest,
      diagonalEntropy: diagonal.entropy,
      lam: vertical.pointsOnLines / vertical.points,
      trappingTime: vertical.mean,
      verticalMax: vertical.longest,
    };
  }
}

/** No row is before the first one, and that has no columns. */
const NEVER = -1;
const SHORTEST_LINE = 2;

/** `counts[length]` lines of each length; those of length 0 are none. */
function measure(counts: Float64Array) {
  let points = 0;
  let pointsOnLines = 0;
  let lines = 0;
  let longest = 0;
  for (let length = 1; length < counts.length; length++) {
    const count = counts[length]!;
    if (count === 0) continue;
    points += count * length;
    longest = length;
    if (length < SHORTEST_LINE) continue;
    pointsOnLines += count * length;
    lines += count;
  }
  if (lines === 0) return { points, pointsOnLines, longest, mean: null, entropy: null };
  let entropy = 0;
  for (let length = SHORTEST_LINE; length < counts.length; length++) {
    const share = counts[length]! / lines;
    if (share > 0) entropy -= share * Math.log(share);
  }
  return { points, pointsOnLines, longest, mean: pointsOnLines / lines, entropy };
}
