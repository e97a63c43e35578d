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

  /** Whether a and b are neighbours, or the same vertex. */
  hasEdge(a: number, b: number): boolean {
    return ((this.rows[a * this.width + (b >>> 5)]! >>> (b & 31)) & 1) === 1;
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
