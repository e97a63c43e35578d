import { type BitGraph, lowestVertex } from './bit-rows.js';
import { Forest } from './forest.js';
import type { Link } from './link.js';

/**
 * Cycles that generate the first homology of the flag complex a graph induces on a set of vertices (some may be
 * redundant). Each is a closed walk through distinct vertices, the first not repeated at the end.
 *
 * Vertices are inserted one at a time. A new vertex joined to several components of its lower link closes one cycle per
 * component beyond the first, unless it joins two trees; every other new edge is homologous to one of those.
 */
export function generatingCycles(graph: BitGraph, link: Link, set: Int32Array): number[][] {
  const vertices = insertionOrder(graph, set);
  const { rows, width } = graph;
  const inserted = new Int32Array(width);
  const lowerLink = new Int32Array(width);
  const roots = new Int32Array(vertices.length);
  const tree = new Map<number, number[]>();
  const forest = new Forest(vertices.length);
  const placeOf = new Map(vertices.map((vertex, place) => [vertex, place]));
  const cycles: number[][] = [];
  for (const vertex of vertices) {
    const base = vertex * width;
    let first = -1;
    for (let k = 0; k < width; k++) {
      const word = inserted[k]! & rows[base + k]!;
      lowerLink[k] = word;
      if (first < 0 && word !== 0) first = lowestVertex(word, k);
    }
    const neighbours: number[] = [];
    tree.set(vertex, neighbours);
    const rootCount = first < 0 ? 0 : link.components(lowerLink, first, roots);
    for (let m = 0; m < rootCount; m++) {
      const root = roots[m]!;
      if (forest.union(placeOf.get(vertex)!, placeOf.get(root)!)) {
        neighbours.push(root);
        tree.get(root)!.push(vertex);
      } else {
        cycles.push(treePath(tree, vertex, root));
      }
    }
    inserted[vertex >>> 5] = inserted[vertex >>> 5]! | (1 << (vertex & 31));
  }
  return cycles;
}

/** Always the vertex with the most neighbours already inserted: on a chordal graph this closes no cycle at all. */
function insertionOrder(graph: BitGraph, set: Int32Array): number[] {
  const pending: number[] = [];
  for (let k = 0; k < graph.width; k++) {
    for (let word = set[k]!; word !== 0; word &= word - 1) pending.push(lowestVertex(word, k));
  }
  const insertedNeighbours = pending.map(() => 0);
  const order: number[] = [];
  while (pending.length > 0) {
    let best = 0;
    for (let k = 1; k < pending.length; k++) {
      if (insertedNeighbours[k]! > insertedNeighbours[best]!) best = k;
    }
    const vertex = pending[best]!;
    order.push(vertex);
    pending[best] = pending.at(-1)!;
    insertedNeighbours[best] = insertedNeighbours.at(-1)!;
    pending.pop();
    insertedNeighbours.pop();
    const base = vertex * graph.width;
    for (let k = 0; k < pending.length; k++) {
      const other = pending[k]!;
      if (((graph.rows[base + (other >>> 5)]! >>> (other & 31)) & 1) === 1) {
        insertedNeighbours[k] = insertedNeighbours[k]! + 1;
      }
    }
  }
  return order;
}

/** The vertices on the way from `start` to `goal` in a tree, both ends included. */
function treePath(tree: ReadonlyMap<number, readonly number[]>, start: number, goal: number): number[] {
  const previous = new Map([[start, start]]);
  const queue = [start];
  for (const vertex of queue) {
    if (vertex === goal) break;
    for (const neighbour of tree.get(vertex)!) {
      if (previous.has(neighbour)) continue;
      previous.set(neighbour, vertex);
      queue.push(neighbour);
    }
  }
  const path = [goal];
  for (let vertex = goal; vertex !== start; path.push(vertex)) vertex = previous.get(vertex)!;
  return path;
}
