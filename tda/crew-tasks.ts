import { DistanceKernel, type EdgeClasses, type Found, LinkKernel, ROWS_AT_ONCE } from './kernel.js';
import { lowerBound } from './lower-bound.js';
import type { Work } from './pacer.js';
import { pairCount } from './triangle.js';

/**
 * The two tasks that are most of the work, in portions that any number of threads can share. A thread takes a
 * portion by increasing `next`. The threads write to disjoint parts of the arrays.
 */

/** Takes the next portion. */
export type Take = () => number;

/** Takes portions by a counter that all threads share. */
export function takeFrom(next: Int32Array): Take {
  return () => Atomics.add(next, 0, 1);
}

export interface DistanceTask {
  readonly points: Float32Array;
  readonly dimension: number;
  /** The lower triangle, which the task fills. */
  readonly distances: Float32Array;
}

/** Fills ROWS_AT_ONCE rows of the lower triangle at a time. */
export function* fillDistances({ points, dimension, distances }: DistanceTask, take: Take): Work {
  const pointCount = points.length / dimension;
  const portions = Math.ceil(pointCount / ROWS_AT_ONCE);
  const kernel = new DistanceKernel(points, dimension);
  // The longest rows come first, so that no thread works on one of them alone at the end.
  for (let portion = take(); portion < portions; portion = take()) {
    const row = (portions - 1 - portion) * ROWS_AT_ONCE;
    const count = Math.min(ROWS_AT_ONCE, pointCount - row);
    const others = row + count;
    const block = kernel.rows(row, count, others);
    for (let r = 0; r < count; r++) {
      distances.set(block.subarray(r * others, r * others + row + r), pairCount(row + r));
    }
    yield count * others * dimension;
  }
}

export interface LinkTask {
  readonly pointCount: number;
  /** Packed, in order. */
  readonly edges: Uint32Array;
  /** By rank. */
  readonly representatives: Uint16Array;
  /** Edges in a portion. */
  readonly portion: number;
}

/** Part of the findings about the links of the edges of a portion. */
export interface LinkReport {
  readonly portion: number;
  /** Ranks [from, from + count). */
  readonly from: number;
  readonly count: number;
  readonly isLast: boolean;
  /** See `findComponents` and `findCores` in tda/assembly/kernel.ts. Places count from `from`. */
  readonly records: Uint32Array;
  readonly operations: number;
}

export type LinkSearch = Generator<LinkReport, EdgeClasses>;

/** Fills in the representatives, and reports the links with several components. */
export function findComponents(task: LinkTask, take: Take): LinkSearch {
  return search(task, take, EVERYTHING, (kernel, edges, representatives) =>
    kernel.findComponents(edges, representatives),
  );
}

/** Reports the links whose cores may have cycles, where cores are wanted. */
export function findCores(task: LinkTask, wanted: Wanted, take: Take): LinkSearch {
  return search(task, take, wanted, (kernel, edges, representatives) =>
    kernel.findCores(edges, representatives),
  );
}

/** Says which edges still need a look. */
export interface Wanted {
  /**
   * The first rank in [from, to) whose link may be wanted; `to` if none is. May wait until the pass over the
   * earlier edges gets near enough.
   */
  firstIn(from: number, to: number): number;
}

const EVERYTHING: Wanted = { firstIn: (from) => from };

/** Looks at the wanted links, a portion at a time. Adds the edges between them without a look. */
function* search(
  task: LinkTask,
  take: Take,
  wanted: Wanted,
  look: (kernel: LinkKernel, edges: Uint32Array, representatives: Uint16Array) => Found,
): LinkSearch {
  const { pointCount, edges, representatives } = task;
  const kernel = new LinkKernel(pointCount);
  let added = 0;
  for (let portion = take(); portion * task.portion < edges.length; portion = take()) {
    const from = portion * task.portion;
    const to = Math.min(edges.length, from + task.portion);
    const first = wanted.firstIn(from, to);
    if (first > from) {
      yield { portion, from, count: first - from, isLast: first === to, records: NOTHING, operations: 0 };
      if (first === to) continue;
    }
    for (; first - added > EDGES_PER_STEP; added += EDGES_PER_STEP) {
      kernel.addEdges(edges.subarray(added, added + EDGES_PER_STEP));
      // Nothing is reported, but other work of the thread may run.
      const operations = OPERATIONS_PER_EDGE * EDGES_PER_STEP;
      yield { portion, from: first, count: 0, isLast: false, records: NOTHING, operations };
    }
    kernel.addEdges(edges.subarray(added, first));
    for (added = first; added < to;) {
      const found = look(kernel, edges.subarray(added, to), representatives.subarray(added, to));
      yield { portion, from: added, isLast: added + found.count === to, ...found };
      added += found.count;
    }
  }
  return kernel.edgeClasses;
}

const NOTHING = new Uint32Array(0);

const EDGES_PER_STEP = 2 ** 18;
/** Two cache misses cost about as much as this many operations. */
const OPERATIONS_PER_EDGE = 16;

// A portion takes about a tenth of a second, so little work is wasted if the last class dies meanwhile.
const LEAD = 6;

/**
 * How far the pass is that takes the reports, and where it wants cores: while a 2-class lives. The births are
 * known beforehand. The pass shares this object with all searching threads.
 */
export class CoresWanted implements Wanted {
  /** 2 times the number of portions passed, plus 1 if a class lives then. */
  private readonly progress: Int32Array;
  private readonly births: Uint32Array;
  private readonly portion: number;
  private readonly mayWait: boolean;

  /** `births` are ranks, rising. */
  constructor(state: CoresWantedState, mayWait: boolean) {
    this.progress = state.progress;
    this.births = state.births;
    this.portion = state.portion;
    this.mayWait = mayWait;
  }

  passed(portions: number, isAnyAlive: boolean): void {
    Atomics.store(this.progress, 0, 2 * portions + Number(isAnyAlive));
    Atomics.notify(this.progress, 0);
  }

  firstIn(from: number, to: number): number {
    for (;;) {
      const progress = Atomics.load(this.progress, 0);
      const passed = progress >>> 1;
      const birth = (progress & 1) === 1 ? -1 : this.firstBirth(passed * this.portion);
      // The class that an edge bears can only die at a later edge.
      if (birth + 1 >= to) return to;
      if (!this.mayWait || from - passed * this.portion <= LEAD * this.portion)
        return Math.max(from, birth + 1);
      Atomics.wait(this.progress, 0, progress);
    }
  }

  /** The first birth at this rank or later; beyond all ranks if there is none. */
  private firstBirth(rank: number): number {
    return this.births[lowerBound(this.births, rank)] ?? 2 ** 32;
  }
}

export interface CoresWantedState {
  readonly progress: Int32Array;
  readonly births: Uint32Array;
  readonly portion: number;
}
