import type { Filtration } from './filtration.js';

/** Bytes of forests kept at most. */
const MAX_BYTES = 1 << 25;

/**
 * Spanning forests of the links of edges already passed, made again from the ranks when they are asked for. Every
 * component of a link is rooted where `Link.components` roots it: at the edge's representative, or at its lowest vertex.
 */
export class LinkForests {
  private readonly filtration: Filtration;
  /** By rank of the edge: each vertex's parent. */
  private readonly forests = new Map<number, Uint16Array>();

  constructor(filtration: Filtration) {
    this.filtration = filtration;
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
    }
    return forest[vertex]!;
  }

  /** Between evaluations: drops the forests, once they are too many. */
  tidy(): void {
    if (this.forests.size * 2 * this.filtration.pointCount > MAX_BYTES) this.forests.clear();
  }

  private grow(rank: number, representative: number): Uint16Array {
    const { filtration } = this;
    const head = filtration.head(rank);
    const tail = filtration.tail(rank);
    let outside: number[] = [];
    for (let v = 0; v < filtration.pointCount; v++) {
      if (v === head || v === tail || v === representative) continue;
      if (filtration.rank(v, head) < rank && filtration.rank(v, tail) < rank) outside.push(v);
    }
    const parents = new Uint16Array(filtration.pointCount);
    let root = representative;
    for (;;) {
      parents[root] = root;
      const tree = [root];
      for (const parent of tree) {
        if (outside.length === 0) return parents;
        const left: number[] = [];
        for (const v of outside) {
          if (filtration.rank(v, parent) < rank) {
            parents[v] = parent;
            tree.push(v);
          } else {
            left.push(v);
          }
        }
        outside = left;
      }
      const next = outside.shift();
      if (next === undefined) return parents;
      root = next;
    }
  }
}
