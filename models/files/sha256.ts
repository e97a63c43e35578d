import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { errorMessage, isPanicError, PanicError } from '../../common/errors.js';
import { openRegularFile, UnfitFile } from '../../common/regular-file.js';
import { pastTick, sameStamp, type Stamp, stampOf } from './stamp.js';

export interface HashOptions {
  readonly onBytes?: (bytes: number) => void;
  readonly signal?: AbortSignal;
}

/** SHA-256 (hex) of a file's bytes, and the stamp that the file keeps while it has these bytes. */
export interface HashedFile {
  readonly sha256: string;
  readonly stamp: Stamp;
}

/**
 * Hashes a regular file. Throws PanicError `ModelFilesMissing` where it cannot be read or changes meanwhile, and
 * the signal's reason.
 */
export async function hashedFile(path: string, options: HashOptions = {}): Promise<HashedFile> {
  let handle: FileHandle | undefined;
  try {
    handle = await openRegularFile(path, { links: true });
    return await hashOpened(handle, path, options);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (isPanicError(error)) throw error;
    const why = error instanceof UnfitFile ? error.message : `cannot be read: ${errorMessage(error)}`;
    throw new PanicError('ModelFilesMissing', `${path} ${why}`, { cause: error });
  } finally {
    await handle?.close();
  }
}

async function hashOpened(handle: FileHandle, path: string, options: HashOptions): Promise<HashedFile> {
  const stampNow = async (): Promise<Stamp> => stampOf(await handle.stat({ bigint: true }));
  await pastTick(await stampNow());
  const stamp = await stampNow();
  const hash = createHash('sha256');
  const stream = handle.createReadStream({ highWaterMark: 2 ** 20, autoClose: false });
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    options.signal?.throwIfAborted();
    hash.update(chunk);
    options.onBytes?.(chunk.length);
  }
  if (sameStamp(await stampNow(), stamp)) return { sha256: hash.digest('hex'), stamp };
  throw new PanicError('ModelFilesMissing', `${path} was changed while it was hashed`);
}

/** SHA-256 of a file's bytes, hex. Throws as `hashedFile`. */
export async function sha256OfFile(path: string, options: HashOptions = {}): Promise<string> {
  return (await hashedFile(path, options)).sha256;
}
