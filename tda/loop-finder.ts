import { BitGraph, lowestVertex } from './bit-rows.js';
import type { Filtration } from './filtration.js';

/** Finds a loop for each class of degree 1: the edge that bears it, and a shortest path between its ends. */
export class LoopFinder {
  /**
   * Upper bound of the words that were looked at since this was last set to 0, for the pacer of the thread.
   */
  operations = 0;
  private readonly filtration: Filtration;
  private readonly graph: BitGraph;
  /** Edges in `graph`. */
  private rank = 0;
  private readonly loops = new Map<number, Uint32Array>();

  constructor(filtration: Filtration) {
    this.filtration = filtration;
    this.graph = new BitGraph(filtration.pointCount);
  }

  /**
   * The edge of this rank closes a loop. Finds one with as few edges as possible, all others older. Ranks
   * must rise.
   */
  find(rank: number): void {
    const { filtration, graph } = this;
    for (; this.rank < rank; this.rank++)
      graph.addEdge(filtration.head(this.rank), filtration.tail(this.rank));
    this.loops.set(rank, shortestPath(graph, filtration.head(rank), filtration.tail(rank)));
    this.operations += graph.vertexCount * graph.width;
  }

  /** The vertices of the loop that was found for the edge of this rank, in order around the loop. */
  loop(rank: number): Uint32Array {
    return this.loops.get(rank)!;
  }
}

/** Breadth-first search; the path includes both ends. The graph must join them. */
function shortestPath(graph: BitGraph, start: number, goal: number): Uint32Array {
  const { rows, width, vertexCount } = graph;
  const unseen = new Int32Array(width).fill(-1);
  const previous = new Int32Array(vertexCount).fill(-1);
  unseen[start >>> 5] = unseen[start >>> 5]! & ~(1 << (start & 31));
  const queue = [start];
  for (const vertex of queue) {
    if (previous[goal]! >= 0) break;
    for (let k = 0; k < width; k++) {
      let word = unseen[k]! & rows[vertex * width + k]!;
      unseen[k] = unseen[k]! & ~word;
      for (; word !== 0; word &= word - 1) {
        const neighbour = lowestVertex(word, k);
        previous[neighbour] = vertex;
        queue.push(neighbour);
      }
    }
  }
  const path = [goal];
  for (let vertex = goal; vertex !== start; path.push(vertex)) vertex = previous[vertex]!;
  return Uint32Array.from(path);
}
