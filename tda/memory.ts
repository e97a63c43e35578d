import { TdaMemoryError } from './errors.js';
import { linkKernelBytes } from './kernel.js';
import { pairCount } from './triangle.js';

/** What the engine's young generation, the code and the diagrams take whatever the cloud. */
const BASE_BYTES = 48 * 2 ** 20;

/** What a thread takes before it does anything. */
const THREAD_BYTES = 16 * 2 ** 20;

/**
 * Predicted peak of what `ripsPersistence` allocates, bytes, the caller's input not counted.
 *
 * - Degree 0: a few words per point, and a copy of the points.
 * - From degree 1: per pair, 4 bytes of distance, then 8 while sorting, or 4 of sorted edge, 8 of rank (both
 *   triangles) and 2 of representative; for each degree the remembered cocycle values, which the cochains cap, and the
 *   relations of classes (`relationsBytes`); for each thread bit rows of n² / 8 bytes and, while distances are computed, a
 *   copy of the points (`dimension` coordinates; 0 if distances are given); and one more copy that threads share.
 *
 * An upper bound for the typed arrays, but for clouds whose relations want more than `relationsBytes`: see `relationsLimit`.
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
 * What is set aside for the relations of the classes of one degree, bytes. Trajectories need next to nothing of it, thousands
 * of points whose distances are all alike more, by about the square of the number of classes: nobody knows before they are met.
 */
function relationsBytes(pointCount: number): number {
  return Math.min(256 * 2 ** 20, RELATIONS_BASE_BYTES + 1024 * pairCount(pointCount));
}

const RELATIONS_BASE_BYTES = 256 * 1024;

/** The memory of a WebAssembly module. */
const MOST_RELATIONS_BYTES = 2 ** 32 - 2 ** 16;

/** What the relations of one degree (one after the other) may take: what is set aside for them, and what else is allowed. */
export function relationsLimit(
  pointCount: number,
  maxDimension: 1 | 2,
  how: { readonly threads: number; readonly dimension: number },
  limitBytes: number,
): number {
  const spare = limitBytes === Infinity ? 0 : limitBytes - predictRipsMemory(pointCount, maxDimension, how);
  return Math.min(MOST_RELATIONS_BYTES, relationsBytes(pointCount) + spare);
}

/** Throws TdaMemoryError, with the remedies, when the prediction exceeds `limitBytes`. */
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
