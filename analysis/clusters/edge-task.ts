import { BlockDistances } from '../../tda/block-distances.js';
import type { Take } from '../../tda/crew-tasks.js';
import { type Block, blockPairs } from './block-pairs.js';
import type { Edges } from './edges.js';

export interface EdgeTask {
  readonly points: Float32Array;
  readonly dimension: number;
  /** By row; at least the floor. */
  readonly coreDistances: Float32Array;
  readonly blockRows: number;
}

/** Pairs done since the last report. The last report of a portion has its edges; others have null. */
export interface EdgeReport {
  readonly pairs: number;
  readonly edges: Edges | null;
}

/**
 * A minimum spanning tree of mutual reachability for each portion: of the complete graph within a block, or of the
 * complete bipartite graph between two. Each distance is computed once. A minimum spanning forest of all their edges
 * joins the same rows at each height as all pairs do: a longest edge of a cycle is never needed.
 *
 * Prim's algorithm (1957, Bell Syst. Tech. J. 36:1389) keeps two blocks of rows in the cache of a core.
 */
export function* findSpanningEdges(task: EdgeTask, take: Take): Generator<EdgeReport, void> {
  const { points, dimension, coreDistances, blockRows } = task;
  const pairs = blockPairs(coreDistances.length, blockRows);
  // One row more, to exchange rows.
  const kernel = new BlockDistances(2 * blockRows + 1, dimension);
  for (let portion = take(); portion < pairs.count; portion = take()) {
    const { first, second } = pairs.at(portion);
    const sides = [new Side(kernel, dimension, points, first, coreDistances, 0)];
    if (second !== null) sides.push(new Side(kernel, dimension, points, second, coreDistances, first.count));
    yield* span(kernel, sides);
  }
}

/** One side is a complete graph; two sides are a bipartite one. */
function* span(kernel: BlockDistances, sides: readonly Side[]): Generator<EdgeReport, void> {
  const total = sides.reduce((sum, side) => sum + side.outside, 0);
  const edges = {
    first: new Uint32Array(total - 1),
    second: new Uint32Array(total - 1),
    heights: new Float32Array(total - 1),
  };
  let from = 0;
  let chosen = 0;
  for (let edge = 0; edge < total - 1; edge++) {
    const added = sides[from]!;
    const opposite = sides[sides.length - 1 - from]!;
    const place = added.remove(chosen);
    const lengths = kernel.between(added.base + place, 1, opposite.base, opposite.outside);
    opposite.relax(lengths, added.rows[place]!, added.cores[place]!);
    from = 0;
    chosen = sides[0]!.closest();
    if (sides.length === 2) {
      const other = sides[1]!.closest();
      if (sides[1]!.nearestOf(other) < sides[0]!.nearestOf(chosen)) {
        from = 1;
        chosen = other;
      }
    }
    const side = sides[from]!;
    edges.first[edge] = side.rows[chosen]!;
    edges.second[edge] = side.towards[chosen]!;
    edges.heights[edge] = side.nearest[chosen]!;
    yield { pairs: opposite.outside, edges: null };
  }
  yield { pairs: 0, edges };
}

/** The rows of a block: at places 0..outside - 1 those that are not in the tree, behind them the others. */
class Side {
  readonly base: number;
  readonly rows: Uint32Array;
  readonly cores: Float32Array;
  /** Lowest mutual reachability between the row and the tree, and the row of the tree that has it. */
  readonly nearest: Float32Array;
  readonly towards: Uint32Array;
  outside: number;
  private readonly kernel: BlockDistances;
  private readonly dimension: number;

  /** Copies the block into the kernel's memory, from row `base` on. */
  constructor(
    kernel: BlockDistances,
    dimension: number,
    points: Float32Array,
    { from, count }: Block,
    coreDistances: Float32Array,
    base: number,
  ) {
    kernel.rows.set(points.subarray(from * dimension, (from + count) * dimension), base * dimension);
    this.kernel = kernel;
    this.dimension = dimension;
    this.base = base;
    this.outside = count;
    this.rows = Uint32Array.from({ length: count }, (_, place) => from + place);
    this.cores = coreDistances.slice(from, from + count);
    this.nearest = new Float32Array(count).fill(Infinity);
    this.towards = new Uint32Array(count);
  }

  /** Takes the row at this place into the tree. Returns its new place. */
  remove(place: number): number {
    const last = --this.outside;
    if (place === last) return last;
    const { rows, cores, nearest, towards, kernel, dimension, base } = this;
    const all = kernel.rows;
    const [a, b, spare] = [(base + place) * dimension, (base + last) * dimension, all.length - dimension];
    all.copyWithin(spare, a, a + dimension);
    all.copyWithin(a, b, b + dimension);
    all.copyWithin(b, spare, spare + dimension);
    const [row, rowCore] = [rows[place]!, cores[place]!];
    rows[place] = rows[last]!;
    cores[place] = cores[last]!;
    nearest[place] = nearest[last]!;
    towards[place] = towards[last]!;
    rows[last] = row;
    cores[last] = rowCore;
    return last;
  }

  /** Looks whether a new row of the tree is nearer; `lengths` are its distances from the rows outside. */
  relax(lengths: Float32Array, added: number, addedCore: number): void {
    const { cores, nearest, towards, outside } = this;
    for (let place = 0; place < outside; place++) {
      let height = lengths[place]!;
      if (height < cores[place]!) height = cores[place]!;
      if (height < addedCore) height = addedCore;
      if (height < nearest[place]!) {
        nearest[place] = height;
        towards[place] = added;
      }
    }
  }

  /** The place outside that is nearest to the tree; -1 if there is none. */
  closest(): number {
    const { nearest, outside } = this;
    let best = -1;
    let least = Infinity;
    for (let place = 0; place < outside; place++) {
      if (nearest[place]! < least) {
        least = nearest[place]!;
        best = place;
      }
    }
    return best;
  }

  nearestOf(place: number): number {
    return place < 0 ? Infinity : this.nearest[place]!;
  }
}
