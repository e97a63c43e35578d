import { join } from 'node:path';
import type { HostFingerprint } from '../../experiment/provenance.js';
import { requiredFiles } from '../files/layout.js';
import { sha256OfFile } from '../files/sha256.js';
import type { LoadTask } from '../loaded-model.js';
import { TOKENIZERS_VERSION } from '../tokenizers/tokenizer.js';
import { runtimeVersion } from './session.js';

/**
 * What a host will say that it computed with: the runtime, the device, the model's `dtype`, and the SHA-256 of each of its
 * files; where the model reads text also the code that makes tokens of it. Throws PanicError `ModelFilesMissing` where a file
 * cannot be read.
 */
export async function fingerprint(
  { model, folder, device, hashes }: LoadTask,
  { readsText }: { readonly readsText: boolean },
): Promise<HostFingerprint> {
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
    ...(readsText && { tokenizers: TOKENIZERS_VERSION }),
  };
}
