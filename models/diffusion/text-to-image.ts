import type { Artifact } from '../../experiment/artifact.js';
import { isPanicError, PanicError } from '../../common/errors.js';
import type { GenerativeModel } from '../../experiment/model.js';
import type { GeneratedItem, GenerateItem, LoadedGenerator, LoadTask } from '../loaded-model.js';
import { fingerprintOf } from '../onnx/fingerprint.js';
import { flux } from './flux.js';
import { ModelFolder } from './model-folder.js';
import { noiseSource } from './noise/create-noise.js';
import { toArtifact } from './picture.js';
import type { Pipeline } from './pipeline.js';
import { type TextToImageSettings, textToImageSettings } from './settings.js';
import { stableDiffusion } from './stable-diffusion.js';
import { stableDiffusion3 } from './stable-diffusion-3.js';

/**
 * Loads a text-to-image model in the layout of the ONNX exporters. The pipeline makes pictures one by one, so that
 * the bytes of each depend on its prompt and seed only.
 * Throws PanicError `ModelFilesMissing`, `InvalidInput` for pipelines, schedulers and settings that are not
 * supported, and `DeviceError`.
 */
export async function loadTextToImage(task: LoadTask<GenerativeModel>): Promise<LoadedGenerator> {
  const { model } = task;
  const settings = textToImageSettings.parse(model.settings);
  const pipeline = await loadPipeline(new ModelFolder(task), settings);
  const fingerprint = fingerprintOf(task, { readsText: true });

  async function generate(items: readonly GenerateItem[]): Promise<(GeneratedItem | PanicError)[]> {
    const answers: (GeneratedItem | PanicError)[] = [];
    for (const item of items) answers.push(await paint(item).catch(itemError));
    return answers;
  }

  async function paint({ input, seed }: GenerateItem): Promise<GeneratedItem> {
    const prompt = textOf(model, input);
    const { picture, cutTokens } = await pipeline.paint(prompt, noiseSource(settings.noise, seed));
    return { output: toArtifact(picture, settings.width, settings.height), cutTokens, outputCut: false };
  }

  return { kind: 'generative', fingerprint, generate };
}

/** The pipeline that `model_index.json` names. */
export async function loadPipeline(folder: ModelFolder, settings: TextToImageSettings): Promise<Pipeline> {
  const { _class_name: named } = await folder.json('model_index.json');
  // Exporters put their own name before the name of diffusers' class.
  const name = String(named).replace(/^(ORT|Onnx)/, '');
  switch (name) {
    case 'StableDiffusionPipeline':
      return await stableDiffusion(folder, settings, 'plain');
    case 'StableDiffusionXLPipeline':
      return await stableDiffusion(folder, settings, 'xl');
    case 'LatentConsistencyModelPipeline':
      return await stableDiffusion(folder, settings, 'lcm');
    case 'StableDiffusion3Pipeline':
      return await stableDiffusion3(folder, settings);
    case 'FluxPipeline':
      return await flux(folder, settings);
    default:
      throw new PanicError(
        'InvalidInput',
        `${folder.path('model_index.json')}: pipelines of the class ${String(named)} are not supported`,
      );
  }
}

function textOf(model: GenerativeModel, input: Artifact): string {
  if (input.modality === 'text') return input.text;
  throw new PanicError('InvalidInput', `${model.name} takes text; it was given ${input.modality}`);
}

/** The error of one item, as its answer. Throws any other error, which ends the batch. */
function itemError(error: unknown): PanicError {
  if (isPanicError(error, 'ModelOutputInvalid') || isPanicError(error, 'InvalidInput')) return error;
  throw error;
}
