import { VisionEncoderDecoderModel } from '@huggingface/transformers';
import { z } from 'zod';
import type { OpenFamily } from './family.js';
import { requireRoom } from '../agreement.js';
import type { ModelFolder } from './model-folder.js';
import { type FixedSizeProcessor, fixedSizePixels, fixedSizeProcessor, requireTowerSize } from './pixels.js';
import type { SettingsOf } from './settings.js';

const configSchema = z.looseObject({
  encoder: z.looseObject({ model_type: z.string().optional() }).optional(),
});

/** Models like ViT with GPT-2: an encoder of the whole picture, and a decoder that needs no prompt. */
export const openVisionEncoderDecoder: OpenFamily<SettingsOf<'vision-encoder-decoder'>> = async (
  folder,
  settings,
) => {
  const tokenizer = await folder.tokenizer();
  const processor = await folder.json('preprocessor_config.json', fixedSizeProcessor(2));
  await requireFit(folder, processor, settings.max_new_tokens);
  const model = await folder.open(VisionEncoderDecoderModel);
  return {
    model,
    tokenizer,
    inputsFor: async (picture) => ({ pixel_values: fixedSizePixels(picture, processor) }),
  };
};

/** Towers that have a position for each patch, at one size of picture. */
const FIXED_TOWERS: readonly unknown[] = ['vit', 'deit'];

/**
 * Throws PanicError `InvalidInput` where the tower reads pictures of another size, or where captions could pass the
 * decoder's last position.
 */
async function requireFit(
  folder: ModelFolder,
  processor: FixedSizeProcessor,
  maxNewTokens: number,
): Promise<void> {
  const { encoder } = await folder.json('config.json', configSchema);
  if (FIXED_TOWERS.includes(encoder?.model_type)) {
    await requireTowerSize(folder, processor, 'encoder', 'image_size');
  }
  const longest = { value: maxNewTokens, where: 'the setting max_new_tokens' };
  for (const key of ['n_positions', 'max_position_embeddings']) {
    const positions = await folder.statement('config.json', 'decoder', key);
    requireRoom('tokens of a caption', longest, positions, 'set fewer');
  }
}
