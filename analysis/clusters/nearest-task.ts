import { BlockDistances, TILE_ROWS } from '../../tda/block-distances.js';
import type { Take } from '../../tda/crew-tasks.js';

export interface NearestTask {
  /** Row-major, as `others`. */
  readonly points: Float32Array;
  readonly others: Float32Array;
  readonly dimension: number;
  readonly blockRows: number;
  /** By row of `others`, which the task fills: the nearest row of `points`, the first of equally near ones. */
  readonly nearest: Uint32Array;
  readonly distances: Float32Array;
}

/** Finds the nearest point of each other row, a block of these at a time. Yields the number of pairs done. */
export function* findNearest(task: NearestTask, take: Take): Generator<number, void> {
  const { points, others, dimension, blockRows, nearest, distances } = task;
  const kernel = new BlockDistances(2 * blockRows, dimension);
  const load = (rows: Float32Array, from: number, place: number): number => {
    const some = rows.subarray(from * dimension, (from + blockRows) * dimension);
    kernel.rows.set(some, place * dimension);
    return some.length / dimension;
  };
  const portions = Math.ceil(nearest.length / blockRows);
  for (let portion = take(); portion < portions; portion = take()) {
    const first = portion * blockRows;
    const some = load(others, first, 0);
    distances.fill(Infinity, first, first + some);
    for (let from = 0; from < points.length / dimension; from += blockRows) {
      const count = load(points, from, blockRows);
      for (let row = 0; row < some; row += TILE_ROWS) {
        const rows = Math.min(TILE_ROWS, some - row);
        const tile = kernel.between(row, rows, blockRows, count);
        for (let r = 0; r < rows; r++)
          lookAt(tile, r * count, count, from, first + row + r, nearest, distances);
        yield rows * count;
      }
    }
  }
}

/** Looks at the distances of one row from points from..from + count - 1. */
function lookAt(
  tile: Float32Array,
  place: number,
  count: number,
  from: number,
  row: number,
  nearest: Uint32Array,
  distances: Float32Array,
): void {
  let least = distances[row]!;
  for (let k = 0; k < count; k++) {
    if (tile[place + k]! < least) {
      least = tile[place + k]!;
      nearest[row] = from + k;
    }
  }
  distances[row] = least;
}
