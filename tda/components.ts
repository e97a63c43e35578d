import { type BitGraph, firstVertex, lowestVertex } from './bit-rows.js';

/** Components of the graph that a graph induces on a set of vertices. Scratch rows are kept between calls. */
export class Components {
  private readonly graph: BitGraph;
  private readonly reached: Int32Array;
  private readonly remaining: Int32Array;

  constructor(graph: BitGraph) {
    this.graph = graph;
    this.reached = new Int32Array(graph.width);
    this.remaining = new Int32Array(graph.width);
  }

  /**
   * Writes one vertex of each component to `roots` and returns their number. The first is `first`; the root of any other
   * component is its lowest vertex, and they come in rising order.
   */
  find(set: Int32Array, first: number, roots: Int32Array): number {
    const { graph, reached, remaining } = this;
    const { width } = graph;
    remaining.set(set);
    let count = 0;
    for (let root = first; root >= 0; root = firstVertex(remaining)) {
      roots[count++] = root;
      reached.fill(0);
      let isGrowing = this.reach(root);
      while (isGrowing) {
        isGrowing = false;
        for (let k = 0; k < width; k++) {
          let word = remaining[k]!;
          while (word !== 0) {
            const vertex = lowestVertex(word, k);
            word &= word - 1;
            if (!graph.touches(vertex, reached)) continue;
            if (!this.reach(vertex)) return count;
            isGrowing = true;
            word &= remaining[k]!;
          }
        }
      }
    }
    return count;
  }

  /** Moves the remaining neighbours of `vertex` (itself included) to the reached ones; false if none remains. */
  private reach(vertex: number): boolean {
    const { reached, remaining } = this;
    const { rows, width } = this.graph;
    const base = vertex * width;
    let any = 0;
    for (let k = 0; k < width; k++) {
      const row = rows[base + k]!;
      reached[k] = reached[k]! | (remaining[k]! & row);
      const word = remaining[k]! & ~row;
      remaining[k] = word;
      any |= word;
    }
    return any !== 0;
  }
}
