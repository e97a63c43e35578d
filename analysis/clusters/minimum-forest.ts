import { Forest } from '../../tda/forest.js';
import type { Edges } from './edges.js';

/** A minimum spanning forest of edges that come in portions (Kruskal 1956, Proc. Amer. Math. Soc. 7:48). */
export class MinimumForest {
  private readonly rows: number;
  private readonly first: Uint32Array;
  private readonly second: Uint32Array;
  private readonly heights: Float32Array;
  private readonly keys: Float64Array;
  private count = 0;
  private isForest = true;

  /** `rows` <= 2^20, `portion`: the most edges in a portion. */
  constructor(rows: number, portion: number) {
    const capacity = forestCapacity(rows, portion);
    this.rows = rows;
    this.first = new Uint32Array(capacity);
    this.second = new Uint32Array(capacity);
    this.heights = new Float32Array(capacity);
    this.keys = new Float64Array(capacity);
  }

  add({ first, second, heights }: Edges): void {
    if (this.count + heights.length > this.heights.length) this.reduce();
    this.first.set(first, this.count);
    this.second.set(second, this.count);
    this.heights.set(heights, this.count);
    this.count += heights.length;
    this.isForest = false;
  }

  /** The edges of the forest, by rising height. */
  edges(): Edges {
    if (!this.isForest) this.reduce();
    return {
      first: this.first.slice(0, this.count),
      second: this.second.slice(0, this.count),
      heights: this.heights.slice(0, this.count),
    };
  }

  /** Keeps the edges of a minimum spanning forest only, in order. */
  private reduce(): void {
    const { count } = this;
    const order = this.keys.subarray(0, count);
    // The bits of floats that are not negative rise with them. The index of the edge follows in the lower bits.
    const bits = new Uint32Array(this.heights.buffer, 0, count);
    for (let edge = 0; edge < count; edge++) order[edge] = bits[edge]! * INDICES + edge;
    order.sort();
    const joined = new Forest(this.rows);
    let kept = 0;
    for (let place = 0; place < count; place++) {
      const edge = order[place]! % INDICES;
      if (joined.union(this.first[edge]!, this.second[edge]!)) order[kept++] = edge;
    }
    this.take(order.subarray(0, kept));
  }

  private take(chosen: Float64Array): void {
    for (const values of [this.first, this.second, this.heights]) {
      const some = values.slice(0, this.count);
      for (let place = 0; place < chosen.length; place++) values[place] = some[chosen[place]!]!;
    }
    this.count = chosen.length;
    this.isForest = true;
  }
}

const INDICES = 2 ** 22;
/** Edges for each row, in memory. More of them are sorted less often. */
const EDGES_PER_ROW = 3;

function forestCapacity(rows: number, portion: number): number {
  return EDGES_PER_ROW * rows + portion;
}

/** Memory of a MinimumForest, in bytes. */
export function minimumForestBytes(rows: number, portion: number): number {
  return 8 * rows + 24 * forestCapacity(rows, portion);
}
