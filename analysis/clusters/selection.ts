import type { CondensedTree } from './condensed-tree.js';

/** `excess-of-mass`: the clusters that last, none within another. `leaf`: the clusters that do not split. */
export type ClusterSelection = 'excess-of-mass' | 'leaf';

/**
 * Which clusters of the tree are chosen; none within another, and never the root. With `epsilon` > 0 a chosen cluster
 * that is born below this height gives way to its lowest ancestor that is born above, or to the one next to the root
 * (Malzer & Baum 2020, IEEE MFI, section III).
 */
export function selectClusters(tree: CondensedTree, selection: ClusterSelection, epsilon: number): boolean[] {
  const chosen = selection === 'leaf' ? leaves(tree) : excessOfMass(tree);
  return outermost(tree, epsilon > 0 ? raised(tree, chosen, Math.fround(epsilon)) : chosen);
}

function leaves({ parents }: CondensedTree): boolean[] {
  const chosen = parents.map((parent) => parent >= 0);
  for (const parent of parents) {
    if (parent >= 0) chosen[parent] = false;
  }
  return chosen;
}

/** Campello et al. 2015, ACM TKDD 10:5, section 5. A tie keeps the parent. */
function excessOfMass({ parents, stabilities }: CondensedTree): boolean[] {
  const children = parents.map((): number[] => []);
  const chosen = parents.map(() => false);
  for (let cluster = parents.length - 1; cluster > 0; cluster--) {
    // Sorted, so that the rounding of the sum does not depend on the order of the rows.
    const below = children[cluster]!.sort((a, b) => a - b).reduce((sum, value) => sum + value, 0);
    chosen[cluster] = children[cluster]!.length === 0 || stabilities[cluster]! >= below;
    children[parents[cluster]!]!.push(chosen[cluster] ? stabilities[cluster]! : below);
  }
  return chosen;
}

function raised({ parents, birthHeights }: CondensedTree, chosen: boolean[], epsilon: number): boolean[] {
  const above = chosen.map(() => false);
  for (let cluster = 1; cluster < chosen.length; cluster++) {
    if (!chosen[cluster]) continue;
    let at = cluster;
    if (birthHeights[at]! < epsilon) {
      while (birthHeights[at]! <= epsilon && parents[at]! > 0) at = parents[at]!;
    }
    above[at] = true;
  }
  return above;
}

function outermost({ parents }: CondensedTree, chosen: boolean[]): boolean[] {
  const isWithin = chosen.map(() => false);
  for (let cluster = 1; cluster < chosen.length; cluster++) {
    const parent = parents[cluster]!;
    isWithin[cluster] = isWithin[parent]! || chosen[parent]!;
  }
  return chosen.map((is, cluster) => is && !isWithin[cluster]);
}
