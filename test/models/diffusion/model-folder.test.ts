/** @jest-environment ./test/models/native-arrays-environment.mjs */
import { readFileSync, writeFileSync } from 'node:fs';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { ModelSettings } from '../../../experiment/model.js';
import { noiseSource } from '../../../models/diffusion/noise/create-noise.js';
import { toArtifact } from '../../../models/diffusion/picture.js';
import { catalogue, resolveModelFiles } from '../../../models/index.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { lookAndLoad } from '../look-and-load.js';
import { fixtures, modelOf, paint, readFixture, settingsOf } from './fixtures.js';

/** A copy of a tiny model's folder with other values in one JSON file, and the settings for it. */
async function changed(
  name: string,
  file: string,
  values: Readonly<Record<string, unknown>>,
): Promise<{ folder: string; settings: ModelSettings }> {
  const folder = join(temporaryFolder(), name);
  await cp(join(fixtures, name), folder, { recursive: true });
  const path = join(folder, file);
  const content: object = JSON.parse(readFileSync(path, 'utf8'));
  writeFileSync(path, JSON.stringify({ ...content, ...values }));
  const fixture = readFixture(join(fixtures, name));
  return { folder, settings: settingsOf(fixture, fixture.cases[1] ?? fixture.cases[0]!) };
}

function protobufText(field: number, content: string): Buffer {
  return Buffer.concat([Buffer.of((field << 3) | 2, content.length), Buffer.from(content)]);
}

/**
 * The bytes of an ONNX graph whose input declares a number in place of a dimension's name. The lengths do not
 * change: the number is a protobuf varint with padding, and an empty text (`denotation`) follows.
 */
function withFixedDimension(graph: Buffer, input: string, name: string, value: number): Buffer {
  const old = protobufText(2, name);
  const at = graph.indexOf(
    old,
    graph.indexOf(protobufText(1, input).toString('latin1') + String.fromCodePoint(0x12), 0, 'latin1'),
  );
  const padding = Array.from({ length: old.length - 5 }, () => 0x80);
  const fixed = Buffer.of(0x08, value | 0x80, ...padding, 0x00, 0x1a, 0x00);
  return Buffer.concat([graph.subarray(0, at), fixed, graph.subarray(at + old.length)]);
}

async function refusal(folder: string, settings: ModelSettings, trial = false): Promise<unknown> {
  try {
    await lookAndLoad(modelOf(folder, settings), folder, trial);
    return 'opened';
  } catch (error) {
    return error;
  }
}

/** Faults that only a trial of the decoder shows, or a width that the runtime concludes from the encoder's nodes. */
const ONLY_OPENED = [
  'block_out_channels',
  'projection_class_embeddings_input_dim',
  'addition_time_embed_dim',
];

