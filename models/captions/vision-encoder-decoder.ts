import { VisionEncoderDecoderModel } from '@huggingface/transformers';
import type { OpenFamily } from './family.js';
import { fixedSizePixels, fixedSizeProcessor } from './pixels.js';
import type { SettingsOf } from './settings.js';

/** ViT and GPT-2 and their like: an encoder of the whole picture, and a decoder that needs no prompt. */
export const openVisionEncoderDecoder: OpenFamily<SettingsOf<'vision-encoder-decoder'>> = async (folder) => {
  const tokenizer = await folder.tokenizer();
  const processor = await folder.json('preprocessor_config.json', fixedSizeProcessor(2));
  const model = await folder.open(VisionEncoderDecoderModel);
  return {
    model,
    tokenizer,
    inputsFor: async (picture) => ({ pixel_values: fixedSizePixels(picture, processor) }),
  };
};
