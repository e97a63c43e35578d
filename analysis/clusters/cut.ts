import { AnalysisInputError } from '../errors.js';
import { condense } from './condensed-tree.js';
import { checkCount, type Hierarchy } from './hierarchy.js';
import { membershipOf, NOISE } from './membership.js';
import { type ClusterSelection, selectClusters } from './selection.js';

export interface CutOptions {
  /** The least weight of a cluster: at least 2. */
  minClusterSize: number;
  /** Default `excess-of-mass`. */
  selection?: ClusterSelection;
  /** A cluster that is born below this height gives way to an ancestor: see `selectClusters`. Rounded to float32. Default 0. */
  epsilon?: number;
}

/** The clusters of a hierarchy, under names of no meaning. */
export interface Cut {
  /** By row; NOISE for a row without a cluster. */
  readonly clusters: Int32Array;
  /** By row, in [0, 1]; 0 for noise. */
  readonly probabilities: Float64Array;
  /** By name. */
  readonly births: readonly number[];
  readonly stabilities: readonly number[];
}

/** Cuts the hierarchy into clusters: some milliseconds for thousands of rows. */
export function cutHierarchy({ dendrogram }: Hierarchy, options: CutOptions): Cut {
  const { minClusterSize, selection = 'excess-of-mass', epsilon = 0 } = options;
  checkCut(options);
  const tree = condense(dendrogram, minClusterSize);
  const { clusters, probabilities } = membershipOf(tree, selectClusters(tree, selection, epsilon));
  return { clusters, probabilities, births: tree.birthHeights, stabilities: tree.stabilities };
}

/** Throws AnalysisInputError, which names the setting. */
export function checkCut({ minClusterSize, epsilon = 0 }: CutOptions): void {
  checkCount('minClusterSize', minClusterSize, 2);
  if (!(epsilon >= 0 && epsilon < Infinity)) {
    throw new AnalysisInputError(`epsilon is ${epsilon}; expected a number of at least 0`);
  }
}

/**
 * Rows of noise that weigh at least `minClusterSize` become clusters of their own, so that an output that stands still is
 * a state even where nothing is near. Their names are -2 - row.
 */
export function withAtoms(clusters: Int32Array, weights: Uint32Array, minClusterSize: number): Int32Array {
  return clusters.map((name, row) => (name === NOISE && weights[row]! >= minClusterSize ? -2 - row : name));
}
