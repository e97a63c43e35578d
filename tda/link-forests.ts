import type { Filtration } from './filtration.js';

/** Bytes of forests kept at most. */
const MAX_BYTES = 1 << 26;

/**
 * Spanning forests of the links of edges already passed, made again from the ranks when they are asked for. Every
 * component of a link is rooted where the kernel roots it (`components`): at the edge's representative, or at its lowest vertex.
 */
export class LinkForests {
  private readonly filtration: Filtration;
  /** By rank of the edge. */
  private readonly forests = new Map<number, Forest>();
  private places = 0;
  /** By vertex, while a forest grows. */
  private readonly parents: Uint16Array;

  constructor(filtration: Filtration) {
    this.filtration = filtration;
    this.parents = new Uint16Array(filtration.pointCount);
  }

  /** Parent of a vertex of the link of the edge of this rank; a root is its own. */
  parent(rank: number, vertex: number): number {
    const { filtration } = this;
    const representative = filtration.representatives[rank]!;
    if (vertex === representative || filtration.rank(vertex, representative) < rank) return representative;
    let forest = this.forests.get(rank);
    if (forest === undefined) {
      forest = this.grow(rank, representative);
      this.forests.set(rank, forest);
      this.places += forest.vertices.length;
    }
    return forest.parents[placeOf(vertex, forest.vertices)]!;
  }

  /** Between evaluations: drops the forests, once they are too many. */
  tidy(): void {
    if (4 * this.places <= MAX_BYTES) return;
    this.forests.clear();
    this.places = 0;
  }

  private grow(rank: number, representative: number): Forest {
    const { filtration, parents } = this;
    const vertices = this.notNextTo(representative, rank);
    // What is next to the representative has it for a parent, and is not asked for here: but others grow from it.
    let outside = vertices;
    for (let tree = this.nextTo(representative, rank); outside.length > 0;) {
      for (const parent of tree) {
        const ranks = filtration.ranksAt(parent);
        const left: number[] = [];
        for (const v of outside) {
          if (ranks[v]! < rank) {
            parents[v] = parent;
            tree.push(v);
          } else {
            left.push(v);
          }
        }
        outside = left;
        if (outside.length === 0) break;
      }
      const root = outside[0];
      if (root === undefined) break;
      parents[root] = root;
      outside = outside.slice(1);
      tree = [root];
    }
    return {
      vertices: Uint16Array.from(vertices),
      parents: Uint16Array.from(vertices, (vertex) => parents[vertex]!),
    };
  }

  /** The vertices of the link that are neighbours of its representative. */
  private nextTo(representative: number, rank: number): number[] {
    return this.linkWhere(rank, representative, (ofRepresentative) => ofRepresentative < rank);
  }

  /** The other vertices of the link, without the representative. */
  private notNextTo(representative: number, rank: number): number[] {
    return this.linkWhere(rank, representative, (ofRepresentative) => ofRepresentative >= rank);
  }

  private linkWhere(rank: number, representative: number, wanted: (rank: number) => boolean): number[] {
    const { filtration } = this;
    const ofHead = filtration.ranksAt(filtration.head(rank));
    const ofTail = filtration.ranksAt(filtration.tail(rank));
    const ofRepresentative = filtration.ranksAt(representative);
    const found: number[] = [];
    for (let v = 0; v < filtration.pointCount; v++) {
      if (ofHead[v]! < rank && ofTail[v]! < rank && v !== representative && wanted(ofRepresentative[v]!)) {
        found.push(v);
      }
    }
    return found;
  }
}

/** A forest, without what is next to the representative. */
interface Forest {
  /** Rising. */
  readonly vertices: Uint16Array;
  readonly parents: Uint16Array;
}

/** Where a number that is there is in a rising array. */
function placeOf(wanted: number, rising: Uint16Array): number {
  let low = 0;
  let high = rising.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (rising[middle]! < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
