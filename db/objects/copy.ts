import { isPanicError } from '../../experiment/errors.js';
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
  /** Told of each object that cannot be copied. */
  readonly onDamaged: (message: string) => void;
}

/**
 * Copies every object of one store to another. Each is hashed when it is read, and hashed again by a service that receives
 * it. What the target has already is passed over, so that the same call goes on where one was cut off.
 * Throws what the stores throw, and the signal's reason.
 */
export async function copyObjects(
  from: ObjectStore,
  to: ObjectStore,
  { verify, signal, onProgress, onDamaged }: CopyOptions,
): Promise<CopyCounts> {
  const counts = {
    objects: 0,
    bytes: 0,
    copied: 0,
    copiedBytes: 0,
    present: 0,
    replaced: 0,
    damaged: 0,
  };

  async function copy({ sha256, byteLength }: StoredObject): Promise<void> {
    const there = await isThere(sha256, byteLength);
    if (there === 'whole') counts.present++;
    else await transfer({ sha256, byteLength }, there);
    counts.objects++;
    counts.bytes += byteLength;
    onProgress({ ...counts });
  }

  async function isThere(sha256: Buffer, byteLength: number): Promise<'whole' | 'other' | 'missing'> {
    const size = await to.size(sha256);
    if (size === null) return 'missing';
    if (size !== byteLength) return 'other';
    if (!verify) return 'whole';
    return (await bytesOf(to, { sha256, byteLength })) === null ? 'other' : 'whole';
  }

  async function transfer(
    object: Pick<StoredObject, 'sha256' | 'byteLength'>,
    there: 'other' | 'missing',
  ): Promise<void> {
    const { sha256 } = object;
    const bytes = await bytesOf(from, object, onDamaged);
    if (bytes === null) {
      counts.damaged++;
      return;
    }
    // A store keeps an object of the same length that it has.
    if (there === 'other') await to.remove(sha256);
    await to.put(sha256, bytes);
    counts.copiedBytes += bytes.byteLength;
    if (there === 'other') counts.replaced++;
    else counts.copied++;
  }

  const listing = from.list()[Symbol.asyncIterator]();
  const lane = async (): Promise<void> => {
    for (;;) {
      signal.throwIfAborted();
      const next = await listing.next();
      if (next.done === true) return;
      await copy(next.value);
    }
  };
  // All lanes end before the call does, so that nothing is written behind the back of whoever got an error.
  const ended = await Promise.allSettled(Array.from({ length: CONCURRENCY }, lane));
  for (const lane of ended) if (lane.status === 'rejected') throw lane.reason;
  return counts;
}

/** The bytes of a whole object; null where it is missing or damaged, which `told` hears of. */
async function bytesOf(
  store: ObjectStore,
  { sha256, byteLength }: Pick<StoredObject, 'sha256' | 'byteLength'>,
  told: (message: string) => void = () => undefined,
): Promise<Buffer | null> {
  try {
    return await store.get(sha256, byteLength);
  } catch (error) {
    if (!isPanicError(error, 'StoreConflict')) throw error;
    told(error.message);
    return null;
  }
}
