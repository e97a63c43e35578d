import { instantiateModule } from './webassembly-module.js';

type Distances = (
  points: number,
  dimension: number,
  row: number,
  count: number,
  others: number,
  out: number,
) => void;

/** Address where the module's own data ends and ours begins. */
const BASE = 1024;

/** Rows of distances computed in one call, at most. */
export const TILE_ROWS = 16;

/**
 * Euclidean distances between rows that the caller puts into the kernel's memory, and may move there. They are the
 * distances of `euclideanDistances`, bit by bit.
 */
export class BlockDistances {
  /** capacity × dimension, row-major; the caller fills it. */
  readonly rows: Float32Array;
  private readonly dimension: number;
  private readonly distances: Distances;
  private readonly out: number;
  private readonly tile: Float32Array;

  /** `capacity`: the number of rows. */
  constructor(capacity: number, dimension: number) {
    const rowBytes = 4 * capacity * dimension;
    const { memory, exports } = instantiateModule('kernel.wasm', blockDistancesBytes(capacity, dimension));
    if (!hasDistances(exports)) throw new Error('kernel.wasm has other exports than this build expects');
    this.distances = exports.distances;
    this.dimension = dimension;
    this.out = BASE + rowBytes;
    this.rows = new Float32Array(memory.buffer, BASE, capacity * dimension);
    this.tile = new Float32Array(memory.buffer, this.out, TILE_ROWS * capacity);
  }

  /**
   * Distances of rows row..row + count - 1 (at most TILE_ROWS) from rows first..first + others - 1: float32, count × others
   * from place 0 on, valid until the next call.
   */
  between(row: number, count: number, first: number, others: number): Float32Array {
    this.distances(BASE + 4 * first * this.dimension, this.dimension, row - first, count, others, this.out);
    return this.tile;
  }
}

/** Memory of a BlockDistances, in bytes. */
export function blockDistancesBytes(capacity: number, dimension: number): number {
  return BASE + 4 * capacity * (dimension + TILE_ROWS);
}

function hasDistances(
  exports: Record<string, unknown>,
): exports is Record<string, unknown> & { readonly distances: Distances } {
  return typeof exports['distances'] === 'function';
}
