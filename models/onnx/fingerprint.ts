import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { PanicError } from '../../experiment/errors.js';
import type { HostFingerprint } from '../../experiment/provenance.js';
import { requiredFiles } from '../files/layout.js';
import type { LoadTask } from '../loaded-model.js';
import { runtimeVersion } from './session.js';

/**
 * What a host will say that it computed with: the runtime, the device, the model's `dtype`, and the SHA-256 of each of its
 * files. Throws PanicError `ModelFilesMissing` where a file cannot be read.
 */
export async function fingerprint({ model, folder, device, hashes }: LoadTask): Promise<HostFingerprint> {
  const files: Record<string, string> = {};
  for (const file of requiredFiles(model)) {
    files[file] = hashes?.[file] ?? (await sha256OfFile(join(folder, file)));
  }
  return {
    runtime: 'onnxruntime',
    runtimeVersion: runtimeVersion(),
    device,
    dtype: String(model.settings['dtype']),
    files,
  };
}

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
