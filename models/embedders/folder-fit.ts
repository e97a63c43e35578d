import { z } from 'zod';
import type { EmbeddingModel } from '../../experiment/model.js';
import { requireAgreement, requireRoom, statementIn } from '../agreement.js';
import type { ModelFiles } from '../files/model-files.js';
import { readModelFiles } from '../unreadable.js';

/** Families that number positions from behind the padding's, so that they never use the first ones. */
const BEHIND_PADDING: readonly unknown[] = ['roberta', 'xlm-roberta', 'camembert', 'mpnet'];
/**
 * Towers that have a position for each patch, at one size of picture. Others (DINOv2) bring their positions to any
 * size.
 */
const FIXED_TOWERS: readonly unknown[] = [
  'clip',
  'clip_vision_model',
  'siglip',
  'siglip_vision_model',
  'vit',
];

const object = z.record(z.string(), z.unknown());

/**
 * Throws PanicError `InvalidInput` where, by the model's config.json, a text could have more tokens than the model
 * has positions, or tokens for which the model has no vectors. Otherwise the runtime would fail at the first long
 * text, in the middle of a run. `ids` are the tokens of some text.
 */
export async function requireTextFit(
  model: EmbeddingModel,
  files: ModelFiles,
  maxTokens: number,
  ids: readonly number[],
): Promise<void> {
  const config = await configOf(model, files);
  if (config === null) return;
  const { file, content } = config;
  const unused = BEHIND_PADDING.includes(content['model_type'])
    ? (statementIn(content, file, 'pad_token_id').value ?? 1) + 1
    : 0;
  const longest = { value: maxTokens, where: 'the setting max_tokens' };
  for (const keys of [
    ['max_position_embeddings'],
    ['n_positions'],
    ['text_config', 'max_position_embeddings'],
  ]) {
    const { value, where } = statementIn(content, file, ...keys);
    // Values below 1 mean that there is no limit.
    const room = value === null || value < 1 ? null : value - unused;
    requireRoom(`tokens that ${model.name} reads`, longest, { value: room, where }, 'set fewer');
  }
  const words = statementIn(content, file, 'vocab_size');
  const largest = { value: Math.max(...ids) + 1, where: 'tokenizer.json, by its special tokens,' };
  requireRoom(`words of ${model.name}`, largest, words, 'the tokenizer is of another model');
}

/**
 * Throws PanicError `InvalidInput` where the processor brings pictures to another size than the tower's, which
 * config.json states.
 */
export async function requirePictureFit(
  model: EmbeddingModel,
  files: ModelFiles,
  processor: Readonly<Record<string, unknown>>,
): Promise<void> {
  const config = await configOf(model, files);
  if (config === null || !FIXED_TOWERS.includes(config.content['model_type'])) return;
  const key = processor['do_center_crop'] === true ? 'crop_size' : 'size';
  for (const side of ['height', 'width']) {
    requireAgreement(`${side} of a picture of ${model.name}`, [
      statementIn(config.content, config.file, 'image_size'),
      statementIn(config.content, config.file, 'vision_config', 'image_size'),
      statementIn(processor, 'preprocessor_config.json', key, side),
    ]);
  }
}

/** The content of config.json; null for a model that has none among its files. */
async function configOf(
  model: EmbeddingModel,
  files: ModelFiles,
): Promise<{ readonly file: string; readonly content: Readonly<Record<string, unknown>> } | null> {
  if (!files.has('config.json')) return null;
  const file = files.nameOf('config.json');
  const content = await readModelFiles(model, file, async () =>
    object.parse(JSON.parse(await files.text('config.json'))),
  );
  return { file, content };
}
