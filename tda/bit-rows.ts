/** Sets of vertices as rows of bits: vertex v is bit v & 31 of word v >>> 5. */

/** Lowest vertex of a nonzero word. */
export function lowestVertex(word: number, wordIndex: number): number {
  return (wordIndex << 5) + 31 - Math.clz32(word & -word);
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

  private addNeighbour(a: number, b: number): void {
    const place = a * this.width + (b >>> 5);
    this.rows[place] = this.rows[place]! | (1 << (b & 31));
  }
}
