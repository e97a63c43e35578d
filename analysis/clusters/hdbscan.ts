import { AnalysisInputError } from '../errors.js';
import { checkCut, type Cut, cutHierarchy, type CutOptions, withAtoms } from './cut.js';
import { densityHierarchy, type HierarchyOptions } from './hierarchy.js';
import { medoidsOf } from './medoids.js';
import { numberClusters } from './numbering.js';
import type { WeightedPoints } from './weighted-points.js';

export interface HdbscanOptions extends HierarchyOptions, CutOptions {
  /** By row: the order in which the rows came up first. It decides between equals. Default: the order of the rows. */
  firstAppearance?: Uint32Array;
}

export interface Cluster {
  /** How many points it holds. */
  readonly weight: number;
  readonly rowCount: number;
  /** The row nearest to the weighted mean. */
  readonly medoid: number;
  /** The height of its birth, and its excess of mass; null for an atom. */
  readonly birth: number | null;
  readonly stability: number | null;
}

export interface Clustering {
  /** By row: the number of its cluster; NOISE (-1) for none. */
  readonly numbers: Int32Array;
  /** By row, in [0, 1]: how firmly it belongs to its cluster; 0 for noise, 1 for an atom. */
  readonly probabilities: Float64Array;
  /** By number: 0 is the heaviest. Of equally heavy ones the first to appear has the lower number. */
  readonly clusters: readonly Cluster[];
  /** By row; at least the floor. */
  readonly coreDistances: Float32Array;
}

/**
 * HDBSCAN of rows that have weights (Campello, Moulavi, Zimek & Sander 2015, ACM TKDD 10:5; McInnes & Healy 2017), and
 * atoms: a row of noise that weighs at least `minClusterSize` is a cluster of its own.
 *
 * A weight means as many equal points: the answer is that of the points written out, except for atoms. Merges at
 * one height are one merge, so the clusters do not depend on the order of the rows. A row that joins a cluster at the
 * very height of its birth is noise. The whole is never one cluster.
 *
 * It is exact: rows² distances, without a matrix.
 *
 * Rejects with AnalysisInputError, TdaMemoryError, or the signal's reason.
 */
export async function hdbscan(input: WeightedPoints, options: HdbscanOptions): Promise<Clustering> {
  checkCut(options);
  const firstAppearance = options.firstAppearance ?? Uint32Array.from(input.weights.keys());
  if (firstAppearance.length !== input.weights.length) {
    throw new AnalysisInputError(
      `firstAppearance has ${firstAppearance.length} entries for ${input.weights.length} rows; expected one for each row`,
    );
  }
  const hierarchy = await densityHierarchy(input, options);
  const cut = cutHierarchy(hierarchy, options);
  const { coreDistances } = hierarchy;
  return { ...numberedClustering(input, cut, options.minClusterSize, firstAppearance), coreDistances };
}

/** Adds atoms, numbers and medoids to a cut. */
export function numberedClustering(
  input: WeightedPoints,
  { clusters, probabilities, births, stabilities }: Cut,
  minClusterSize: number,
  firstAppearance: Uint32Array,
): Omit<Clustering, 'coreDistances'> {
  const withThem = withAtoms(clusters, input.weights, minClusterSize);
  const { numbers, weights, rowCounts, names } = numberClusters(withThem, input.weights, firstAppearance);
  const medoids = medoidsOf(input, numbers, names.length, firstAppearance);
  return {
    numbers,
    probabilities: probabilities.map((probability, row) => (withThem[row]! < -1 ? 1 : probability)),
    clusters: Array.from(names, (name, number) => ({
      weight: weights[number]!,
      rowCount: rowCounts[number]!,
      medoid: medoids[number]!,
      birth: births[name] ?? null,
      stability: stabilities[name] ?? null,
    })),
  };
}