describe('a folder whose files do not agree is refused at its opening, and the message names the file and the key', () => {
  test.each([
    ['sd', 'vae_decoder/config.json', { block_out_channels: [4, 4, 8] }, 'block_out_channels'],
    ['sd', 'vae_decoder/config.json', { latent_channels: 16 }, 'latent_channels'],
    ['sd', 'vae_decoder/config.json', { out_channels: 1 }, 'out_channels'],
    ['sd', 'vae_decoder/config.json', { latents_mean: [0, 0], latents_std: [1, 1] }, 'latents_mean'],
    ['sd', 'vae_decoder/config.json', { latents_mean: [0, 0, 0, 0] }, 'latents_std'],
    ['sd', 'unet/config.json', { in_channels: 9 }, 'in_channels'],
    ['sd', 'unet/config.json', { out_channels: 8 }, 'out_channels'],
    ['sd', 'unet/config.json', { cross_attention_dim: 24 }, 'cross_attention_dim'],
    ['sd', 'tokenizer/tokenizer_config.json', { model_max_length: 154 }, 'model_max_length'],
    ['sd', 'text_encoder/config.json', { max_position_embeddings: 40 }, 'max_position_embeddings'],
    ['sd', 'text_encoder/config.json', { vocab_size: 100 }, 'vocab_size'],
    ['sdxl', 'unet/config.json', { addition_time_embed_dim: 8 }, 'projection_class_embeddings_input_dim'],
    ['sdxl', 'unet/config.json', { projection_class_embeddings_input_dim: 41 }, 'addition_time_embed_dim'],
    ['sdxl', 'unet/config.json', { cross_attention_dim: 16 }, 'cross_attention_dim'],
    ['lcm', 'unet/config.json', { time_cond_proj_dim: 16 }, 'time_cond_proj_dim'],
    ['sd3', 'transformer/config.json', { joint_attention_dim: 64 }, 'joint_attention_dim'],
    ['sd3', 'transformer/config.json', { pooled_projection_dim: 16 }, 'pooled_projection_dim'],
    ['sd3', 'transformer/config.json', { pos_embed_max_size: 2 }, 'pos_embed_max_size'],
    ['sd3', 'transformer/config.json', { out_channels: 8 }, 'out_channels'],
    ['flux-dev', 'transformer/config.json', { joint_attention_dim: 64 }, 'joint_attention_dim'],
    ['flux-dev', 'transformer/config.json', { pooled_projection_dim: 24 }, 'pooled_projection_dim'],
    ['flux-dev', 'transformer/config.json', { in_channels: 64 }, 'in_channels'],
  ])('%s, %s: %j', async (name, file, values, key) => {
    const { folder, settings } = await changed(name, file, values);
    const error = await refusal(folder, settings, ONLY_OPENED.includes(key));
    expect(error).toMatchObject({ kind: 'InvalidInput' });
    expect(String(error)).toContain(join(folder, file));
    expect(String(error)).toContain(key);
  });

  test.each([
    ['batch_size', 2, 'the setting guidance_scale'],
    ['height', 64, 'the setting height'],
    ['width', 64, 'the setting width'],
  ])('a graph that was exported for a single %s', async (dimension, value, where) => {
    const { folder, settings } = await changed('sd', 'unet/config.json', {});
    const graph = join(folder, 'unet/model.onnx');
    writeFileSync(graph, withFixedDimension(readFileSync(graph), 'sample', dimension, value));
    const error = await refusal(folder, settings);
    expect(error).toMatchObject({ kind: 'InvalidInput' });
    expect(String(error)).toContain(where);
    expect(String(error)).toContain(`${graph}: the input sample says ${value}`);
  });

  test('a graph with an input that the pipeline does not feed', async () => {
    const { folder, settings } = await changed('lcm', 'unet/config.json', { time_cond_proj_dim: null });
    expect(String(await refusal(folder, settings))).toContain('timestep_cond');
  });
});

describe('pixels a side for each latent', () => {
  const half = join(fixtures, 'half-decoder');

  test('are what the decoder states: 4 with three blocks, and the picture is that of diffusers before its doubling', async () => {
    const painter = catalogue.get('ShapesPainter')!;
    const { folder: whole } = await resolveModelFiles(painter, temporaryFolder());
    const folder = join(temporaryFolder(), 'painter');
    await cp(whole, folder, { recursive: true });
    await cp(half, join(folder, 'vae_decoder'), { recursive: true });
    const expected: { cases: readonly { prompt: string; seed: number; pixels_b64: string }[] } = JSON.parse(
      readFileSync(join(fixtures, '../trained-loop/expected-t2i.json'), 'utf8'),
    );
    const { prompt, seed, pixels_b64: doubled } = expected.cases[0]!;
    const settings = { ...painter.settings, width: 32, height: 32, noise: 'cpu' };
    const picture = await paint(folder, settings, prompt, noiseSource('cpu', seed));
    const { pixels } = toArtifact(picture, 32, 32);
    const large = Buffer.from(doubled, 'base64');
    const quarter = pixels.map((_, i) => {
      const [pixel, channel] = [Math.floor(i / 3), i % 3];
      const [row, column] = [Math.floor(pixel / 32), pixel % 32];
      return large[(2 * row * 64 + 2 * column) * 3 + channel]!;
    });
    expect(pixels).toEqual(quarter);
  });

  test('are found by a trial where no configuration states them', async () => {
    const folder = join(temporaryFolder(), 'sd');
    await cp(join(fixtures, 'sd'), folder, { recursive: true });
    await cp(half, join(folder, 'half'), { recursive: true });
    await rm(join(folder, 'half/config.json'));
    const fixture = readFixture(join(fixtures, 'sd'));
    const settings = {
      ...settingsOf(fixture, fixture.cases[1]!),
      vae: 'half/model.onnx',
      vae_scaling_factor: 1,
    };
    const picture = await paint(folder, settings, 'a red cat', noiseSource('cpu', 1));
    expect(picture.dims).toEqual([1, 3, fixture.height, fixture.width]);
  });
});
