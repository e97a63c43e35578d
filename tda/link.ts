import { type BitGraph, firstVertex, hasVertex, lowestVertex } from './bit-rows.js';

/**
 * Questions about the flag complex that a graph induces on a set of vertices (the link of an edge, once the set is its
 * lune): has it an apex, what are its components, what is its core. Scratch rows are kept between calls.
 */
export class Link {
  /** Words looked at, for whoever shares the thread. */
  operations = 0;
  private readonly graph: BitGraph;
  private readonly candidates: Int32Array;
  private readonly reached: Int32Array;
  private readonly remaining: Int32Array;
  private readonly star: Int32Array;
  private readonly waiting: Int32Array;

  constructor(graph: BitGraph) {
    this.graph = graph;
    this.candidates = new Int32Array(graph.width);
    this.reached = new Int32Array(graph.width);
    this.remaining = new Int32Array(graph.width);
    this.star = new Int32Array(graph.width);
    this.waiting = new Int32Array(graph.width);
  }

  /**
   * A vertex of the set, other than `except`, that is a neighbour of the whole set; -1 if there is none.
   *
   * The rows of a spread-out sample of the set are intersected first: without an apex, nothing is left after a few.
   */
  apex(set: Int32Array, except = -1): number {
    const { graph, candidates } = this;
    const { rows, width } = graph;
    candidates.set(set);
    if (except >= 0) candidates[except >>> 5] = candidates[except >>> 5]! & ~(1 << (except & 31));
    for (let sample = 0; sample < width; sample++) {
      if (set[sample] === 0) continue;
      const base = lowestVertex(set[sample]!, sample) * width;
      let any = 0;
      for (let k = 0; k < width; k++) {
        const word = candidates[k]! & rows[base + k]!;
        candidates[k] = word;
        any |= word;
      }
      this.operations += width;
      if (any === 0) return -1;
    }
    for (let k = 0; k < width; k++) {
      for (let word = candidates[k]!; word !== 0; word &= word - 1) {
        const vertex = lowestVertex(word, k);
        this.operations += 4;
        if (graph.covers(vertex, set)) return vertex;
      }
    }
    return -1;
  }

  /**
   * Writes one vertex of each component to `roots` and returns their number. The first is `first`; the root of any other
   * component is its lowest vertex, and they come in rising order.
   */
  components(set: Int32Array, first: number, roots: Int32Array): number {
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
            this.operations += 2;
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
    this.operations += width;
    return any !== 0;
  }

  /**
   * Strong collapse (Barmak, Minian 2012): removes from the set, in place, any vertex dominated by another, until none
   * is. What is left has the homotopy type of the whole. Returns the number of vertices left.
   */
  collapse(set: Int32Array): number {
    const { graph, star, waiting } = this;
    const { rows, width } = graph;
    waiting.set(set);
    for (let vertex = firstVertex(waiting); vertex >= 0; vertex = firstVertex(waiting)) {
      waiting[vertex >>> 5] = waiting[vertex >>> 5]! & ~(1 << (vertex & 31));
      if (!hasVertex(set, vertex)) continue;
      const base = vertex * width;
      for (let k = 0; k < width; k++) star[k] = set[k]! & rows[base + k]!;
      this.operations += width;
      if (this.apex(star, vertex) < 0) continue;
      const bit = 1 << (vertex & 31);
      const home = vertex >>> 5;
      set[home] = set[home]! & ~bit;
      star[home] = star[home]! & ~bit;
      // Only its neighbours can have become dominated by this.
      for (let k = 0; k < width; k++) waiting[k] = waiting[k]! | star[k]!;
    }
    let count = 0;
    for (let k = 0; k < width; k++) {
      for (let word = set[k]!; word !== 0; word &= word - 1) count++;
    }
    return count;
  }
}
