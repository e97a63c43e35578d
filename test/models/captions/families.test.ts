import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { ModelSettings } from '../../../experiment/model.js';
import { type ExpectedCaption, fixtures, fp32, readExpected, tokenIds } from './tiny-models.js';

const parts = fp32('vision_encoder', 'embed_tokens', 'decoder_model_merged');

/** Compares pixels by their bytes, and the ids of the prompt and of the caption. */
async function expectPythonsCaptions(
  name: string,
  settings: ModelSettings,
  which: (caption: ExpectedCaption) => boolean = () => true,
): Promise<void> {
  const folder = join(fixtures, name);
  const { prompt, new_tokens: tokens, captions } = readExpected(folder);
  const chosen = captions.filter(which);
  expect(chosen.length).toBeGreaterThan(2);
  const pictures = chosen.map(({ file }) => join(fixtures, 'pictures', file));
  expect(await tokenIds(folder, { ...settings, max_new_tokens: tokens, prompt }, pictures)).toEqual(
    chosen.map(({ pixel_values: pixels, input_ids: inputs, greedy_ids: ids }) => ({
      pixel_values: pixels,
      input_ids: inputs,
      greedy_ids: ids,
    })),
  );
}

describe("captioners have the pixels, prompts and captions of Python's transformers, for pictures of several sizes", () => {
  test.each([true, false])('SmolVLM (tiles: %s)', async (splitting) => {
    await expectPythonsCaptions(
      'smolvlm-tiny',
      { family: 'smolvlm', image_splitting: splitting, ...parts },
      (caption) => caption.image_splitting === splitting,
    );
  });

  test('Florence-2', async () => {
    await expectPythonsCaptions('florence2-tiny', {
      family: 'florence2',
      no_repeat_ngram_size: 3,
      ...parts,
      ...fp32('encoder_model'),
    });
  });

  test.each(['qwen2-vl-tiny', 'qwen2.5-vl-tiny'])('%s', async (name) => {
    await expectPythonsCaptions(name, {
      family: 'qwen-vl',
      max_pixels: 4096,
      repetition_penalty: 1.2,
      ...parts,
    });
  });

  test('Moondream', async () => {
    await expectPythonsCaptions('moondream-tiny', { family: 'moondream', ...parts });
  });
});

const shared = join(import.meta.dirname, '../../../../shared/model-fixtures');
const vitGpt2 = join(shared, 'vit-gpt2-tiny');
interface SharedFixture {
  readonly images: readonly {
    readonly file: string;
    readonly greedy_ids: readonly number[];
    /** Null for the picture that is shrunk first. */
    readonly pixel_values: { readonly dims: readonly number[]; readonly b64: string } | null;
  }[];
}
(existsSync(vitGpt2) ? describe : describe.skip)(
  'ViT-GPT2 (skipped where ../shared/model-fixtures lacks it)',
  () => {
    test('has the pixels and ids of transformers, even for a picture that must be shrunk', async () => {
      const { images }: SharedFixture = JSON.parse(readFileSync(join(vitGpt2, 'expected.json'), 'utf8'));
      const settings = {
        family: 'vision-encoder-decoder',
        max_new_tokens: 16,
        ...fp32('encoder_model', 'decoder_model_merged'),
      };
      const made = await tokenIds(
        vitGpt2,
        settings,
        images.map(({ file }) => join(shared, 'images', file)),
      );
      expect(made.map(({ greedy_ids: ids }) => ids)).toEqual(images.map(({ greedy_ids: ids }) => ids));
      for (const [i, { pixel_values: pixels }] of images.entries()) {
        if (!pixels) continue;
        const sha256 = createHash('sha256').update(Buffer.from(pixels.b64, 'base64')).digest('hex');
        expect(made[i]!.pixel_values).toEqual({ dims: pixels.dims, sha256 });
      }
    });
  },
);
