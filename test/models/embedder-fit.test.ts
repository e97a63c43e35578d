/** @jest-environment ./test/models/native-arrays-environment.mjs */
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { ModelSettings } from '../../experiment/model.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { type Entry, failure, load, own } from './embedder-fixtures.js';

const mean: ModelSettings = {
  file: 'model.onnx',
  dtype: 'fp32',
  max_tokens: 24,
  output: 'last_hidden_state',
  pooling: 'mean',
  normalize: true,
};
const cls: ModelSettings = {
  file: 'model.onnx',
  dtype: 'fp32',
  output: 'pooler_output',
  pooling: 'none',
  normalize: true,
};

/** A tiny model with a config.json of these values among its files. */
async function entryWith(
  name: string,
  input: 'text' | 'image',
  settings: ModelSettings,
  config: object,
  dimension = 32,
): Promise<Entry> {
  const folder = join(temporaryFolder(), name);
  await cp(join(own, name), folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  return { folder, input, dimension, settings };
}

test.each([
  ['mpnet', mean, { model_type: 'bert', max_position_embeddings: 24 }],
  // Positions 0 and 1 belong to the padding.
  ['mpnet', mean, { model_type: 'mpnet', max_position_embeddings: 26 }],
  ['roberta', mean, { model_type: 'roberta', max_position_embeddings: 28, pad_token_id: 3 }],
  ['mpnet', mean, { model_type: 'xlnet', max_position_embeddings: -1 }],
  ['mpnet', mean, { model_type: 'gpt2', n_positions: 24 }],
  ['mpnet', mean, { model_type: 'clip', text_config: { max_position_embeddings: 24 } }],
])('a text embedder reads as many tokens as it has positions: %s, %#', async (name, settings, config) => {
  await expect(load(await entryWith(name, 'text', settings, config))).resolves.toMatchObject({
    kind: 'embedding',
  });
});

test.each([
  ['mpnet', mean, { model_type: 'bert', max_position_embeddings: 23 }, 'max_position_embeddings'],
  ['mpnet', mean, { model_type: 'mpnet', max_position_embeddings: 25 }, 'max_position_embeddings'],
  [
    'roberta',
    mean,
    { model_type: 'roberta', max_position_embeddings: 27, pad_token_id: 3 },
    'max_position_embeddings',
  ],
  ['mpnet', mean, { model_type: 'gpt2', n_positions: 23 }, 'n_positions'],
  ['mpnet', mean, { text_config: { max_position_embeddings: 23 } }, 'text_config.max_position_embeddings'],
  ['mpnet', mean, { vocab_size: 1 }, 'vocab_size'],
])(
  'a text embedder is refused at its opening where texts could have more tokens than positions: %s, %#',
  async (name, settings, config, key) => {
    const entry = await entryWith(name, 'text', settings, config);
    const error = await failure('InvalidInput', load(entry));
    expect(error).toContain(join(entry.folder, 'config.json'));
    expect(error).toContain(key);
  },
);

test('an embedder whose graph gives vectors of another dimension is refused at its opening', async () => {
  const error = await failure('InvalidInput', load(await entryWith('mpnet', 'text', mean, {}, 33)));
  expect(error).toMatch(/dimension says 33, model\.onnx: the output last_hidden_state says 32/);
});

test('an image embedder is refused where its processor makes pictures of another size than its tower has positions for', async () => {
  const entry = await entryWith('siglip', 'image', cls, {
    model_type: 'siglip',
    vision_config: { image_size: 13 },
  });
  const error = await failure('InvalidInput', load(entry));
  expect(error).toMatch(/vision_config\.image_size says 13, preprocessor_config\.json: size\.height says/);
  const resized = { model_type: 'dinov2', image_size: 13 };
  await expect(load(await entryWith('siglip', 'image', cls, resized))).resolves.toMatchObject({
    kind: 'embedding',
  });
});
