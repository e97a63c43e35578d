import { isPanicError } from '../../common/errors.js';
import type { ObjectStore, StoredObject } from './object-store.js';

/** Reads and writes that run at once; each holds one object in memory. */
const CONCURRENCY = 16;

export interface CopyCounts {
  /** The number of objects that were examined, and their bytes. */
  readonly objects: number;
  readonly bytes: number;
  readonly copied: number;
  readonly copiedBytes: number;
  /** Objects that the target had already. */
  readonly present: number;
  /** Objects that the target had with other bytes, and that the copy replaced. */
  readonly replaced: number;
  /** Objects that cannot be copied: they are missing meanwhile, or their bytes do not hash to their names. */
  readonly damaged: number;
}

export interface CopyOptions {
  /** Whether to read the objects that the target has, instead of comparing lengths alone. */
  readonly verify: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (counts: CopyCounts) => void;
  /** Called for each object that cannot be copied. */
  readonly onDamaged: (damaged: DamagedObject) => void;
  /** Counts of an earlier call, to which this call adds; all 0 by default. */
  readonly before?: CopyCounts;
}

type Wanted = Pick<StoredObject, 'sha256' | 'byteLength'>;

/** An object that its place does not have whole. */
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
 * Copies `objects` of one store to another. This function hashes each object when it reads it, and a service
 * that receives an object hashes it again. It skips the objects that the target has, so that the same call
 * continues after an interruption. Throws what the stores throw, and the signal's reason.
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
    // `put` keeps an existing object of the same length, so remove it first.
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
  // All lanes end before the call returns, so that nothing is written after the caller has its answer.
  const ended = await Promise.allSettled(Array.from({ length: CONCURRENCY }, lane));
  await left.return?.();
  for (const lane of ended) if (lane.status === 'rejected') throw lane.reason;
  return counts;
}

/** The bytes of a whole object, or the reason why there are none. */
async function bytesOf(store: ObjectStore, { sha256, byteLength }: Wanted): Promise<Buffer | string> {
  try {
    return await store.get(sha256, byteLength);
  } catch (error) {
    if (!isPanicError(error, 'StoreConflict')) throw error;
    return error.message;
  }
}
