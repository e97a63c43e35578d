/** Sets of vertices as rows of bits: vertex v is bit v & 31 of word v >>> 5. */

/** Lowest vertex of a nonzero word. */
export function lowestVertex(word: number, wordIndex: number): number {
  return (wordIndex << 5) + 31 - Math.clz32(word & -word);
}

/** Lowest vertex of the set, or -1 if it is empty. */
export function firstVertex(set: Int32Array): number {
  for (let k = 0; k < set.length; k++) {
    if (set[k] !== 0) return lowestVertex(set[k]!, k);
  }
  return -1;
}

/** The vertex of a set that is not empty which comes next after `vertex`, starting over at the end. */
export function nextVertex(set: Int32Array, vertex: number): number {
  const home = vertex >>> 5;
  const higher = set[home]! & (-2 << (vertex & 31));
  if (higher !== 0) return lowestVertex(higher, home);
  for (let k = home + 1; k < set.length; k++) {
    if (set[k] !== 0) return lowestVertex(set[k]!, k);
  }
  return firstVertex(set);
}

export function vertexCount(set: Int32Array): number {
  let count = 0;
  for (let k = 0; k < set.length; k++) {
    for (let word = set[k]!; word !== 0; word &= word - 1) count++;
  }
  return count;
}

export function hasVertex(set: Int32Array, vertex: number): boolean {
  return ((set[vertex >>> 5]! >>> (vertex & 31)) & 1) === 1;
}

/** A graph that gains edges, as one bit row of neighbours per vertex; a vertex is a neighbour of itself. */
export class BitGraph {
  readonly vertexCount: number;
  /** Words per row. */
  readonly width: number;
  /** The rows one after the other, vertexCount × width. */
  readonly rows: Int32Array;

  constructor(vertexCount: number) {
    this.vertexCount = vertexCount;
    this.width = (vertexCount + 31) >>> 5;
    this.rows = new Int32Array(vertexCount * this.width);
    for (let v = 0; v < vertexCount; v++) this.addNeighbour(v, v);
  }

  addEdge(a: number, b: number): void {
    this.addNeighbour(a, b);
    this.addNeighbour(b, a);
  }

  /** Writes the common neighbours of a and b to `into`; false if there is none. */
  intersect(a: number, b: number, into: Int32Array): boolean {
    const { rows, width } = this;
    const baseA = a * width;
    const baseB = b * width;
    let any = 0;
    for (let k = 0; k < width; k++) {
      const word = rows[baseA + k]! & rows[baseB + k]!;
      into[k] = word;
      any |= word;
    }
    return any !== 0;
  }

  /** Whether `vertex` is a neighbour of every vertex of the set (itself included). */
  covers(vertex: number, set: Int32Array): boolean {
    const { rows, width } = this;
    const base = vertex * width;
    for (let k = 0; k < width; k++) {
      if ((set[k]! & ~rows[base + k]!) !== 0) return false;
    }
    return true;
  }

  /** Whether some neighbour of `vertex` is in the set. */
  touches(vertex: number, set: Int32Array): boolean {
    const { rows, width } = this;
    const base = vertex * width;
    for (let k = 0; k < width; k++) {
      if ((set[k]! & rows[base + k]!) !== 0) return true;
    }
    return false;
  }

  private addNeighbour(a: number, b: number): void {
    const place = a * this.width + (b >>> 5);
    this.rows[place] = this.rows[place]! | (1 << (b & 31));
  }
}
