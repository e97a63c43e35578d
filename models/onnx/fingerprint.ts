import type { Fingerprint } from '../../experiment/provenance.js';
import { type LoadTask, UNOPENED } from '../loaded-model.js';
import { TOKENIZERS_VERSION } from '../tokenizers/tokenizer.js';
import { NothingComputes, runtimeVersion } from './session.js';

/**
 * The fingerprint of a loaded model: the runtime, the device, the model's `dtype`, the SHA-256 of each of its
 * files, and for a model that reads text the version of its tokenizer code. It is the last step of loading. Throws
 * FilesChanged where the files have changed (`ModelFiles.seal`), and `NothingComputes` for a model that was not
 * opened.
 */
export function fingerprintOf(
  { model, files, device }: LoadTask,
  { readsText }: { readonly readsText: boolean },
): Fingerprint {
  if (device === UNOPENED) throw new NothingComputes();
  return {
    runtime: 'onnxruntime',
    runtimeVersion: runtimeVersion(),
    device,
    dtype: String(model.settings['dtype']),
    files: files.seal(),
    ...(readsText && { tokenizers: TOKENIZERS_VERSION }),
  };
}
