/** @jest-environment ./test/models/native-arrays-environment.mjs */
import { readFileSync } from 'node:fs';
import { cp, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { ImageArtifact } from '../../../experiment/artifact.js';
import { PanicError } from '../../../common/errors.js';
import type { ModelSettings } from '../../../experiment/model.js';
import { noiseSource } from '../../../models/diffusion/noise/create-noise.js';
import { createModelPool } from '../../../models/index.js';
import { toArtifact, unitPixels } from '../../../models/diffusion/picture.js';
import type { GeneratedItem, GenerateItem } from '../../../models/loaded-model.js';
import { lookAndLoad } from '../look-and-load.js';
import {
  type Case,
  type Fixture,
  fixtures,
  floats,
  largestDifference,
  modelOf,
  paint,
  present,
  readFixture,
  settingsOf,
} from './fixtures.js';

async function load(folder: string, settings: ModelSettings, trial = false) {
  const loaded = await lookAndLoad(modelOf(folder, settings), folder, trial);
  if (loaded.kind !== 'generative') throw new Error('no painter');
  return loaded;
}

const text = (prompt: string, seed: number): GenerateItem => ({
  input: { modality: 'text', text: prompt },
  seed,
});

const repeated = (word: string, times: number): string => Array.from({ length: times }, () => word).join(' ');

function painted(answer: GeneratedItem | PanicError | undefined): GeneratedItem & { output: ImageArtifact } {
  if (answer === undefined || answer instanceof PanicError) throw answer ?? new Error('no answer');
  if (answer.output.modality !== 'image') throw new Error('no picture');
  return { ...answer, output: answer.output };
}

/** Compares values to 1e-5 before rounding, and expects that each of the 8 bits is the nearest to diffusers' value. */
async function expectAsDiffusers(folder: string, fixture: Fixture, one: Case): Promise<void> {
  const settings = settingsOf(fixture, one);
  const expected = floats(one.image);
  const picture = await paint(folder, settings, one.prompt, noiseSource('cpu', fixture.seed));
  expect(largestDifference(unitPixels(picture), expected)).toBeLessThan(1e-5);
  const output = toArtifact(picture, fixture.width, fixture.height);
  expect([output.width, output.height]).toEqual([fixture.width, fixture.height]);
  expect(
    largestDifference(
      output.pixels,
      expected.map((value) => value * 255),
    ),
  ).toBeLessThan(0.51);
}

describe.each(['sd', 'sdxl', 'lcm', 'sd3', 'flux-schnell', 'flux-dev'])('%s, random weights', (name) => {
  const folder = join(fixtures, name);
  const fixture = readFixture(folder);
  const titled = fixture.cases.map(
    (one, k) => [k, one.num_inference_steps, one.guidance_scale, one] as const,
  );

  test.each(titled)('case %i, %i steps, guidance %d: the picture of diffusers', async (_, __, ___, one) => {
    await expectAsDiffusers(folder, fixture, one);
  });
});

interface SharedFixture extends Omit<Fixture, 'cases'> {
  readonly prompt: string;
  readonly cases: readonly (Omit<Case, 'prompt' | 'image'> & { image_ort: string })[];
}
const shared = join(import.meta.dirname, '../../../../shared/model-fixtures');
const names = ['sd-turbo-tiny', 'sdxl-turbo-tiny', 'sd-lcm-tiny'].filter((name) =>
  present(join(shared, name)),
);

(names.length > 0 ? describe.each(names) : describe.skip.each(['tiny models']))(
  '%s (skipped where ../shared/model-fixtures lacks it)',
  (name) => {
    const folder = join(shared, name);
    const fixture: SharedFixture = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'));
    const { prompt, width, height, seed } = fixture;
    const cases = fixture.cases.map(
      ({ num_inference_steps, guidance_scale, negative_prompt, image_ort: image }): Case => ({
        num_inference_steps,
        guidance_scale,
        ...(negative_prompt !== undefined && { negative_prompt }),
        prompt,
        image,
      }),
    );

    test.each(cases)(
      '$num_inference_steps steps, guidance $guidance_scale: the picture of diffusers',
      async (one) => {
        await expectAsDiffusers(folder, { width, height, seed, cases }, one);
      },
    );
  },
);

describe('a text-to-image model', () => {
  const folder = join(fixtures, 'sd');
  const fixture = readFixture(folder);
  const quick = settingsOf(fixture, fixture.cases[1]!);
  const { prompt } = fixture.cases[0]!;
  let loaded: Awaited<ReturnType<typeof load>>;
  beforeAll(async () => {
    loaded = await load(folder, quick);
  });

  test('answers each item of a batch as if it were alone, and an item that it cannot paint with an error', async () => {
    const picture = { modality: 'image', width: 1, height: 1, pixels: new Uint8Array(3) } as const;
    const answers = await loaded.generate([text(prompt, 1), { input: picture, seed: 1 }, text(prompt, 2)]);
    expect(answers[1]).toMatchObject({ kind: 'InvalidInput' });
    const [alone] = await loaded.generate([text(prompt, 2)]);
    expect(painted(answers[2]).output).toEqual(painted(alone).output);
    expect(painted(answers[0]).output).not.toEqual(painted(alone).output);
    expect(loaded.fingerprint).toMatchObject({ runtime: 'onnxruntime', device: 'cpu', dtype: 'fp32' });
    expect(Object.keys(loaded.fingerprint.files)).toContain('unet/model.onnx');
  });

  test('counts the tokens of a prompt for which it had no room', async () => {
    const [fits, two] = await loaded.generate([text(repeated('cat', 75), 1), text(repeated('cat', 77), 1)]);
    expect(painted(fits).cutTokens).toBe(0);
    expect(painted(two).cutTokens).toBe(2);
    expect(painted(two).output).toEqual(painted(fits).output);
  });

  test('counts the cut tokens of the encoder that reads the most', async () => {
    const other = join(fixtures, 'sd3');
    const given = readFixture(other);
    const settings = settingsOf(given, given.cases[0]!);
    const long = repeated('a', 80);
    const [t5ReadsMost] = await (
      await load(other, { ...settings, max_sequence_length: 500 })
    ).generate([text(long, 1)]);
    expect(painted(t5ReadsMost).cutTokens).toBe(0);
    const [clipReadsMost] = await (
      await load(other, { ...settings, max_sequence_length: 20 })
    ).generate([text(long, 1)]);
    expect(painted(clipReadsMost).cutTokens).toBe(5);
  });

  // Weights in halves (Python also rounds the latents to halves between the steps); in bytes, with MatMulInteger
  // and ConvInteger; in blocks of 4 bits, with MatMulNBits.
  test.each([
    ['fp16', 2e-3],
    ['int8', 1e-5],
    ['int4', 1e-5],
  ] as const)(
    "takes %s graphs as exported: the picture of Python's runtime to %d",
    async (dtype, tolerance) => {
      const mixed = await mkdtemp(join(tmpdir(), 'panic-tda-dtype-'));
      const variant = join(fixtures, `sd-${dtype}`);
      await cp(folder, mixed, { recursive: true });
      await cp(variant, mixed, { recursive: true });
      const expected = readFixture(variant);
      const one = expected.cases[0]!;
      const settings = { ...settingsOf(expected, one), dtype };
      const cpu = noiseSource('cpu', expected.seed);
      const picture = await paint(mixed, settings, one.prompt, cpu);
      await rm(mixed, { recursive: true });
      const difference = largestDifference(unitPixels(picture), floats(one.image));
      expect(difference).toBeLessThan(tolerance);
      // The picture differs from that of 32 bits.
      const full = floats(fixture.cases[1]!.image);
      expect(largestDifference(unitPixels(picture), full)).toBeGreaterThan(1e-4);
    },
  );

  test.each([
    ['wants bfloat16', 'bf16/model.onnx', /bf16\/model\.onnx.*bfloat16/, false],
    [
      'has weights in bfloat16',
      'bf16/weights.onnx',
      /bf16\/weights\.onnx cannot run on cpu: .*Conv.*in fp32/,
      true,
    ],
  ])('refuses a graph that %s', async (_, vae, message, trial) => {
    await expect(load(folder, { ...quick, vae }, trial)).rejects.toMatchObject({
      kind: 'InvalidInput',
      message: expect.stringMatching(message) as unknown,
    });
  });

  test('runs in a process of its own, under its name in the catalogue', async () => {
    // SDTurbo's files are those of the tiny model here.
    const pool = await createModelPool({ modelsFolder: 'nowhere', folders: { SDTurbo: folder } });
    const answer = await pool.generate('SDTurbo', text(repeated('cat', 80), 1).input, 1);
    await pool.close();
    expect(answer.output).toMatchObject({ modality: 'image', width: 512, height: 512 });
    expect(answer.cutTokens).toBe(5);
    expect(answer.fingerprint).toMatchObject({ device: 'cpu', dtype: 'fp16' });
  });

  test('refuses settings that it would ignore, and sizes that are no whole number of patches', async () => {
    const flux = join(fixtures, 'flux-schnell');
    const given = settingsOf(readFixture(flux), readFixture(flux).cases[0]!);
    const refusals = [
      [folder, { ...quick, negative_prompt: 'a dog' }, 'negative_prompt is set'],
      [folder, { ...quick, max_sequence_length: 77 }, 'max_sequence_length is set'],
      [flux, { ...given, guidance_scale: 3.5 }, 'guidance_scale is 3.5'],
      [flux, { ...given, negative_prompt: 'a dog' }, 'negative_prompt is set'],
      [flux, { ...given, scheduler: 'DDIMScheduler' }, 'scheduler is set'],
      [flux, { ...given, width: 40 }, 'width is 40; it must be a multiple of 16'],
    ] as const;
    for (const [where, settings, message] of refusals) {
      await expect(load(where, settings)).rejects.toMatchObject({
        kind: 'InvalidInput',
        message: expect.stringContaining(message) as unknown,
      });
    }
  });

  test('takes a decoder without a configuration where the settings state its scaling factor', async () => {
    const other = await mkdtemp(join(tmpdir(), 'panic-tda-decoder-'));
    await cp(folder, other, { recursive: true });
    await rm(join(other, 'taesd/config.json'));
    const one = fixture.cases.find(({ vae }) => vae !== undefined)!;
    await expect(load(other, settingsOf(fixture, one))).rejects.toMatchObject({ kind: 'InvalidInput' });
    const told = { ...one, vae_scaling_factor: 1 };
    await expectAsDiffusers(other, fixture, told);
    await expect(load(other, { ...quick, vae_scaling_factor: 1 })).rejects.toThrow('leave it out');
    await rm(other, { recursive: true });
  });

  const { early } = fixture;
  if (early === undefined) throw new Error('the fixture has no early configurations');

  test.each(early)(
    'corrects values of early configurations (%#), as the pipeline of diffusers does',
    async ({ config, ...one }) => {
      const old = await mkdtemp(join(tmpdir(), 'panic-tda-early-'));
      await cp(folder, old, { recursive: true });
      await writeFile(join(old, 'scheduler/scheduler_config.json'), JSON.stringify(config));
      await expectAsDiffusers(old, fixture, one);
      await rm(old, { recursive: true });
    },
  );

  test('reads folders of other exporters: without configurations, or with a transformer called unet', async () => {
    const other = await mkdtemp(join(tmpdir(), 'panic-tda-exporters-'));
    const [old, renamed] = [join(other, 'old'), join(other, 'renamed')];
    await cp(folder, old, { recursive: true });
    await rm(join(old, 'unet/config.json'));
    await rm(join(old, 'vae_decoder/config.json'));
    await writeFile(join(old, 'model_index.json'), '{"_class_name": "OnnxStableDiffusionPipeline"}');
    await writeFile(
      join(old, 'scheduler/scheduler_config.json'),
      '{"_class_name": "PNDMScheduler", "beta_schedule": "scaled_linear", "skip_prk_steps": true}',
    );
    const [answer] = await (await load(old, quick)).generate([text(prompt, 1)]);
    expect(painted(answer).output.width).toBe(fixture.width);

    const flux = join(fixtures, 'flux-schnell');
    const given = settingsOf(readFixture(flux), readFixture(flux).cases[0]!);
    await cp(flux, renamed, { recursive: true });
    await rename(join(renamed, 'transformer'), join(renamed, 'unet'));
    const pictures = [];
    for (const where of [flux, renamed]) {
      const [made] = await (await load(where, given)).generate([text(prompt, 1)]);
      pictures.push(painted(made).output);
    }
    expect(pictures[1]).toEqual(pictures[0]);
    await rm(other, { recursive: true });
  });

  test('refuses an unknown pipeline, and names it', async () => {
    const other = await mkdtemp(join(tmpdir(), 'panic-tda-pipeline-'));
    await writeFile(join(other, 'model_index.json'), '{"_class_name": "KandinskyPipeline"}');
    await expect(load(other, quick)).rejects.toThrow('KandinskyPipeline');
    await rm(other, { recursive: true });
  });

  test('a picture with numbers that are not finite, or of another size, is refused', () => {
    const dims = [1, 3, 1, 2];
    const nan = { data: Float32Array.of(0, 1, 0, 1, NaN, 1), dims };
    expect(() => toArtifact(nan, 2, 1)).toThrow('hold NaN at position 4');
    expect(() => toArtifact({ data: new Float32Array(6), dims }, 4, 1)).toThrow('1 x 3 x 1 x 2');
    // -1 is black, 1 is white. Halves are rounded to even: 0.5 and 2.5 of 255.
    const levels = Float32Array.of(-1, 1, 1 / 255 - 1, 5 / 255 - 1, 9, -9);
    expect([...toArtifact({ data: levels, dims }, 2, 1).pixels]).toEqual([0, 0, 255, 255, 2, 0]);
  });

  test('seeds are those of a CUDA device unless the settings say otherwise', async () => {
    const { noise: _, ...without } = quick;
    const [cuda] = await (await load(folder, { ...quick, noise: 'cuda' })).generate([text(prompt, 5)]);
    const [unsaid] = await (await load(folder, without)).generate([text(prompt, 5)]);
    const [cpu] = await loaded.generate([text(prompt, 5)]);
    expect(painted(unsaid).output).toEqual(painted(cuda).output);
    expect(painted(unsaid).output).not.toEqual(painted(cpu).output);
  });
});
