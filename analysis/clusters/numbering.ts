import { NOISE } from './membership.js';

/** Clusters by number: 0 is the heaviest. Of equally heavy ones the first to appear has the lower number. */
export interface Numbering {
  /** By row; NOISE for a row without a cluster. */
  readonly numbers: Int32Array;
  /** By number: how many points the cluster holds, and how many rows. */
  readonly weights: Float64Array;
  readonly rowCounts: Uint32Array;
  /** By number: what the cluster was called in `clusters`. */
  readonly names: Int32Array;
}

/**
 * `clusters`: by row, any whole number for a cluster, NOISE for none. `firstAppearance`: by row, the order in which the
 * rows came up first.
 */
export function numberClusters(
  clusters: Int32Array,
  weights: Uint32Array,
  firstAppearance: Uint32Array,
): Numbering {
  const found = new Map<number, { name: number; weight: number; rows: number; first: number }>();
  for (let row = 0; row < clusters.length; row++) {
    const name = clusters[row]!;
    if (name === NOISE) continue;
    const cluster = found.get(name) ?? { name, weight: 0, rows: 0, first: Infinity };
    cluster.weight += weights[row]!;
    cluster.rows++;
    cluster.first = Math.min(cluster.first, firstAppearance[row]!);
    found.set(name, cluster);
  }
  const ordered = [...found.values()].sort((a, b) => b.weight - a.weight || a.first - b.first);
  const numberOf = new Map(ordered.map(({ name }, number) => [name, number]));
  return {
    numbers: clusters.map((name) => numberOf.get(name) ?? NOISE),
    weights: Float64Array.from(ordered, ({ weight }) => weight),
    rowCounts: Uint32Array.from(ordered, ({ rows }) => rows),
    names: Int32Array.from(ordered, ({ name }) => name),
  };
}
