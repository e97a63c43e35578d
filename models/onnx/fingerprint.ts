import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { PanicError } from '../../experiment/errors.js';
import type { HostFingerprint } from '../../experiment/provenance.js';
import type { LoadTask } from '../loaded-model.js';
import { requiredFiles } from '../neural-files.js';
import { runtimeVersion } from './session.js';

/**
 * What a host will say that it computed with: the runtime, the device, the model's `dtype`, and the SHA-256 of each of its
 * files. Throws PanicError `ModelFilesMissing` where a file cannot be read.
 */
export async function fingerprint({ model, folder, device }: LoadTask): Promise<HostFingerprint> {
  const files: Record<string, string> = {};
  for (const file of requiredFiles(model)) files[file] = await sha256OfFile(join(folder, file));
  return {
    runtime: 'onnxruntime',
    runtimeVersion: runtimeVersion(),
    device,
    dtype: String(model.settings['dtype']),
    files,
  };
}

/** SHA-256 of a file's bytes, hex. Throws PanicError `ModelFilesMissing` where it cannot be read. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  } catch (error) {
    throw new PanicError('ModelFilesMissing', `${path} cannot be read`, { cause: error });
  }
  return hash.digest('hex');
}
