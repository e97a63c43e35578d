import * as fc from 'fast-check';
import type { WeightedPoints } from '../../../analysis/index.js';

/** Distinct places of a small grid with weights: many distances are equal, and all sums are exact. */
export function gridClouds(maxRows: number): fc.Arbitrary<WeightedPoints> {
  const places = fc.uniqueArray(fc.tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 3 })), {
    minLength: 1,
    maxLength: maxRows,
    selector: ([x, y]) => `${x},${y}`,
  });
  return places.chain((rows) =>
    weightsOf(rows.length).map((weights) => ({
      points: Float32Array.from(rows.flat()),
      dimension: 2,
      weights,
    })),
  );
}

/** Rows of any coordinates, some of them equal. */
export function clouds(maxRows: number): fc.Arbitrary<WeightedPoints> {
  const coordinate = fc.float({ min: -1, max: 1, noNaN: true });
  const row = fc.tuple(coordinate, coordinate, coordinate);
  return fc
    .array(fc.tuple(row, fc.integer({ min: 1, max: 3 })), { minLength: 1, maxLength: maxRows })
    .map((rows) => rows.flatMap(([point, copies]) => Array.from({ length: copies }, () => point)))
    .chain((rows) =>
      weightsOf(rows.length).map((weights) => ({
        points: Float32Array.from(rows.flat()),
        dimension: 3,
        weights,
      })),
    );
}

function weightsOf(rows: number): fc.Arbitrary<Uint32Array> {
  const weight = fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 6 }));
  return fc.array(weight, { minLength: rows, maxLength: rows }).map((weights) => Uint32Array.from(weights));
}

/** The rows in the order of `order`. */
export function inOrder(
  { points, dimension, weights }: WeightedPoints,
  order: readonly number[],
): WeightedPoints {
  return {
    points: Float32Array.from(
      order.flatMap((row) => [...points.subarray(row * dimension, (row + 1) * dimension)]),
    ),
    dimension,
    weights: Uint32Array.from(order, (row) => weights[row]!),
  };
}

/** An order of the rows of a cloud. */
export function orderOf({ weights }: WeightedPoints): fc.Arbitrary<number[]> {
  const rows = [...weights.keys()];
  return fc.shuffledSubarray(rows, { minLength: rows.length });
}
