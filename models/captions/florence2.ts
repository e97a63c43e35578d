import { Florence2ForConditionalGeneration } from '@huggingface/transformers';
import { type OpenFamily, tokensOf } from './family.js';
import { fixedSizePixels, fixedSizeProcessor } from './pixels.js';
import type { SettingsOf } from './settings.js';

/**
 * Florence-2 (Xiao et al. 2023): DaViT and BART. The encoder reads the picture, then the sentence that asks for a
 * caption.
 */
export const openFlorence2: OpenFamily<SettingsOf<'florence2'>> = async (folder, { prompt }) => {
  const tokenizer = await folder.tokenizer();
  const processor = await folder.json('preprocessor_config.json', fixedSizeProcessor(3));
  const model = await folder.open(Florence2ForConditionalGeneration);
  const sentence = await tokensOf(tokenizer, prompt);
  return {
    model,
    tokenizer,
    inputsFor: async (picture) => ({ ...sentence, pixel_values: fixedSizePixels(picture, processor) }),
  };
};
