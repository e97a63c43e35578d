import { Pacer } from '../../tda/pacer.js';
import { adjustedRandIndex, clusteredInBoth } from '../inference/adjusted-rand.js';
import { digestOf, drawRandom } from '../inference/chance.js';
import { shuffle } from '../../tda/random.js';
import { AnalysisInputError } from '../errors.js';
import { clusterRuns } from './cluster-corpus.js';
import { type ContentOrder, contentOrder } from './content-order.js';
import { checkCorpus, type Corpus } from './corpus.js';
import { checkOptions, type CorpusOptions } from './corpus-parameters.js';
import { checkCount } from './hierarchy.js';

export interface StabilityOptions extends CorpusOptions {
  /** Samples of runs. Default 10. */
  samples?: number;
  /** The share of the runs in a sample: above 0, below 1. Default 0.8. */
  runShare?: number;
}

/** Adjusted Rand indices of the clustering and that of each sample, on the vectors of the sample. */
export interface ClusterStability {
  /** Noise is a class. */
  readonly withNoise: readonly number[];
  /** Among the vectors that are in a cluster of both; null where there are none. */
  readonly clusteredInBoth: readonly (number | null)[];
  /** Whether the means of both are at least 0.8. */
  readonly isStable: boolean;
}

const STABLE = 0.8;
const STEPS_PER_SAMPLE = 1000;

/**
 * Clusters samples of the runs anew, with the same options, and compares each with the clustering of all runs: `numbers`
 * by row, as `clusterCorpus` gives them. A default of `minClusterSize` is that of the sample. Null for fewer than two
 * runs. Takes as long as so many clusterings.
 *
 * Progress is in thousandths of a sample.
 *
 * Source: Hubert & Arabie 1985, J. Classif. 2:193 (the index); Hennig 2007, Comput. Stat. Data Anal. 52:258 (subsets).
 *
 * Rejects with AnalysisInputError, TdaMemoryError, or the signal's reason.
 */
export async function clusterStability(
  corpus: Corpus,
  numbers: Int32Array,
  options: StabilityOptions = {},
): Promise<ClusterStability | null> {
  const { samples = 10, runShare = 0.8, onProgress } = options;
  const rows = checkCorpus(corpus);
  checkOptions(options, rows, corpus.dimension);
  checkCount('samples', samples, 1);
  if (!(runShare > 0 && runShare < 1)) {
    throw new AnalysisInputError(`runShare is ${runShare}; expected a number above 0, below 1`);
  }
  if (numbers.length !== rows) {
    throw new AnalysisInputError(
      `numbers has ${numbers.length} entries for ${rows} rows; expected one for each row`,
    );
  }
  if (corpus.runs.length < 2) return null;
  const pacer = new Pacer(options.signal);
  const content = await pacer.finish(contentOrder(corpus, rows));
  const digest = corpusDigest(corpus, content);
  const count = Math.max(1, Math.floor(runShare * corpus.runs.length));

  const withNoise: number[] = [];
  const inBoth: (number | null)[] = [];
  for (let sample = 0; sample < samples; sample++) {
    const order = Uint32Array.from(corpus.runs.keys());
    shuffle(order, drawRandom('cluster stability', digest, sample));
    const chosen = order.subarray(0, count).sort();
    const runs = Array.from(chosen, (run) => corpus.runs[run]!);
    const found = await clusterRuns(
      corpus,
      content,
      runs,
      {
        ...options,
        onProgress: (done, total) =>
          onProgress?.(
            Math.floor(STEPS_PER_SAMPLE * (sample + (total === 0 ? 1 : done / total))),
            STEPS_PER_SAMPLE * samples,
          ),
      },
      pacer,
    );
    const given = Int32Array.from(found.rows, (row) => numbers[row]!);
    const anew = Int32Array.from(found.rows, (row) => found.clustering.numbers[row]!);
    const clustered = clusteredInBoth(given, anew);
    withNoise.push(adjustedRandIndex(given, anew)!);
    inBoth.push(adjustedRandIndex(clustered.a, clustered.b));
  }
  return {
    withNoise,
    clusteredInBoth: inBoth,
    isStable: meanOf(withNoise) >= STABLE && meanOf(inBoth.filter((index) => index !== null)) >= STABLE,
  };
}

/** Of the vectors and the runs, whatever the order of the rows. */
function corpusDigest({ runs }: Corpus, { rows, digest }: ContentOrder): string {
  const placeOf = new Uint32Array(rows.length);
  rows.forEach((row, place) => (placeOf[row] = place));
  return digestOf(digest, ...runs.map((run) => run.map((row) => placeOf[row]!)));
}

/** 1 without a value: nothing disagrees. */
function meanOf(values: readonly number[]): number {
  return values.length === 0 ? 1 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
