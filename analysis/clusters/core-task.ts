import { BlockDistances, TILE_ROWS } from '../../tda/block-distances.js';
import type { Take } from '../../tda/crew-tasks.js';
import { blockPairs } from './block-pairs.js';
import type { NeighbourLists } from './neighbour-lists.js';

export interface CoreTask {
  readonly points: Float32Array;
  readonly dimension: number;
  readonly weights: Uint32Array;
  /** See NeighbourLists. */
  readonly needed: number;
  readonly blockRows: number;
}

/**
 * Offers the rows of each pair to each other's list, a portion at a time, each distance computed once. Yields the number
 * of pairs done, every few ten thousand.
 */
export function* collectNeighbours(
  task: CoreTask,
  lists: NeighbourLists,
  take: Take,
): Generator<number, void> {
  const { points, dimension, weights, blockRows } = task;
  const pairs = blockPairs(weights.length, blockRows);
  const kernel = new BlockDistances(2 * blockRows, dimension);
  const load = ({ from, count }: { from: number; count: number }, place: number): void =>
    kernel.rows.set(points.subarray(from * dimension, (from + count) * dimension), place * dimension);
  for (let portion = take(); portion < pairs.count; portion = take()) {
    const { first, second } = pairs.at(portion);
    load(first, 0);
    if (second !== null) load(second, first.count);
    for (let row = 0; row < first.count; row += TILE_ROWS) {
      const count = Math.min(TILE_ROWS, first.count - row);
      if (second === null) {
        const others = row + count;
        const tile = kernel.between(row, count, 0, others);
        for (let r = 0; r < count; r++) {
          offerRow(lists, weights, tile, r * others, row + r, first.from + row + r, first.from);
        }
        yield count * row + (count * (count - 1)) / 2;
      } else {
        const others = second.count;
        const tile = kernel.between(row, count, first.count, others);
        for (let r = 0; r < count; r++) {
          offerRow(lists, weights, tile, r * others, others, first.from + row + r, second.from);
        }
        yield count * others;
      }
    }
  }
}

/** Offers a row and the rows others..others + count - 1 to each other; their distances begin at `place`. */
function offerRow(
  lists: NeighbourLists,
  weights: Uint32Array,
  tile: Float32Array,
  place: number,
  count: number,
  row: number,
  others: number,
): void {
  const { reach } = lists;
  let own = reach[row]!;
  for (let k = 0; k < count; k++) {
    const distance = tile[place + k]!;
    if (distance < own) {
      lists.offer(row, distance, weights[others + k]!);
      own = reach[row]!;
    }
    if (distance < reach[others + k]!) lists.offer(others + k, distance, weights[row]!);
  }
}
