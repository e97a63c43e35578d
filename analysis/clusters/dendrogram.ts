import { Forest } from '../../tda/forest.js';
import type { Edges } from './edges.js';

/**
 * Single linkage of mutual reachability. Nodes 0..rows - 1 are the rows; each further node joins two or more others at
 * its height: all that meet at this height. So the tree does not depend on the order of equal edges.
 */
export interface Dendrogram {
  readonly rows: number;
  /** The node that holds every row. */
  readonly root: number;
  /** Of a row: where its equal points join, at its core distance. */
  readonly heights: Float32Array;
  /** Of a node: how many points it holds. */
  readonly weights: Float64Array;
  /** Children of a node as a list: the first, and from each the next; -1 at the end. Rows have none. */
  readonly firstChild: Int32Array;
  readonly nextSibling: Int32Array;
}

/** `edges`: a spanning tree, by rising height. `coreDistances`: by row, none above the height of an edge of the row. */
export function dendrogramOf(edges: Edges, coreDistances: Float32Array, weights: Uint32Array): Dendrogram {
  const rows = weights.length;
  const tree = new GrowingDendrogram(coreDistances, weights);
  const joined = new Forest(rows);
  /** The node of a set of rows, by its root. */
  const nodes = Int32Array.from({ length: rows }, (_, row) => row);
  let root = 0;
  for (let edge = 0; edge < edges.heights.length; edge++) {
    const a = joined.find(edges.first[edge]!);
    const b = joined.find(edges.second[edge]!);
    root = tree.join(nodes[a]!, nodes[b]!, edges.heights[edge]!);
    joined.union(a, b);
    nodes[joined.find(a)] = root;
  }
  const { heights, weights: held, firstChild, nextSibling } = tree;
  return { rows, root, heights, weights: held, firstChild, nextSibling };
}

class GrowingDendrogram {
  readonly heights: Float32Array;
  readonly weights: Float64Array;
  readonly firstChild: Int32Array;
  readonly nextSibling: Int32Array;
  readonly #rows: number;
  readonly #lastChild: Int32Array;
  #count: number;

  constructor(coreDistances: Float32Array, weights: Uint32Array) {
    const rows = weights.length;
    const most = 2 * rows - 1;
    this.heights = new Float32Array(most);
    this.heights.set(coreDistances);
    this.weights = new Float64Array(most);
    this.weights.set(weights);
    this.firstChild = new Int32Array(most).fill(-1);
    this.nextSibling = new Int32Array(most).fill(-1);
    this.#lastChild = new Int32Array(most).fill(-1);
    this.#rows = rows;
    this.#count = rows;
  }

  /** Joins two nodes at a height that is not below those of earlier joins. Returns the node that holds both. */
  join(a: number, b: number, height: number): number {
    const isOpenA = a >= this.#rows && this.heights[a] === height;
    const isOpenB = b >= this.#rows && this.heights[b] === height;
    if (isOpenA && isOpenB) {
      this.#append(a, this.firstChild[b]!, this.#lastChild[b]!);
      this.weights[a]! += this.weights[b]!;
      return a;
    }
    if (isOpenA) return this.#adopt(a, b);
    if (isOpenB) return this.#adopt(b, a);
    const node = this.#count++;
    this.heights[node] = height;
    this.#adopt(node, a);
    return this.#adopt(node, b);
  }

  #adopt(parent: number, child: number): number {
    this.#append(parent, child, child);
    this.weights[parent]! += this.weights[child]!;
    return parent;
  }

  #append(parent: number, first: number, last: number): void {
    if (this.firstChild[parent] === -1) this.firstChild[parent] = first;
    else this.nextSibling[this.#lastChild[parent]!] = first;
    this.#lastChild[parent] = last;
  }
}
