import type { CondensedTree } from './condensed-tree.js';

/** The number of rows without a cluster. */
export const NOISE = -1;

/** The chosen cluster of each row, by its place in the tree, and how firmly the row belongs to it. */
export interface Membership {
  /** NOISE for a row without one. */
  readonly clusters: Int32Array;
  /**
   * In [0, 1], 0 for noise: min(λ, λ_max) / λ_max, where λ is the one at which the row leaves its innermost cluster, and
   * λ_max the largest at which anything leaves the chosen one.
   */
  readonly probabilities: Float64Array;
}

export function membershipOf(tree: CondensedTree, chosen: readonly boolean[]): Membership {
  const { parents, lastHeights, rowClusters, rowHeights } = tree;
  const within = new Int32Array(parents.length).fill(NOISE);
  for (let cluster = 1; cluster < parents.length; cluster++) {
    within[cluster] = chosen[cluster] ? cluster : within[parents[cluster]!]!;
  }
  const clusters = rowClusters.map((cluster) => within[cluster]!);
  const probabilities = new Float64Array(clusters.length);
  for (let row = 0; row < clusters.length; row++) {
    const cluster = clusters[row]!;
    if (cluster === NOISE) continue;
    const last = lastHeights[cluster]!;
    // As heights: λ may be infinite.
    probabilities[row] = rowHeights[row]! <= last ? 1 : last / rowHeights[row]!;
  }
  return { clusters, probabilities };
}
