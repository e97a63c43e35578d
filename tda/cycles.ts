import { type BitGraph, lowestVertex } from './bit-rows.js';
import { Components } from './components.js';
import { Forest } from './forest.js';

/**
 * Cycles that generate the first homology of a graph's flag complex (some may be redundant). Each is a closed walk through
 * distinct vertices, the first not repeated at the end.
 *
 * Vertices are inserted one at a time. A new vertex joined to several components of its lower link closes one cycle per
 * component beyond the first, unless it joins two trees; every other new edge is homologous to one of those.
 */
export function generatingCycles(graph: BitGraph): number[][] {
  const { rows, width, vertexCount } = graph;
  const components = new Components(graph);
  const inserted = new Int32Array(width);
  const lowerLink = new Int32Array(width);
  const roots = new Int32Array(vertexCount);
  const tree: number[][] = Array.from({ length: vertexCount }, () => []);
  const forest = new Forest(vertexCount);
  const cycles: number[][] = [];
  for (const vertex of insertionOrder(graph)) {
    const base = vertex * width;
    let first = -1;
    for (let k = 0; k < width; k++) {
      const word = inserted[k]! & rows[base + k]!;
      lowerLink[k] = word;
      if (first < 0 && word !== 0) first = lowestVertex(word, k);
    }
    const rootCount = first < 0 ? 0 : components.find(lowerLink, first, roots);
    for (let m = 0; m < rootCount; m++) {
      const root = roots[m]!;
      if (forest.union(vertex, root)) {
        tree[vertex]!.push(root);
        tree[root]!.push(vertex);
      } else {
        cycles.push(treePath(tree, vertex, root));
      }
    }
    inserted[vertex >>> 5] = inserted[vertex >>> 5]! | (1 << (vertex & 31));
  }
  return cycles;
}

/** Always the vertex with the most neighbours already inserted: on a chordal graph this closes no cycle at all. */
function insertionOrder(graph: BitGraph): number[] {
  const pending = Array.from({ length: graph.vertexCount }, (_, vertex) => vertex);
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
    for (let k = 0; k < pending.length; k++) {
      if (graph.hasEdge(vertex, pending[k]!)) insertedNeighbours[k] = insertedNeighbours[k]! + 1;
    }
  }
  return order;
}

/** The vertices on the way from `start` to `goal` in a tree, both ends included. */
function treePath(tree: readonly (readonly number[])[], start: number, goal: number): number[] {
  const previous = new Map([[start, start]]);
  const queue = [start];
  for (const vertex of queue) {
    if (vertex === goal) break;
    for (const neighbour of tree[vertex]!) {
      if (previous.has(neighbour)) continue;
      previous.set(neighbour, vertex);
      queue.push(neighbour);
    }
  }
  const path = [goal];
  for (let vertex = goal; vertex !== start; path.push(vertex)) vertex = previous.get(vertex)!;
  return path;
}
