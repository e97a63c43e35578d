import { PanicError } from '../common/errors.js';
import type { LoadedModel, LoadTask } from './loaded-model.js';

/**
 * Loads a model with files, by its loader; each loader's libraries are only read when it is asked for. Throws PanicError
 * `ModelFilesMissing` where files are absent or unreadable, `InvalidInput` where the model's settings do not fit them, and
 * `DeviceError` where the device refuses.
 */
export async function loadModel(task: LoadTask): Promise<LoadedModel> {
  const { model } = task;
  if (model.loader === 'text-embedder' && model.kind === 'embedding') {
    const { loadTextEmbedder } = await import('./embedders/text-embedder.js');
    return loadTextEmbedder({ ...task, model });
  }
  if (model.loader === 'image-embedder' && model.kind === 'embedding') {
    const { loadImageEmbedder } = await import('./embedders/image-embedder.js');
    return loadImageEmbedder({ ...task, model });
  }
  if (model.loader === 'image-to-text' && model.kind === 'generative') {
    const { loadCaptioner } = await import('./captions/captioner.js');
    return loadCaptioner({ ...task, model });
  }
  if (model.loader === 'faulty') {
    const { loadFaulty } = await import('./test-models/faulty-runner.js');
    return loadFaulty(task);
  }
  if (model.loader === 'text-to-image' && model.kind === 'generative') {
    const { loadTextToImage } = await import('./diffusion/text-to-image.js');
    return loadTextToImage({ ...task, model });
  }
  throw new PanicError(
    'InvalidInput',
    `${model.name}: nothing loads a ${model.kind} model as ${model.loader}`,
  );
}
