import { pairCount, pairRow } from '../../tda/triangle.js';

/** Rows [from, from + count). */
export interface Block {
  readonly from: number;
  readonly count: number;
}

/** All pairs of rows, in portions that threads share: pairs within a block of rows, or between two blocks. */
export interface BlockPairs {
  /** Number of portions. */
  readonly count: number;
  /** The two blocks of a portion; `second` is null for the pairs within the first. */
  readonly at: (portion: number) => { readonly first: Block; readonly second: Block | null };
}

/** The portions of `rows` rows, in blocks of `blockRows`. */
export function blockPairs(rows: number, blockRows: number): BlockPairs {
  const blocks = Math.ceil(rows / blockRows);
  const block = (index: number): Block => ({
    from: index * blockRows,
    count: Math.min(blockRows, rows - index * blockRows),
  });
  const between = pairCount(blocks);
  return {
    count: between + blocks,
    at(portion) {
      if (portion >= between) return { first: block(portion - between), second: null };
      const larger = pairRow(portion);
      return { first: block(larger), second: block(portion - pairCount(larger)) };
    },
  };
}

/** Two blocks fit in the cache of a core, and there are enough portions to balance some threads. */
export function blockRowsFor(rows: number, dimension: number): number {
  const fitting = Math.floor(BLOCK_BYTES / (4 * dimension));
  return Math.max(LEAST_ROWS, Math.min(fitting, Math.ceil(rows / LEAST_BLOCKS)));
}

const BLOCK_BYTES = 2 ** 19;
const LEAST_ROWS = 128;
const LEAST_BLOCKS = 8;
