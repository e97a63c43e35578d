import { TdaMemoryError } from './errors.js';
import { linkKernelBytes } from './kernel.js';
import { pairCount } from './triangle.js';

/** Memory of the engine's young generation, the code and the diagrams, for a cloud of any size. */
const BASE_BYTES = 48 * 2 ** 20;

/** Memory of a thread before it does anything. */
const THREAD_BYTES = 16 * 2 ** 20;

/**
 * Predicted peak of the allocations of `ripsPersistence`, in bytes, without the caller's input.
 *
 * - Degree 0: a few words per point, and a copy of the points.
 * - From degree 1: per pair, 4 bytes of distance, then 8 while sorting, or 4 of sorted edge, 8 of rank (both
 *   triangles) and 2 of representative; for each degree the remembered cocycle values, which the cochains
 *   limit, and the relations of classes (`relationsBytes`); for each thread bit rows of n² / 8 bytes and,
 *   while distances are computed, a copy of the points (`dimension` coordinates; 0 if distances are given);
 *   and one more copy that threads share.
 *
 * An upper bound for the typed arrays, except for clouds whose relations need more than `relationsBytes`: see
 * `relationsLimit`.
 */
export function predictRipsMemory(
  pointCount: number,
  maxDimension: 0 | 1 | 2,
  { threads = 1, dimension = 0 }: { threads?: number; dimension?: number } = {},
): number {
  const perPoint = 64 * pointCount;
  const points = 4 * pointCount * dimension;
  if (maxDimension === 0) return BASE_BYTES + perPoint + points;
  const pairs = pairCount(pointCount);
  const values = maxDimension * (Math.min(128 * 2 ** 20, 1024 * pairs) + relationsBytes(pointCount));
  const perThread = linkKernelBytes(pointCount).total + points + (threads > 1 ? THREAD_BYTES : 0);
  const shared = threads > 1 ? points : 0;
  return BASE_BYTES + perPoint + 18 * pairs + values + shared + threads * perThread;
}

/**
 * Bytes reserved for the relations of the classes of one degree. Trajectories need almost nothing of it.
 * Thousands of points whose distances are all alike need more, about the square of the number of classes,
 * which no prediction knows before the classes are met.
 */
function relationsBytes(pointCount: number): number {
  return Math.min(256 * 2 ** 20, RELATIONS_BASE_BYTES + 1024 * pairCount(pointCount));
}

const RELATIONS_BASE_BYTES = 256 * 1024;

/** The largest memory of a WebAssembly module. */
const MOST_RELATIONS_BYTES = 2 ** 32 - 2 ** 16;

/**
 * Limit for the relations of one degree (the degrees follow each other): the reserved bytes, and what is left
 * of `limitBytes`.
 */
export function relationsLimit(
  pointCount: number,
  maxDimension: 1 | 2,
  how: { readonly threads: number; readonly dimension: number },
  limitBytes: number,
): number {
  const spare = limitBytes === Infinity ? 0 : limitBytes - predictRipsMemory(pointCount, maxDimension, how);
  return Math.min(MOST_RELATIONS_BYTES, relationsBytes(pointCount) + spare);
}

/** Throws TdaMemoryError, with the remedies, if the prediction exceeds `limitBytes`. */
export function checkMemory(
  pointCount: number,
  maxDimension: 0 | 1 | 2,
  how: { readonly threads: number; readonly dimension: number },
  limitBytes: number,
): void {
  const predicted = predictRipsMemory(pointCount, maxDimension, how);
  if (predicted <= limitBytes) return;
  const remedies = [
    ...(maxDimension > 0 ? ['lower max_dimension'] : []),
    'give fewer points',
    'allow more memory',
  ];
  throw new TdaMemoryError(
    `persistence of ${pointCount} points up to dimension ${maxDimension} is predicted to need ` +
      `${toMiB(predicted)} MiB, more than the ${toMiB(limitBytes)} MiB allowed; ${remedies.join(', or ')}`,
    predicted,
    limitBytes,
  );
}

function toMiB(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}
