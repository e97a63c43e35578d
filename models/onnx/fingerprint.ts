import { join } from 'node:path';
import type { HostFingerprint } from '../../experiment/provenance.js';
import { requiredFiles } from '../files/layout.js';
import { sha256OfFile } from '../files/sha256.js';
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
