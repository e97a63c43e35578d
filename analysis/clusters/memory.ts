import { blockDistancesBytes } from '../../tda/block-distances.js';
import { TdaMemoryError } from '../../tda/errors.js';
import { blockRowsFor } from './block-pairs.js';
import { minimumForestBytes } from './minimum-forest.js';
import { neighbourListsBytes } from './neighbour-lists.js';
import { preparedDimension } from './prepared-points.js';

/** Memory of the engine's young generation and the code. */
const BASE_BYTES = 48 * 2 ** 20;
/** Memory of a thread before it does anything. */
const THREAD_BYTES = 16 * 2 ** 20;
/** Lists, dendrogram, condensed tree and answer. */
const BYTES_PER_ROW = 160;
/** Digests, occurrences, nearest rows and answer of a corpus. */
const CORPUS_BYTES_PER_ROW = 160;

export interface MemoryNeeds {
  /** Coordinates of a row. */
  readonly dimension: number;
  readonly minSamples?: number;
  readonly threads?: number;
}

/**
 * Predicted peak of the allocations of `hdbscan`, in bytes, without the caller's input: an upper bound of its arrays.
 * There is no matrix of distances: it grows with rows, not with their square.
 */
export function predictHdbscanMemory(
  rows: number,
  { dimension, minSamples = 5, threads = 1 }: MemoryNeeds,
): number {
  const blockRows = blockRowsFor(rows, dimension);
  const lists = neighbourListsBytes(rows, minSamples);
  const perThread =
    lists + blockDistancesBytes(2 * blockRows + 1, dimension) + (threads > 1 ? THREAD_BYTES : 0);
  // Threads share a copy of the points, and each sends its lists to the calling thread.
  const shared = threads > 1 ? 4 * rows * dimension + lists : 0;
  const fixed = BASE_BYTES + BYTES_PER_ROW * rows + minimumForestBytes(rows, 2 * blockRows);
  return fixed + shared + threads * perThread;
}

export interface CorpusMemoryNeeds extends MemoryNeeds {
  readonly projectAboveRows?: number;
  readonly sampleAboveRows?: number;
}

/**
 * Predicted peak of the allocations of `clusterCorpus`, and of a sample of `clusterStability`, in bytes, without the
 * caller's input. `rows`: distinct vectors; the options are those of `clusterCorpus`, defaults included.
 */
export function predictCorpusMemory(rows: number, needs: CorpusMemoryNeeds): number {
  const { dimension, projectAboveRows = 20_000, sampleAboveRows = 100_000 } = needs;
  const sampleRows = Math.min(rows, sampleAboveRows);
  const prepared = preparedDimension(rows, dimension, projectAboveRows);
  const scaled = 4 * dimension * sampleRows;
  const scores =
    prepared < dimension ? 4 * prepared * (rows + sampleRows) + 40 * dimension * dimension + THREAD_BYTES : 0;
  const clustered = predictHdbscanMemory(sampleRows, { ...needs, dimension: prepared });
  return clustered + scaled + scores + CORPUS_BYTES_PER_ROW * rows;
}

/** Throws TdaMemoryError if the prediction of `clusterCorpus` exceeds `limitBytes`. */
export function checkCorpusMemory(rows: number, needs: CorpusMemoryNeeds, limitBytes: number): void {
  refuse(rows, predictCorpusMemory(rows, needs), limitBytes);
}

/** Throws TdaMemoryError if the prediction of `hdbscan` exceeds `limitBytes`. */
export function checkMemory(rows: number, needs: MemoryNeeds, limitBytes: number): void {
  refuse(rows, predictHdbscanMemory(rows, needs), limitBytes);
}

function refuse(rows: number, predicted: number, limitBytes: number): void {
  if (predicted <= limitBytes) return;
  throw new TdaMemoryError(
    `clusters of ${rows} rows are predicted to need ${toMiB(predicted)} MiB, more than the ${toMiB(limitBytes)} MiB ` +
      'allowed; sample the rows, use fewer threads, or allow more memory',
    predicted,
    limitBytes,
  );
}

function toMiB(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}
