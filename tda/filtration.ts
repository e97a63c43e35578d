import { MAX_POINTS } from './input.js';
import { edgeHead, edgeTail } from './edges.js';
import { pairIndex } from './triangle.js';

/** Stands for "this edge has no representative": its lune was empty. No vertex has this number. */
export const NO_VERTEX = MAX_POINTS;

const NO_RANK = 0xffffffff;

/** The edges in their order, and what the pass over them has noted about each. An edge's rank is its place in the order. */
export class Filtration {
  readonly pointCount: number;
  /** By rank, packed. */
  readonly edges: Uint32Array;
  /** By rank: a vertex of the edge's lune, an apex if it has one; NO_VERTEX if the lune was empty. */
  readonly representatives: Uint16Array;
  private readonly distances: Float32Array;
  /** Both triangles: whoever looks at the neighbours of a vertex reads one row. */
  private readonly ranks: Uint32Array;

  /** `distances`: lower triangle; `edges`: as from `sortedEdges`; `representatives` are in memory from `buffer`. */
  constructor(
    distances: Float32Array,
    pointCount: number,
    edges: Uint32Array,
    buffer: (bytes: number) => ArrayBuffer | SharedArrayBuffer,
  ) {
    this.distances = distances;
    this.pointCount = pointCount;
    this.edges = edges;
    this.representatives = new Uint16Array(buffer(2 * edges.length));
    this.ranks = new Uint32Array(pointCount * pointCount).fill(NO_RANK);
    for (let rank = 0; rank < edges.length; rank++) {
      const edge = edges[rank]!;
      const head = edgeHead(edge);
      const tail = edgeTail(edge);
      this.ranks[head * pointCount + tail] = rank;
      this.ranks[tail * pointCount + head] = rank;
    }
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

  /** Rank of the edge {a, b}; greater than any rank if it is no edge. */
  rank(a: number, b: number): number {
    return this.ranks[a * this.pointCount + b]!;
  }
}
