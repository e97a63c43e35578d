import { grow, instantiateModule, PAGE } from './webassembly-module.js';

/** The exports of tda/assembly/kernel.ts. Addresses and sizes are bytes of its memory. */
interface KernelExports {
  readonly makeGraph: (count: number, base: number) => void;
  readonly addEdges: (edges: number, count: number) => void;
  readonly findComponents: Search;
  readonly findCores: Search;
  readonly distances: (
    points: number,
    dimension: number,
    row: number,
    count: number,
    others: number,
    out: number,
  ) => void;
  readonly recordBytes: WebAssembly.Global;
  readonly rowsRead: WebAssembly.Global;
  readonly empty: WebAssembly.Global;
  readonly cones: WebAssembly.Global;
  readonly connected: WebAssembly.Global;
  readonly disconnected: WebAssembly.Global;
  readonly cores: WebAssembly.Global;
}

const FUNCTIONS = [
  'makeGraph',
  'addEdges',
  'findComponents',
  'findCores',
  'distances',
] as const satisfies readonly (keyof KernelExports)[];
const GLOBALS = [
  'recordBytes',
  'rowsRead',
  'empty',
  'cones',
  'connected',
  'disconnected',
  'cores',
] as const satisfies readonly (keyof KernelExports)[];

function isKernel(exports: Record<string, unknown>): exports is Record<string, unknown> & KernelExports {
  return (
    FUNCTIONS.every((name) => typeof exports[name] === 'function') &&
    GLOBALS.every((name) => typeof exports[name] === 'object')
  );
}

type Search = (
  edges: number,
  count: number,
  representatives: number,
  records: number,
  recordsEnd: number,
  rowBudget: number,
) => number;

/** Number of edges by the finding about their link when they were added. */
export interface EdgeClasses {
  /** The two ends had no common neighbour. */
  readonly empty: number;
  /** A cone: the apex of the last edge at one of the ends was an apex again. */
  readonly cone: number;
  /** Connected, and no cone at first sight. */
  readonly connected: number;
  readonly disconnected: number;
  /**
   * Edges of the last three kinds that are not contractible, with a core that may have cycles. Counted while
   * a 2-class may live.
   */
  readonly cored: number;
}

/** Address where the module's own data ends and ours begins. */
const BASE = 1024;
/** Edges handed to the kernel in one call. */
const MAX_EDGES = 4096;
const RECORD_BYTES = 1 << 18;
/** Cost of a row besides its words. */
const WORDS_PER_CALL = 20;
/** Bit rows read in one call: tens of milliseconds at 10,000 points. */
const ROWS_PER_CALL = 400_000;

function instantiate(bytes: number): { memory: WebAssembly.Memory; kernel: KernelExports } {
  const { memory, exports } = instantiateModule('kernel.wasm', bytes);
  if (!isKernel(exports)) throw new Error('kernel.wasm has other exports than this build expects');
  return { memory, kernel: exports };
}

/** The findings of a search about the edges that it has passed. */
export interface Found {
  readonly count: number;
  /** See `findComponents` and `findCores` in tda/assembly/kernel.ts. */
  readonly records: Uint32Array;
  /** 64-bit words read, approximately. */
  readonly operations: number;
}

/** A graph that gains edges, in the kernel's memory, and the search for edges whose links are not contractible. */
export class LinkKernel {
  private readonly kernel: KernelExports;
  private readonly memory: WebAssembly.Memory;
  private readonly edges: number;
  private readonly representatives: number;
  private readonly records: number;
  private recordsEnd: number;
  private readonly wordsPerRow: number;

  /** `recordBytes`: room for records at first, besides the room for the components of one link. */
  constructor(pointCount: number, recordBytes = RECORD_BYTES) {
    const graph = linkKernelBytes(pointCount);
    const { memory, kernel } = instantiate(graph.total);
    this.memory = memory;
    this.kernel = kernel;
    this.edges = graph.edges;
    this.representatives = graph.representatives;
    this.records = graph.records;
    this.recordsEnd = graph.records + recordBytes + 8 * pointCount;
    this.wordsPerRow = Math.ceil(pointCount / 64);
    kernel.makeGraph(pointCount, BASE);
  }

