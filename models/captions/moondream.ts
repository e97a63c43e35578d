import { Moondream1ForConditionalGeneration, Tensor } from '@huggingface/transformers';
import { type OpenFamily, tokensOf } from './family.js';
import { fixedSizePixels, fixedSizeProcessor, requireTowerSize } from './pixels.js';
import type { SettingsOf } from './settings.js';

/** Moondream 2 as of 2024: SigLIP and Phi. Its prompt is a question in a form of its own, not a chat. */
export const openMoondream: OpenFamily<SettingsOf<'moondream'>> = async (folder, { prompt }) => {
  const tokenizer = await folder.tokenizer();
  const processor = await folder.json('preprocessor_config.json', fixedSizeProcessor(3));
  await requireTowerSize(folder, processor, 'vision_config', 'image_size');
  const model = await folder.open(Moondream1ForConditionalGeneration);
  // The library wants one token for each vector of the picture, and no file states their number.
  const { width, height } = processor.size;
  const nothing = new Tensor('float32', new Float32Array(3 * width * height), [1, 3, height, width]);
  const features: Tensor = await model.encode_image({ pixel_values: nothing });
  const pictureTokens = features.dims.slice(0, -1).reduce((product, size) => product * size, 1);
  const question = await tokensOf(
    tokenizer,
    `${'<image>'.repeat(pictureTokens)}\n\nQuestion: ${prompt}\n\nAnswer:`,
  );
  return {
    model,
    tokenizer,
    inputsFor: async (picture) => ({ ...question, pixel_values: fixedSizePixels(picture, processor) }),
  };
};
