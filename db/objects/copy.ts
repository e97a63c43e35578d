import { isPanicError } from '../../common/errors.js';
import type { ObjectStore, StoredObject } from './object-store.js';

/** Reads and writes under way at once; each holds one object in memory. */
const CONCURRENCY = 16;

export interface CopyCounts {
  /** Objects looked at, and their bytes. */
  readonly objects: number;
  readonly bytes: number;
  readonly copied: number;
  readonly copiedBytes: number;
  /** Were at the target already. */
  readonly present: number;
  /** Were at the target with other bytes, and were replaced. */
  readonly replaced: number;
  /** Cannot be copied: missing meanwhile, or their bytes do not hash to their names. */
  readonly damaged: number;
}

export interface CopyOptions {
  /** Also reads what is at the target already, instead of comparing lengths alone. */
  readonly verify: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (counts: CopyCounts) => void;
  /** Hears of each object that cannot be copied. */
  readonly onDamaged: (damaged: DamagedObject) => void;
  /** Counts to add to; all 0 by default. */
  readonly before?: CopyCounts;
}

type Wanted = Pick<StoredObject, 'sha256' | 'byteLength'>;

/** An object that its place does not have as a whole. */
export interface DamagedObject {
  readonly sha256: Buffer;
  readonly message: string;
}

export const NO_OBJECTS: CopyCounts = {
  objects: 0,
  bytes: 0,
  copied: 0,
  copiedBytes: 0,
  present: 0,
  replaced: 0,
  damaged: 0,
};

/**
 * Copies `objects` of one store to another. Each is hashed when it is read, and hashed again by a service that receives
 * it. What the target has already is passed over, so that the same call goes on where one was cut off.
 * Throws what the stores throw, and the signal's reason.
 */
export async function copyObjects(
  objects: Iterable<Wanted> | AsyncIterable<Wanted>,
  from: ObjectStore,
  to: ObjectStore,
  { verify, signal, onProgress, onDamaged, before = NO_OBJECTS }: CopyOptions,
): Promise<CopyCounts> {
  const counts = { ...before };

  async function copy(object: Wanted): Promise<void> {
    const there = await isThere(object);
    if (there === 'whole') counts.present++;
    else await transfer(object, there);
    counts.objects++;
    counts.bytes += object.byteLength;
    onProgress({ ...counts });
  }

  async function isThere(object: Wanted): Promise<'whole' | 'other' | 'missing'> {
    const size = await to.size(object.sha256);
    if (size === null) return 'missing';
    if (size !== object.byteLength) return 'other';
    if (!verify) return 'whole';
    return typeof (await bytesOf(to, object)) === 'string' ? 'other' : 'whole';
  }

  async function transfer(object: Wanted, there: 'other' | 'missing'): Promise<void> {
    const { sha256 } = object;
    const bytes = await bytesOf(from, object);
    if (typeof bytes === 'string') {
      counts.damaged++;
      onDamaged({ sha256, message: bytes });
      return;
    }
    // A store keeps an object of the same length that it has.
    if (there === 'other') await to.remove(sha256);
    await to.put(sha256, bytes);
    counts.copiedBytes += bytes.byteLength;
    if (there === 'other') counts.replaced++;
    else counts.copied++;
  }

  const left = Symbol.asyncIterator in objects ? objects[Symbol.asyncIterator]() : objects[Symbol.iterator]();
  // The first lane that fails stops the others.
  const failure = new AbortController();
  const stop = AbortSignal.any([signal, failure.signal]);
  const lane = async (): Promise<void> => {
    try {
      for (;;) {
        stop.throwIfAborted();
        const next = await left.next();
        if (next.done === true) return;
        await copy(next.value);
      }
    } catch (error) {
      failure.abort(error);
      throw error;
    }
  };
  // All lanes end before the call does, so that nothing is written behind the caller's back.
  const ended = await Promise.allSettled(Array.from({ length: CONCURRENCY }, lane));
  await left.return?.();
  for (const lane of ended) if (lane.status === 'rejected') throw lane.reason;
  return counts;
}

/** The bytes of a whole object, or why there are none. */
async function bytesOf(store: ObjectStore, { sha256, byteLength }: Wanted): Promise<Buffer | string> {
  try {
    return await store.get(sha256, byteLength);
  } catch (error) {
    if (!isPanicError(error, 'StoreConflict')) throw error;
    return error.message;
  }
}
