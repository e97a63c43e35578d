import { type BitGraph, firstVertex, lowestVertex, nextVertex, vertexCount } from './bit-rows.js';

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
  private readonly beyond: Int32Array;

  constructor(graph: BitGraph) {
    this.graph = graph;
    this.candidates = new Int32Array(graph.width);
    this.reached = new Int32Array(graph.width);
    this.remaining = new Int32Array(graph.width);
    this.beyond = new Int32Array(graph.width);
  }

  /**
   * A vertex of the set that is a neighbour of the whole set; -1 if there is none.
   *
   * A candidate that misses some vertex rules out, with itself, all that miss the same vertex: a few steps decide.
   */
  apex(set: Int32Array): number {
    const { graph, candidates } = this;
    const { rows, width } = graph;
    candidates.set(set);
    for (let candidate = firstVertex(set); candidate >= 0; candidate = firstVertex(candidates)) {
      const missed = this.firstBeyond(set, candidate);
      if (missed < 0) return candidate;
      const base = missed * width;
      for (let k = 0; k < width; k++) candidates[k] = candidates[k]! & rows[base + k]!;
      this.operations += 2 * width;
    }
    return -1;
  }

  /** Lowest vertex of the set that is no neighbour of `vertex`, or -1. */
  private firstBeyond(set: Int32Array, vertex: number): number {
    const { rows, width } = this.graph;
    const base = vertex * width;
    for (let k = 0; k < width; k++) {
      const word = set[k]! & ~rows[base + k]!;
      if (word !== 0) return lowestVertex(word, k);
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
   * Strong collapse (Barmak, Minian 2012): removes from the set, in place, vertices dominated by another (all their
   * neighbours in the set are its neighbours), until none is. What is left has the homotopy type of the whole. Returns
   * the number of vertices left. `first` is tried first as the one that dominates; an almost-apex does the most.
   */
  collapse(set: Int32Array, first: number): number {
    let count = vertexCount(set);
    let dominator = first;
    for (let failures = 0; failures < count && count > 1; dominator = nextVertex(set, dominator)) {
      const removed = this.removeDominated(set, dominator);
      count -= removed;
      failures = removed > 0 ? 0 : failures + 1;
    }
    return count;
  }

  /** Removes from the set all that `dominator` dominates; returns how many. */
  private removeDominated(set: Int32Array, dominator: number): number {
    const { candidates, beyond } = this;
    const { rows, width } = this.graph;
    const base = dominator * width;
    for (let k = 0; k < width; k++) {
      const row = rows[base + k]!;
      candidates[k] = set[k]! & row;
      beyond[k] = set[k]! & ~row;
    }
    candidates[dominator >>> 5] = candidates[dominator >>> 5]! & ~(1 << (dominator & 31));
    this.operations += 3 * width;
    // A neighbour beyond rules out, with this candidate, all others it is a neighbour of.
    let removed = 0;
    for (let k = 0; k < width; k++) {
      while (candidates[k] !== 0) {
        const candidate = lowestVertex(candidates[k]!, k);
        const witness = this.firstCommon(beyond, candidate);
        this.operations += width;
        if (witness < 0) {
          const kept = ~(1 << (candidate & 31));
          candidates[k] = candidates[k]! & kept;
          set[k] = set[k]! & kept;
          removed++;
        } else {
          const witnessBase = witness * width;
          for (let m = k; m < width; m++) candidates[m] = candidates[m]! & ~rows[witnessBase + m]!;
        }
      }
    }
    return removed;
  }

  /** Lowest neighbour of `vertex` in the set, or -1. */
  private firstCommon(set: Int32Array, vertex: number): number {
    const { rows, width } = this.graph;
    const base = vertex * width;
    for (let k = 0; k < width; k++) {
      const word = set[k]! & rows[base + k]!;
      if (word !== 0) return lowestVertex(word, k);
    }
    return -1;
  }
}
