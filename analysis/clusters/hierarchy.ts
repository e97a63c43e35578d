import { usableCores } from '../../common/machine.js';
import { Pacer } from '../../tda/pacer.js';
import { type OnProgress, tenTimesASecond } from '../../tda/progress.js';
import { pairCount } from '../../tda/triangle.js';
import { AnalysisInputError } from '../errors.js';
import { blockRowsFor } from './block-pairs.js';
import { crewOf } from './crew.js';
import { type Dendrogram, dendrogramOf } from './dendrogram.js';
import { checkMemory } from './memory.js';
import { MinimumForest } from './minimum-forest.js';
import { checkWeightedPoints, type WeightedPoints } from './weighted-points.js';

export interface HierarchyOptions {
  /** Points within the core distance, the point itself included. Default 5. */
  minSamples?: number;
  /** Distances below it count as it: points nearer are the same place. Rounded to float32. Default 0. */
  floor?: number;
  /**
   * Threads for the distances, besides the calling one. Default: the number of cores. With 1, and for clouds too small for
   * threads, the calling thread does everything, in portions of some tens of milliseconds.
   */
  threads?: number;
  /** Aborting rejects with the signal's reason, within about a second. */
  signal?: AbortSignal;
  /** Pairs done, of both passes over all pairs, and their number; about ten times a second. Ends with all of them. */
  onProgress?: OnProgress;
  /** Refuse to start if `predictHdbscanMemory` exceeds this. Default Infinity. */
  maxMemoryBytes?: number;
}

/** What all settings of the cut share. */
export interface Hierarchy {
  readonly dendrogram: Dendrogram;
  /** By row; at least the floor. */
  readonly coreDistances: Float32Array;
}

/**
 * Core distances, and single linkage of mutual reachability: the largest of the two core distances and the distance, where
 * no distance counts as less than the floor. Every distance is computed twice, and none is kept.
 */
export async function densityHierarchy(
  input: WeightedPoints,
  options: HierarchyOptions = {},
  blockRows?: number,
): Promise<Hierarchy> {
  const { minSamples = 5, floor = 0, threads = usableCores(), signal, maxMemoryBytes = Infinity } = options;
  const onProgress = tenTimesASecond(options.onProgress ?? (() => undefined));
  checkHierarchyOptions(options);
  const pacer = new Pacer(signal);
  const rows = checkWeightedPoints(input);
  const { points, dimension, weights } = input;
  const useThreads = threadsFor(rows, threads);
  checkMemory(rows, { dimension, minSamples, threads: useThreads }, maxMemoryBytes);
  const size = blockRows ?? blockRowsFor(rows, dimension);
  const total = 2 * pairCount(rows);
  let done = 0;
  const onPairs = (pairs: number): void => onProgress((done += pairs), total);

  const crew = crewOf(useThreads, pacer, signal);
  try {
    const needed = Math.min(minSamples, totalOf(weights));
    const task = { points, dimension, blockRows: size };
    const least = Math.fround(floor);
    const coreDistances = (await crew.coreDistances({ ...task, weights, needed }, onPairs)).map((distance) =>
      Math.max(distance, least),
    );
    const forest = new MinimumForest(rows, 2 * size);
    await crew.spanningEdges({ ...task, coreDistances }, (edges) => forest.add(edges), onPairs);
    const dendrogram = dendrogramOf(forest.edges(), coreDistances, weights);
    onProgress(total, total);
    return { dendrogram, coreDistances };
  } finally {
    await crew.close();
  }
}

/** Throws AnalysisInputError, which names the setting. */
export function checkHierarchyOptions({ minSamples = 5, floor = 0, threads = 1 }: HierarchyOptions): void {
  checkCount('minSamples', minSamples, 1);
  checkCount('threads', threads, 1);
  if (!(floor >= 0 && floor < Infinity)) {
    throw new AnalysisInputError(`floor is ${floor}; expected a number of at least 0`);
  }
}

/** How many threads a clustering of so many rows uses. */
export function threadsFor(rows: number, threads: number): number {
  return rows < ROWS_WORTH_THREADS ? 1 : threads;
}

// Below this the start of a thread takes longer than the thread saves.
const ROWS_WORTH_THREADS = 3000;

export function totalOf(weights: Uint32Array): number {
  let sum = 0;
  for (const weight of weights) sum += weight;
  return sum;
}

/** Throws AnalysisInputError unless the value is a whole number of at least `least`. */
export function checkCount(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new AnalysisInputError(`${name} is ${value}; expected a whole number of at least ${least}`);
  }
}
