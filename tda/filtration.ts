import { MAX_POINTS } from './input.js';
import { edgeHead, edgeTail } from './edges.js';
import type { Work } from './pacer.js';
import { pairIndex } from './triangle.js';

/** Stands for "this edge has no representative": its lune was empty. No vertex has this number. */
export const NO_VERTEX = MAX_POINTS;

const NO_RANK = 0xffffffff;

/**
 * The edges in their order, and the findings of the pass about each. An edge's rank is its place in the
 * order.
 */
export class Filtration {
  readonly pointCount: number;
  /** By rank, packed. */
  readonly edges: Uint32Array;
  /** By rank: a vertex of the edge's lune, an apex if it has one; NO_VERTEX if the lune was empty. */
  readonly representatives: Uint16Array;
  private readonly distances: Float32Array;
  private readonly ranks: Uint32Array;

  /**
   * `distances`: lower triangle; `edges`: as from `sortedEdges`; `ranks`: as from `rankTable`. The
   * representatives are in memory from `buffer`.
   */
  constructor(
    distances: Float32Array,
    pointCount: number,
    edges: Uint32Array,
    ranks: Uint32Array,
    buffer: (bytes: number) => ArrayBuffer | SharedArrayBuffer,
  ) {
    this.distances = distances;
    this.pointCount = pointCount;
    this.edges = edges;
    this.ranks = ranks;
    this.representatives = new Uint16Array(buffer(2 * edges.length));
  }

  head(rank: number): number {
    return edgeHead(this.edges[rank]!);
  }

  tail(rank: number): number {
    return edgeTail(this.edges[rank]!);
  }

  length(rank: number): number {
    const edge = this.edges[rank]!;
    return this.distances[pairIndex(edgeHead(edge), edgeTail(edge))]!;
  }

  /** The ranks of the edges at a vertex, by the other vertex. */
  ranksAt(vertex: number): Uint32Array {
    const start = vertex * this.pointCount;
    return this.ranks.subarray(start, start + this.pointCount);
  }

  /** Rank of the edge {a, b}; greater than any rank if there is no such edge. */
  rank(a: number, b: number): number {
    return this.ranks[a * this.pointCount + b]!;
  }
}

const EDGES_PER_STEP = 16_384;
/** Two cache misses cost about as much as this many operations. */
const OPERATIONS_PER_EDGE = 16;

/**
 * pointCount x pointCount: the rank of the edge between two vertices; greater than any rank if there is no
 * such edge. It has both triangles, so that a reader finds the neighbours of a vertex in one row.
 */
export function* rankTable(edges: Uint32Array, pointCount: number): Work<Uint32Array> {
  const ranks = new Uint32Array(pointCount * pointCount);
  for (let vertex = 0; vertex < pointCount; vertex++) {
    ranks.fill(NO_RANK, vertex * pointCount, (vertex + 1) * pointCount);
    yield pointCount;
  }
  for (let start = 0; start < edges.length; start += EDGES_PER_STEP) {
    const end = Math.min(edges.length, start + EDGES_PER_STEP);
    noteRanks(edges, start, end, pointCount, ranks);
    yield OPERATIONS_PER_EDGE * (end - start);
  }
  return ranks;
}

function noteRanks(
  edges: Uint32Array,
  start: number,
  end: number,
  pointCount: number,
  ranks: Uint32Array,
): void {
  for (let rank = start; rank < end; rank++) {
    const edge = edges[rank]!;
    // The code of edgeHead and edgeTail, since a call would cost more than the loop.
    const head = edge >>> 16;
    const tail = edge & 0xffff;
    ranks[head * pointCount + tail] = rank;
    ranks[tail * pointCount + head] = rank;
  }
}
