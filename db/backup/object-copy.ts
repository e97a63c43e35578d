import { isPanicError } from '../../experiment/errors.js';
import type { ObjectStore } from '../objects/object-store.js';
import type { CopiedPicture } from './database-copy.js';

/** Reads and writes under way at once; each holds one object in memory. */
const CONCURRENCY = 16;

export interface ObjectCounts {
  /** Objects looked at, and their bytes. */
  readonly objects: number;
  readonly bytes: number;
  readonly copied: number;
  readonly copiedBytes: number;
  /** Were there already: read, and equal to their names. */
  readonly present: number;
  /** Were there with other bytes, and were replaced. */
  readonly replaced: number;
}

export const NO_OBJECTS: ObjectCounts = {
  objects: 0,
  bytes: 0,
  copied: 0,
  copiedBytes: 0,
  present: 0,
  replaced: 0,
};

/** An object that could not be copied, since its place does not have it as a whole. */
export interface LackedObject {
  readonly sha256: Buffer;
  readonly message: string;
}

/**
 * Copies the objects of `pictures`. What is there already is read, and copied again where it does not hash to its name. Adds to `before`.
 * Throws what the stores throw, and the signal's reason.
 */
export async function copyPictures(
  pictures: Iterable<CopiedPicture>,
  from: ObjectStore,
  to: ObjectStore,
  before: ObjectCounts,
  signal: AbortSignal,
  onProgress: (counts: ObjectCounts) => void,
): Promise<{ readonly counts: ObjectCounts; readonly lacked: readonly LackedObject[] }> {
  const counts = { ...before };
  const lacked: LackedObject[] = [];

  async function copy(picture: CopiedPicture): Promise<void> {
    const { sha256, byteLength } = picture;
    const size = await to.size(sha256);
    if (size === byteLength && typeof (await bytesOf(to, picture)) !== 'string') counts.present++;
    else {
      const bytes = await bytesOf(from, picture);
      if (typeof bytes === 'string') {
        lacked.push({ sha256, message: bytes });
        return;
      }
      // A store keeps an object of the same length that it has.
      if (size !== null) await to.remove(sha256);
      await to.put(sha256, bytes);
      counts.copiedBytes += byteLength;
      if (size === null) counts.copied++;
      else counts.replaced++;
    }
    counts.objects++;
    counts.bytes += byteLength;
    onProgress({ ...counts });
  }

  const left = pictures[Symbol.iterator]();
  const lane = async (): Promise<void> => {
    for (;;) {
      signal.throwIfAborted();
      const next = left.next();
      if (next.done === true) return;
      await copy(next.value);
    }
  };
  // All lanes end before the call does, so that nothing is written behind the caller's back.
  const ended = await Promise.allSettled(Array.from({ length: CONCURRENCY }, lane));
  left.return?.();
  for (const lane of ended) if (lane.status === 'rejected') throw lane.reason;
  return { counts, lacked };
}

/** The bytes of a whole object, or why there are none. */
async function bytesOf(store: ObjectStore, { sha256, byteLength }: CopiedPicture): Promise<Buffer | string> {
  try {
    return await store.get(sha256, byteLength);
  } catch (error) {
    if (!isPanicError(error, 'StoreConflict')) throw error;
    return error.message;
  }
}
