import type { Pacer } from '../../tda/pacer.js';
import { blockRowsFor } from './block-pairs.js';
import { crewOf } from './crew.js';
import type { Cut } from './cut.js';
import { threadsFor } from './hierarchy.js';
import { NOISE } from './membership.js';
import type { PreparedPoints } from './prepared-points.js';
import { quantileOf } from './quantile.js';

/** A row within this quantile of a cluster's core distances belongs to it. */
const WITHIN = 0.95;
/** A smaller cluster is not asked for, unless the caller asks for one. */
const LEAST_CLUSTER = 5;

/** For each row behind the sample its nearest row of the sample. */
export interface NearestOfSample {
  readonly nearest: Uint32Array;
  readonly distances: Float32Array;
}

/** `points`: those of the sample first. */
export async function nearestOfSample(
  { points, dimension }: PreparedPoints,
  sampleRows: number,
  how: { readonly threads: number; readonly signal: AbortSignal | undefined; readonly pacer: Pacer },
  onPairs: (pairs: number) => void,
): Promise<NearestOfSample> {
  const rest = points.length / dimension - sampleRows;
  const found = {
    nearest: new Uint32Array(new SharedArrayBuffer(4 * rest)),
    distances: new Float32Array(new SharedArrayBuffer(4 * rest)),
  };
  const sample = points.subarray(0, sampleRows * dimension);
  const others = points.subarray(sampleRows * dimension);
  const blockRows = blockRowsFor(sampleRows, dimension);
  const crew = crewOf(threadsFor(points.length / dimension, how.threads), how.pacer, how.signal);
  try {
    await crew.nearest({ points: sample, others, dimension, blockRows, ...found }, onPairs);
    return found;
  } finally {
    await crew.close();
  }
}

/** The least weight of a cluster of the sample, which holds this share of all weight. */
export function sampledClusterSize(minClusterSize: number, weightShare: number): number {
  return Math.max(Math.min(minClusterSize, LEAST_CLUSTER), Math.floor(minClusterSize * weightShare));
}

/**
 * Gives each row behind the sample the cluster and the probability of its nearest row of the sample, if it is within the
 * 0.95 quantile of the core distances of that cluster's rows. Else it is noise.
 */
export function extendToRest(
  cut: Cut,
  coreDistances: Float32Array,
  { nearest, distances }: NearestOfSample,
): Cut {
  const limits = limitsOf(cut.clusters, coreDistances);
  const sampleRows = cut.clusters.length;
  const clusters = new Int32Array(sampleRows + nearest.length);
  const probabilities = new Float64Array(clusters.length);
  clusters.set(cut.clusters);
  probabilities.set(cut.probabilities);
  for (let row = 0; row < nearest.length; row++) {
    const near = nearest[row]!;
    const name = cut.clusters[near]!;
    const isWithin = name !== NOISE && distances[row]! <= limits.get(name)!;
    clusters[sampleRows + row] = isWithin ? name : NOISE;
    probabilities[sampleRows + row] = isWithin ? cut.probabilities[near]! : 0;
  }
  return { ...cut, clusters, probabilities };
}

/** By cluster, rounded to float32 as distances are. */
function limitsOf(clusters: Int32Array, coreDistances: Float32Array): Map<number, number> {
  const cores = new Map<number, number[]>();
  clusters.forEach((name, row) => {
    if (name === NOISE) return;
    const some = cores.get(name);
    if (some === undefined) cores.set(name, [coreDistances[row]!]);
    else some.push(coreDistances[row]!);
  });
  return new Map(
    Array.from(cores, ([name, some]) => [
      name,
      Math.fround(quantileOf(Float32Array.from(some).sort(), WITHIN)),
    ]),
  );
}
