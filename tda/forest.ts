/** Disjoint sets of vertices (union-find with path halving and union by size). */
export class Forest {
  private readonly parents: Int32Array;
  private readonly sizes: Int32Array;
  /** Number of disjoint sets. */
  setCount: number;

  constructor(vertexCount: number) {
    this.parents = Int32Array.from({ length: vertexCount }, (_, vertex) => vertex);
    this.sizes = new Int32Array(vertexCount).fill(1);
    this.setCount = vertexCount;
  }

  find(vertex: number): number {
    const { parents } = this;
    let root = vertex;
    while (parents[root] !== root) {
      parents[root] = parents[parents[root]!]!;
      root = parents[root]!;
    }
    return root;
  }

  /** Merges the sets of two vertices; false if they were the same set. */
  union(a: number, b: number): boolean {
    let large = this.find(a);
    let small = this.find(b);
    if (large === small) return false;
    if (this.sizes[large]! < this.sizes[small]!) [large, small] = [small, large];
    this.parents[small] = large;
    this.sizes[large] = this.sizes[large]! + this.sizes[small]!;
    this.setCount--;
    return true;
  }
}
