import type { Dendrogram } from './dendrogram.js';

/**
 * The clusters of a dendrogram that weigh at least `minClusterSize` (Campello, Moulavi & Sander 2013, PAKDD; McInnes &
 * Healy 2017, ICDMW, section 2.4). At a merge of two or more such nodes each becomes a cluster. With one, the parent goes
 * on in it. All else falls out there. Cluster 0 is the root; a parent has a lower number than its children. λ is 1/height.
 */
export interface CondensedTree {
  /** By cluster; -1 of the root. */
  readonly parents: readonly number[];
  /** The height of the merge at which the cluster is born; Infinity of the root. */
  readonly birthHeights: readonly number[];
  /** The lowest height at which anything leaves the cluster. */
  readonly lastHeights: readonly number[];
  /** Σ w (λ - λ of the birth) over what leaves the cluster; Infinity where that is at height 0. */
  readonly stabilities: readonly number[];
  /** By row: the cluster that it leaves, and the height there. */
  readonly rowClusters: Int32Array;
  readonly rowHeights: Float32Array;
}

/** Condenses a dendrogram. `minClusterSize` >= 2. */
export function condense(dendrogram: Dendrogram, minClusterSize: number): CondensedTree {
  const growing = new GrowingTree(dendrogram, minClusterSize);
  growing.grow();
  const { parents, birthHeights, lastHeights, stabilities, rowClusters, rowHeights } = growing;
  return { parents, birthHeights, lastHeights, stabilities, rowClusters, rowHeights };
}

class GrowingTree {
  readonly parents: number[] = [];
  readonly birthHeights: number[] = [];
  readonly lastHeights: number[] = [];
  readonly stabilities: number[] = [];
  readonly rowClusters: Int32Array;
  readonly rowHeights: Float32Array;
  private readonly dendrogram: Dendrogram;
  private readonly minClusterSize: number;
  /** The node at which each cluster begins. */
  private readonly starts: number[] = [];
  private readonly waiting: number[] = [];

  constructor(dendrogram: Dendrogram, minClusterSize: number) {
    this.dendrogram = dendrogram;
    this.minClusterSize = minClusterSize;
    this.rowClusters = new Int32Array(dendrogram.rows);
    this.rowHeights = new Float32Array(dendrogram.rows);
  }

  grow(): void {
    this.bear(-1, Infinity, this.dendrogram.root);
    for (let cluster = 0; cluster < this.starts.length; cluster++) this.follow(cluster);
  }

  private bear(parent: number, height: number, start: number): void {
    this.parents.push(parent);
    this.birthHeights.push(height);
    this.lastHeights.push(height);
    this.stabilities.push(0);
    this.starts.push(start);
  }

  /** Goes down from the birth of the cluster to its end. */
  private follow(cluster: number): void {
    const { heights, weights, firstChild, nextSibling, rows } = this.dendrogram;
    let node = this.starts[cluster]!;
    for (;;) {
      const height = heights[node]!;
      if (node < rows) {
        this.dropRows(node, cluster, height);
        this.leave(cluster, height, weights[node]!);
        return;
      }
      let large = 0;
      let next = -1;
      let fallen = 0;
      for (let child = firstChild[node]!; child >= 0; child = nextSibling[child]!) {
        if (this.isLarge(child, height)) {
          large++;
          next = child;
        } else {
          this.dropRows(child, cluster, height);
          fallen += weights[child]!;
        }
      }
      if (large === 1) {
        this.leave(cluster, height, fallen);
        node = next;
        continue;
      }
      this.leave(cluster, height, weights[node]!);
      if (large > 1) this.split(cluster, node, height);
      return;
    }
  }

  /** A row whose equal points join no earlier than here is as many single points. */
  private isLarge(child: number, height: number): boolean {
    const { heights, weights } = this.dendrogram;
    return weights[child]! >= this.minClusterSize && heights[child]! < height;
  }

  private split(cluster: number, node: number, height: number): void {
    const { firstChild, nextSibling } = this.dendrogram;
    for (let child = firstChild[node]!; child >= 0; child = nextSibling[child]!) {
      if (this.isLarge(child, height)) this.bear(cluster, height, child);
    }
  }

  /** Weights are whole numbers and heights fall, so the sum does not depend on the order of the rows. */
  private leave(cluster: number, height: number, weight: number): void {
    if (weight === 0) return;
    this.lastHeights[cluster] = height;
    this.stabilities[cluster]! += weight * (1 / height - 1 / this.birthHeights[cluster]!);
  }

  /** All rows of a node leave the cluster. */
  private dropRows(node: number, cluster: number, height: number): void {
    const { firstChild, nextSibling, rows } = this.dendrogram;
    const { waiting } = this;
    waiting.push(node);
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (next < rows) {
        this.rowClusters[next] = cluster;
        this.rowHeights[next] = height;
        continue;
      }
      for (let child = firstChild[next]!; child >= 0; child = nextSibling[child]!) waiting.push(child);
    }
  }
}
