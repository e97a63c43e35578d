import { TdaInputError } from './errors.js';

/**
 * The layout of a symmetric matrix with zero diagonal: its strict lower triangle, row by row: d(1,0), d(2,0),
 * d(2,1), d(3,0)…
 */

/** Number of pairs among `pointCount` points. */
export function pairCount(pointCount: number): number {
  return (pointCount * (pointCount - 1)) / 2;
}

/** Place of the pair {a, b}, a ≠ b, in the lower triangle. */
export function pairIndex(a: number, b: number): number {
  return a > b ? (a * (a - 1)) / 2 + b : (b * (b - 1)) / 2 + a;
}

/** The larger vertex of the pair at a place of the lower triangle. */
export function pairRow(index: number): number {
  let row = Math.floor((1 + Math.sqrt(1 + 8 * index)) / 2);
  while (pairCount(row) > index) row--;
  while (pairCount(row + 1) <= index) row++;
  return row;
}

/**
 * Number of points whose lower triangle has `length` entries. No entry means one point.
 *
 * Throws TdaInputError if no number of points has that many pairs.
 */
export function pointCountOfTriangle(length: number): number {
  const pointCount = length === 0 ? 1 : pairRow(length);
  if (pairCount(pointCount) !== length) {
    throw new TdaInputError(
      `distances has ${length} entries, which is not n(n-1)/2 for any n ` +
        `(${pointCount} points have ${pairCount(pointCount)}, ${pointCount + 1} have ${pairCount(pointCount + 1)})`,
    );
  }
  return pointCount;
}
