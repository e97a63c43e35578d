import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { PanicError } from '../../experiment/errors.js';

/** SHA-256 of a file's bytes, hex. Throws PanicError `ModelFilesMissing` where it cannot be read, and the signal's reason. */
export async function sha256OfFile(
  path: string,
  options: { readonly onBytes?: (bytes: number) => void; readonly signal?: AbortSignal } = {},
): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 }) as AsyncIterable<Buffer>) {
      options.signal?.throwIfAborted();
      hash.update(chunk);
      options.onBytes?.(chunk.length);
    }
  } catch (error) {
    options.signal?.throwIfAborted();
    throw new PanicError('ModelFilesMissing', `${path} cannot be read`, { cause: error });
  }
  return hash.digest('hex');
}
