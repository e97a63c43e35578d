import { NOISE } from './membership.js';

/** How much a clustering leaves without a cluster, atoms being clusters: is noise a fact or a setting? */
export interface NoiseShare {
  readonly minClusterSize: number;
  readonly clusterCount: number;
  /** Share of the outputs, in [0, 1]. */
  readonly ofTime: number;
  /** Share of the distinct vectors, in [0, 1]. */
  readonly ofVectors: number;
}

/** `clusters`: by row, NOISE for a row without one. */
export function noiseShare(clusters: Int32Array, weights: Uint32Array, minClusterSize: number): NoiseShare {
  let [weight, noiseWeight, noiseRows] = [0, 0, 0];
  for (let row = 0; row < clusters.length; row++) {
    weight += weights[row]!;
    if (clusters[row] !== NOISE) continue;
    noiseWeight += weights[row]!;
    noiseRows++;
  }
  const names = new Set(clusters);
  names.delete(NOISE);
  return {
    minClusterSize,
    clusterCount: names.size,
    ofTime: noiseWeight / weight,
    ofVectors: noiseRows / clusters.length,
  };
}