  /** Adds packed edges without a look at their links. */
  addEdges(edges: Uint32Array): void {
    const { memory, kernel } = this;
    for (let from = 0; from < edges.length; from += MAX_EDGES) {
      const some = edges.subarray(from, from + MAX_EDGES);
      new Uint32Array(memory.buffer, this.edges, some.length).set(some);
      kernel.addEdges(this.edges, some.length);
    }
  }

  /**
   * Adds the first of these packed edges, finds the components of the link of each, and writes their
   * representatives. Stops after some tens of milliseconds.
   */
  findComponents(edges: Uint32Array, representatives: Uint16Array): Found {
    return this.search(this.kernel.findComponents, edges, representatives);
  }

  /** Does the same for the cores of the links. The representatives must be there, and it improves them. */
  findCores(edges: Uint32Array, representatives: Uint16Array): Found {
    return this.search(this.kernel.findCores, edges, representatives);
  }

  private search(search: Search, edges: Uint32Array, representatives: Uint16Array): Found {
    const found = this.searchWithRoom(search, edges, representatives);
    if (found.count > 0 || edges.length === 0) return found;
    // The cycles of one link's core did not fit.
    const grown = PAGE * Math.ceil((this.recordsEnd - this.records) / PAGE);
    grow(this.memory, grown);
    this.recordsEnd += grown;
    return this.search(search, edges, representatives);
  }

  private searchWithRoom(search: Search, edges: Uint32Array, representatives: Uint16Array): Found {
    const { memory, kernel } = this;
    const given = Math.min(edges.length, MAX_EDGES);
    new Uint32Array(memory.buffer, this.edges, given).set(edges.subarray(0, given));
    const some = new Uint16Array(memory.buffer, this.representatives, given);
    some.set(representatives.subarray(0, given));
    const count = search(
      this.edges,
      given,
      this.representatives,
      this.records,
      this.recordsEnd,
      ROWS_PER_CALL,
    );
    representatives.set(some.subarray(0, count));
    const recordWords = Number(kernel.recordBytes.value) / 4;
    return {
      count,
      records: new Uint32Array(memory.buffer, this.records, recordWords).slice(),
      operations: Number(kernel.rowsRead.value) * (this.wordsPerRow + WORDS_PER_CALL),
    };
  }

  get edgeClasses(): EdgeClasses {
    const { kernel } = this;
    return {
      empty: Number(kernel.empty.value),
      cone: Number(kernel.cones.value),
      connected: Number(kernel.connected.value),
      disconnected: Number(kernel.disconnected.value),
      cored: Number(kernel.cores.value),
    };
  }
}

/** The layout of the memory of a LinkKernel, and its size. */
export function linkKernelBytes(pointCount: number) {
  const stride = 16 * Math.ceil(pointCount / 128);
  // As makeGraph lays it out: three sets of rows, seven single rows, seven lists of 32-bit numbers.
  const edges = BASE + 16 * Math.ceil(((3 * pointCount + 7) * stride + 28 * pointCount + 16) / 16);
  const representatives = edges + 4 * MAX_EDGES;
  const records = representatives + 2 * MAX_EDGES;
  return { edges, representatives, records, total: records + RECORD_BYTES + 8 * pointCount + 64 };
}

/** Rows of distances computed in one call. */
export const ROWS_AT_ONCE = 16;

/** Euclidean distances of a cloud, in the kernel's memory. */
export class DistanceKernel {
  private readonly kernel: KernelExports;
  private readonly memory: WebAssembly.Memory;
  private readonly out: number;
  private readonly dimension: number;

  /** `points`: row-major, n x dimension; copied. */
  constructor(points: Float32Array, dimension: number) {
    const pointCount = points.length / dimension;
    this.out = BASE + points.byteLength;
    this.dimension = dimension;
    const { memory, kernel } = instantiate(this.out + ROWS_AT_ONCE * pointCount * 4);
    this.memory = memory;
    this.kernel = kernel;
    new Float32Array(memory.buffer, BASE, points.length).set(points);
  }

  /**
   * Distances of rows row..row + count - 1 (at most ROWS_AT_ONCE) from rows 0..others - 1: float32, count x others, valid
   * until the next call.
   */
  rows(row: number, count: number, others: number): Float32Array {
    this.kernel.distances(BASE, this.dimension, row, count, others, this.out);
    return new Float32Array(this.memory.buffer, this.out, count * others);
  }
}
