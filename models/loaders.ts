import { assertNever, PanicError } from '../common/errors.js';
import type { LoadedModel, LoadTask } from './loaded-model.js';

/**
 * Loads a model with files by its loader. A loader's libraries are read only when a model needs that loader. Throws
 * PanicError `ModelFilesMissing` where files are absent or unreadable, `InvalidInput` where the model's settings do
 * not fit them, and `DeviceError` where the device refuses.
 */
export async function loadModel(task: LoadTask): Promise<LoadedModel> {
  const { model } = task;
  switch (model.loader) {
    case 'text-embedder': {
      const { loadTextEmbedder } = await import('./embedders/text-embedder.js');
      return loadTextEmbedder({ ...task, model });
    }
    case 'image-embedder': {
      const { loadImageEmbedder } = await import('./embedders/image-embedder.js');
      return loadImageEmbedder({ ...task, model });
    }
    case 'image-to-text': {
      const { loadCaptioner } = await import('./captions/captioner.js');
      return loadCaptioner({ ...task, model });
    }
    case 'text-to-image': {
      const { loadTextToImage } = await import('./diffusion/text-to-image.js');
      return loadTextToImage({ ...task, model });
    }
    case 'faulty': {
      const { loadFaulty } = await import('./test-models/faulty-runner.js');
      return loadFaulty({ ...task, model });
    }
    case 'built-in':
    case 'server':
      throw new PanicError('InvalidInput', `${model.name} has no files that a loader could load`);
    default:
      return assertNever(model);
  }
}
