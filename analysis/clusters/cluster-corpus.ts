import { usableCores } from '../../common/machine.js';
import { Pacer } from '../../tda/pacer.js';
import { tenTimesASecond } from '../../tda/progress.js';
import { pairCount } from '../../tda/triangle.js';
import { type ContentOrder, contentOrder } from './content-order.js';
import { checkCorpus, type Corpus, occurrencesIn } from './corpus.js';
import {
  checkOptions,
  type ClusterParameters,
  type CorpusOptions,
  parametersOf,
} from './corpus-parameters.js';
import { type Cut, cutHierarchy, withAtoms } from './cut.js';
import { type Clustering, numberedClustering } from './hdbscan.js';
import { densityHierarchy, type Hierarchy, totalOf } from './hierarchy.js';
import { NOISE } from './membership.js';
import { type NoiseShare, noiseShare } from './noise-share.js';
import { type PreparedPoints, preparePoints, type Projection } from './prepared-points.js';
import { quantileOf } from './quantile.js';
import { extendToRest, nearestOfSample, type NearestOfSample, sampledClusterSize } from './sample.js';

export interface CorpusClustering extends Omit<Clustering, 'coreDistances'> {
  readonly parameters: ClusterParameters;
  /** Null where the vectors themselves were clustered. */
  readonly projection: Projection | null;
  /** Null where all vectors were clustered. */
  readonly sample: {
    readonly rows: number;
    readonly weightShare: number;
    readonly minClusterSize: number;
  } | null;
  /** Of the core distances of all distinct vectors that were clustered: lowest, nine deciles, highest. */
  readonly coreDistanceDeciles: Float64Array;
  /** For a half of `minClusterSize`, itself, twice and four times of it. */
  readonly noise: readonly NoiseShare[];
}

const FACTORS = [0.5, 1, 2, 4];
const LEAST_ALLOWED = 2;

/**
 * Clusters the places that the runs of a corpus visit: HDBSCAN of distinct vectors, weighted by their occurrences and
 * scaled to length 1 (`hdbscan` says how). Numbers, medoids and probabilities are by row of the corpus. The answer
 * depends on the vectors and the runs, not on the order of the rows.
 *
 * Defaults: `minClusterSize` max(5, ⌊0.001 · outputs⌋), `minSamples` 5, `floor` 0.05 (a cosine of 0.999).
 *
 * Above `projectAboveRows` distinct vectors their first 50 principal components stand for them. Above `sampleAboveRows`
 * those of lowest SHA-256 are clustered, with `minClusterSize` scaled to their share of the outputs. Each other vector
 * joins the cluster of the nearest of them if it is near enough.
 *
 * Rejects with AnalysisInputError, TdaMemoryError (before anything large is allocated), or the signal's reason.
 */
export async function clusterCorpus(corpus: Corpus, options: CorpusOptions = {}): Promise<CorpusClustering> {
  const rows = checkCorpus(corpus);
  const pacer = new Pacer(options.signal);
  checkOptions(options, rows, corpus.dimension);
  const content = await pacer.finish(contentOrder(corpus, rows));
  return (await clusterRuns(corpus, content, corpus.runs, options, pacer)).clustering;
}

/** Clusters the rows that some of the runs reach. `rows` are these. The others are noise in the answer. */
export async function clusterRuns(
  corpus: Corpus,
  content: ContentOrder,
  runs: readonly Uint32Array[],
  options: CorpusOptions,
  pacer: Pacer,
): Promise<{ readonly clustering: CorpusClustering; readonly rows: Uint32Array }> {
  const { threads = usableCores(), signal } = options;
  const occurrences = occurrencesIn(runs, content.rows.length);
  // From here to the end a row is a place in this list.
  const rows = content.rows.filter((row) => occurrences.weights[row]! > 0);
  const weights = rows.map((row) => occurrences.weights[row]!);
  const firstAppearance = rows.map((row) => occurrences.firstAppearance[row]!);
  const parameters = parametersOf(options, totalOf(weights));
  const { minClusterSize, minSamples, floor, projectAboveRows, sampleAboveRows } = parameters;
  const sampleRows = Math.min(rows.length, sampleAboveRows);
  const [pairs, further] = [2 * pairCount(sampleRows), sampleRows * (rows.length - sampleRows)];
  const onProgress = tenTimesASecond(options.onProgress ?? (() => undefined));

  const fit = { projectAboveRows, fitRows: sampleRows };
  const points = await preparePoints(corpus, rows, fit, pacer, signal);
  const sampleWeights = weights.subarray(0, sampleRows);
  const hierarchy = await densityHierarchy(
    { ...firstRows(points, sampleRows), weights: sampleWeights },
    {
      minSamples,
      floor,
      threads,
      ...(signal === undefined ? {} : { signal }),
      onProgress: (done) => onProgress(done, pairs + further),
    },
  );
  let done = pairs;
  const rest =
    sampleRows === rows.length
      ? null
      : await nearestOfSample(points, sampleRows, { threads, signal, pacer }, (some) =>
          onProgress((done += some), pairs + further),
        );
  onProgress(pairs + further, pairs + further);

  const weightShare = totalOf(sampleWeights) / totalOf(weights);
  const cutAt = (size: number): Cut =>
    cutOf(hierarchy, rest, { ...parameters, minClusterSize: size }, weightShare);
  const noise: NoiseShare[] = [];
  for (const factor of FACTORS) {
    const size = Math.max(LEAST_ALLOWED, Math.floor(factor * minClusterSize));
    noise.push(noiseShare(withAtoms(cutAt(size).clusters, weights, size), weights, size));
    await pacer.spend(OPERATIONS_PER_ROW * rows.length);
  }
  const { numbers, probabilities, clusters } = numberedClustering(
    { ...points, weights },
    cutAt(minClusterSize),
    minClusterSize,
    firstAppearance,
  );
  const ofRows = {
    numbers: new Int32Array(content.rows.length).fill(NOISE),
    probabilities: new Float64Array(content.rows.length),
  };
  rows.forEach((row, place) => {
    ofRows.numbers[row] = numbers[place]!;
    ofRows.probabilities[row] = probabilities[place]!;
  });
  const sorted = hierarchy.coreDistances.toSorted();
  return {
    rows,
    clustering: {
      ...ofRows,
      clusters: clusters.map((cluster) => ({ ...cluster, medoid: rows[cluster.medoid]! })),
      parameters,
      projection: points.projection,
      sample:
        rest === null
          ? null
          : {
              rows: sampleRows,
              weightShare,
              minClusterSize: sampledClusterSize(minClusterSize, weightShare),
            },
      coreDistanceDeciles: Float64Array.from({ length: 11 }, (_, decile) => quantileOf(sorted, decile / 10)),
      noise,
    },
  };
}

const OPERATIONS_PER_ROW = 200;

function firstRows({ points, dimension }: PreparedPoints, count: number) {
  return { points: points.subarray(0, count * dimension), dimension };
}

/** The clusters without atoms of all rows. */
function cutOf(
  hierarchy: Hierarchy,
  rest: NearestOfSample | null,
  parameters: ClusterParameters,
  weightShare: number,
): Cut {
  if (rest === null) return cutHierarchy(hierarchy, parameters);
  const minClusterSize = sampledClusterSize(parameters.minClusterSize, weightShare);
  const cut = cutHierarchy(hierarchy, { ...parameters, minClusterSize });
  return extendToRest(cut, hierarchy.coreDistances, rest);
}
