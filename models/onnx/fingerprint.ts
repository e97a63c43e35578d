import type { Fingerprint } from '../../experiment/provenance.js';
import { type LoadTask, UNOPENED } from '../loaded-model.js';
import { TOKENIZERS_VERSION } from '../tokenizers/tokenizer.js';
import { NothingComputes, runtimeVersion } from './session.js';

/**
 * What a loaded model says that it computed with: the runtime, the device, the model's `dtype`, and the SHA-256 of each of its
 * files; where the model reads text also the code that makes tokens of it. The last step of loading: throws FilesChanged where
 * the files are not those any more (`ModelFiles.seal`), and `NothingComputes` for a model that was not opened.
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
