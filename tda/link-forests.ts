import type { Filtration } from './filtration.js';
import { lowerBound } from './lower-bound.js';

/** Limit of the bytes of the forests that are kept. */
const MAX_BYTES = 1 << 26;

/**
 * Spanning forests of the links of edges already passed, built again from the ranks on demand. The root of
 * every component of a link is the kernel's root (`components`): the edge's representative, or the
 * component's lowest vertex.
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

  /** Parent of a vertex of the link of the edge of this rank. A root is its own parent. */
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
    return forest.parents[lowerBound(forest.vertices, vertex)]!;
  }

  /** Between evaluations: drops the forests if they are too many. */
  tidy(): void {
    if (4 * this.places <= MAX_BYTES) return;
    this.forests.clear();
    this.places = 0;
  }

  private grow(rank: number, representative: number): Forest {
    const { filtration, parents } = this;
    const { next, others } = this.linkOf(rank, representative);
    // The neighbours of the representative have it as their parent, so the forest leaves them out; but the
    // other vertices grow from them.
    let tree = next;
    let outside = others;
    while (outside.length > 0) {
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
      const [root, ...rest] = outside;
      if (root === undefined) break;
      parents[root] = root;
      outside = rest;
      tree = [root];
    }
    return {
      vertices: Uint16Array.from(others),
      parents: Uint16Array.from(others, (vertex) => parents[vertex]!),
    };
  }

  /**
   * The vertices of the link without its representative: the neighbours of the representative, and the
   * others, both rising.
   */
  private linkOf(rank: number, representative: number): { next: number[]; others: number[] } {
    const { filtration } = this;
    const ofHead = filtration.ranksAt(filtration.head(rank));
    const ofTail = filtration.ranksAt(filtration.tail(rank));
    const ofRepresentative = filtration.ranksAt(representative);
    const next: number[] = [];
    const others: number[] = [];
    for (let v = 0; v < filtration.pointCount; v++) {
      if (ofHead[v]! >= rank || ofTail[v]! >= rank || v === representative) continue;
      (ofRepresentative[v]! < rank ? next : others).push(v);
    }
    return { next, others };
  }
}

/** A forest, without the neighbours of the representative. */
interface Forest {
  /** Rising. */
  readonly vertices: Uint16Array;
  readonly parents: Uint16Array;
}
