import { cp, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ModelSettings } from '../../../experiment/model.js';
import { createModelPool } from '../../../models/index.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import {
  type Answers,
  type BatchItem,
  captionerIn,
  captions,
  fixtures,
  fp32,
  readExpected,
  readObject,
  readPicture,
} from './tiny-models.js';

const parts = fp32('vision_encoder', 'embed_tokens', 'decoder_model_merged');
const qwen: ModelSettings = {
  family: 'qwen-vl',
  prompt: 'Describe this image.',
  max_new_tokens: 14,
  max_pixels: 4096,
  repetition_penalty: 1.2,
  ...parts,
};
const qwenFolder = join(fixtures, 'qwen2-vl-tiny');
const picture = (name: string, seed = 0): BatchItem => ({ file: join(fixtures, 'pictures', name), seed });
const [square, tall, wide] = ['p0_32x32.png', 'p1_70x110.png', 'p2_150x100.png'] as const;

/** Answers of a tiny Qwen2-VL. */
async function ask(settings: ModelSettings, ...batches: readonly (readonly BatchItem[])[]): Promise<Answers> {
  const given = await captions(captionerIn(qwenFolder, settings), qwenFolder, batches);
  if ('error' in given) throw new Error(given.error.message);
  return given;
}

describe('a captioner', () => {
  test('gives each picture its caption on one line, whatever the batch, with its fingerprint', async () => {
    const expected = readExpected(qwenFolder);
    const texts = expected.captions.map(({ greedy_text: text }) => text);
    expect(texts.some((text) => text.includes('\n'))).toBe(true);
    const onOneLine = texts.map((text) => text.trim().replace(/\s*\n\s*/g, ' '));
    const { fingerprint, answers } = await ask(
      qwen,
      [picture(square), picture(tall), picture(wide)],
      [picture(wide, 5)],
      [picture(tall, 6), picture(square)],
    );
    const [first, second, third] = onOneLine;
    expect(answers).toEqual([onOneLine, [third], [second, first]]);
    expect(fingerprint).toMatchObject({ runtime: 'onnxruntime', device: 'cpu', dtype: 'fp32' });
    expect(fingerprint.files['onnx/vision_encoder.onnx']).toMatch(/^[0-9a-f]{64}$/);
  });

  test('draws captions by seed where it samples: equal for equal seeds, alone or in a batch', async () => {
    const seeds = [1, 2, 3, 2 ** 52 + 1];
    const drawn = { ...qwen, do_sample: true, temperature: 1.5, top_k: 0 };
    const { answers } = await ask(
      drawn,
      seeds.map((seed) => picture(wide, seed)),
      ...seeds.map((seed) => [picture(wide, seed)]),
    );
    const [together, ...alone] = answers;
    expect(alone.flat()).toEqual(together);
    expect(new Set(together).size).toBe(seeds.length);
  });

  test('answers with an error in place of an input that is no picture, too large or too narrow, and with captions in place of the others', async () => {
    const { answers } = await ask(qwen, [
      { text: 'a fox', seed: 0 },
      { width: 16_384, height: 100, seed: 0 },
      { width: 8193, height: 8192, seed: 0 },
      { width: 1, height: 201, seed: 0 },
      picture(square),
    ]);
    const [text, long, many, narrow, good] = answers[0]!;
    for (const refused of [text, long, many, narrow]) expect(refused).toMatchObject({ kind: 'InvalidInput' });
    expect(long).toMatchObject({
      message: expect.stringContaining('16384 x 100 pixels; at most 67108864 in all, and 16383 a side'),
    });
    expect(many).toMatchObject({ message: expect.stringContaining('8193 x 8192') });
    expect(typeof good).toBe('string');
  });

  test('takes a picture of the largest size', async () => {
    const { answers } = await ask(qwen, [
      { width: 8192, height: 8192, seed: 0 },
      { width: 16_383, height: 100, seed: 0 },
    ]);
    expect(answers).toEqual([[expect.any(String), expect.any(String)]]);
  });

  test('says of a caption whether it ended by itself or stopped at the limit of tokens', async () => {
    const pictures = [square, tall, wide].map((name) => picture(name));
    // Its captions have 4 and 7 tokens, with the end token.
    const moondream = join(fixtures, 'moondream-tiny');
    const settings = { family: 'moondream', prompt: 'Describe this image.', ...parts };
    const whole = captionerIn(moondream, { ...settings, max_new_tokens: 14 });
    expect(await captions(whole, moondream, [pictures])).toMatchObject({ cuts: [[false, false, false]] });
    const cut = captionerIn(moondream, { ...settings, max_new_tokens: 5 });
    expect(await captions(cut, moondream, [pictures])).toMatchObject({ cuts: [[false, true, true]] });
    // Florence-2 is forced to write the end token at the limit, which does not count as an end of its own.
    const florence2 = join(fixtures, 'florence2-tiny');
    const forced = captionerIn(florence2, {
      family: 'florence2',
      prompt: 'What does the image describe?',
      max_new_tokens: 14,
      no_repeat_ngram_size: 3,
      ...parts,
      ...fp32('encoder_model'),
    });
    expect(await captions(forced, florence2, [pictures])).toMatchObject({ cuts: [[true, true, true]] });
  });

  test('a blank caption is the error of its picture', async () => {
    const folder = join(fixtures, 'florence2-tiny');
    const settings = {
      family: 'florence2',
      prompt: 'What does the image describe?',
      max_new_tokens: 1,
      ...parts,
      ...fp32('encoder_model'),
    };
    expect(await captions(captionerIn(folder, settings), folder, [[picture(square)]])).toMatchObject({
      answers: [[{ kind: 'ModelOutputInvalid', message: expect.stringContaining('blank') }]],
    });
  });
});

describe('a captioner whose files do not fit each other is refused at its opening, and the message names the file and the key', () => {
  const encoderDecoder = join(import.meta.dirname, '../../../models/trained-loop/captioner');
  const greedy: ModelSettings = {
    family: 'vision-encoder-decoder',
    max_new_tokens: 30,
    ...fp32('encoder_model', 'decoder_model_merged'),
  };
  const smolvlm: ModelSettings = {
    family: 'smolvlm',
    prompt: 'Describe this image.',
    max_new_tokens: 4,
    image_splitting: false,
    ...parts,
  };
  const moondream: ModelSettings = {
    family: 'moondream',
    prompt: 'Describe this image.',
    max_new_tokens: 4,
    ...parts,
  };
  const square20 = { height: 20, width: 20 };

  test.each([
    [encoderDecoder, greedy, 'preprocessor_config.json', { size: square20 }, 'encoder.image_size'],
    [encoderDecoder, { ...greedy, max_new_tokens: 49 }, 'config.json', {}, 'decoder.n_positions'],
    [
      join(fixtures, 'smolvlm-tiny'),
      smolvlm,
      'preprocessor_config.json',
      { max_image_size: { longest_edge: 64 } },
      'vision_config.image_size',
    ],
    [join(fixtures, 'smolvlm-tiny'), smolvlm, 'processor_config.json', { image_seq_len: 9 }, 'image_seq_len'],
    [qwenFolder, qwen, 'preprocessor_config.json', { patch_size: 14 }, 'vision_config.patch_size'],
    [qwenFolder, qwen, 'preprocessor_config.json', { merge_size: 1 }, 'vision_config.spatial_merge_size'],
    [
      join(fixtures, 'moondream-tiny'),
      moondream,
      'preprocessor_config.json',
      { size: square20, crop_size: square20 },
      'vision_config.image_size',
    ],
  ])('%s', async (original, settings, file, values, key) => {
    const folder = await mkdtemp(join(tmpdir(), 'panic-tda-unfit-'));
    await cp(original, folder, { recursive: true });
    const content = readObject(join(folder, file));
    await writeFile(join(folder, file), JSON.stringify({ ...content, ...values }));
    const given = await captions(captionerIn(folder, settings), folder, []);
    await rm(folder, { recursive: true });
    expect(given).toMatchObject({ error: { kind: 'InvalidInput' } });
    expect(JSON.stringify(given)).toContain(key);
  });
});

test('a captioner takes the export of each graph that its settings name, where they fit each other', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'panic-tda-captioner-'));
  await cp(join(fixtures, 'smolvlm-tiny'), folder, { recursive: true });
  await rename(join(folder, 'onnx/vision_encoder.onnx'), join(folder, 'onnx/vision_encoder_q4.onnx'));
  const smol: ModelSettings = {
    ...parts,
    family: 'smolvlm',
    prompt: 'Can you describe this image?',
    max_new_tokens: 4,
    image_splitting: false,
    vision_encoder_dtype: 'q4',
  };
  expect(await captions(captionerIn(folder, smol), folder, [[picture(square)]])).toMatchObject({
    fingerprint: { dtype: 'vision_encoder q4, embed_tokens fp32, decoder_model_merged fp32' },
    answers: [[expect.any(String)]],
  });
  const unfit = captionerIn(folder, { ...smol, embed_tokens_dtype: 'fp16' });
  expect(await captions(unfit, folder, [])).toMatchObject({
    error: { kind: 'InvalidInput', message: expect.stringContaining('float32, float16, float32') },
  });
  await rm(folder, { recursive: true });
});

describe('a captioner with wrong files', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'panic-tda-captioner-'));
    await cp(qwenFolder, folder, { recursive: true });
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('refuses scores that are not numbers', async () => {
    const file = join(folder, 'onnx/embed_tokens.onnx');
    const graph = await readFile(file);
    // The table of embeddings is nearly the whole file, so every number in it becomes NaN.
    await writeFile(file, Buffer.from(graph).fill(0xff, 1000, graph.length - 1000));
    const given = await captions(captionerIn(folder, qwen), folder, [[picture(square)]]);
    expect(given).toMatchObject({ answers: [[{ kind: 'ModelOutputInvalid' }]] });
    await writeFile(file, graph);
  });

  test('names the file where a graph is damaged, where one is missing, and where settings ask for another', async () => {
    const model = captionerIn(folder, qwen);
    const other = captionerIn(folder, { ...qwen, vision_encoder_dtype: 'q4' });
    expect(await captions(other, folder, [])).toMatchObject({
      error: { kind: 'InvalidInput', message: expect.stringContaining('onnx/vision_encoder_q4.onnx') },
    });
    await writeFile(join(folder, 'onnx/vision_encoder.onnx'), 'no graph');
    expect(await captions(model, folder, [])).toMatchObject({
      error: { kind: 'ModelFilesMissing', message: expect.stringContaining('onnx/vision_encoder.onnx') },
    });
    await rm(join(folder, 'preprocessor_config.json'));
    expect(await captions(model, folder, [])).toMatchObject({
      error: { kind: 'ModelFilesMissing', message: expect.stringContaining('preprocessor_config.json') },
    });
  });
});

const check = (settings: ModelSettings): unknown => captionerIn(qwenFolder, settings);

describe('settings of a captioner', () => {
  test.each(['num_beams', 'top_p'])('%s is refused, since the library ignores it', (key) => {
    expect(() => check({ ...qwen, [key]: 1 })).toThrow(`transformers.js ignores ${key}`);
  });

  test('a setting without effect or meaning is refused', () => {
    expect(() => check({ ...qwen, temperature: 0.5 })).toThrow('where do_sample is true only');
    expect(() => check({ ...qwen, top_k: 5 })).toThrow('where do_sample is true only');
    expect(() => check({ ...qwen, do_sample: true, temperature: 0 })).toThrow();
    expect(() => check({ ...qwen, beams: 2 })).toThrow('beams');
    expect(() => check({ ...qwen, prompt: '<CAPTION>' })).toThrow('a sentence without');
    expect(() => check({ ...qwen, family: 'blip2' })).toThrow('family');
    expect(() => check({ ...qwen, vision_encoder_dtype: 'fp8' })).toThrow('vision_encoder_dtype');
  });
});

test('captioners of the catalogue run in processes of the pool', async () => {
  const folder = temporaryFolder();
  await cp(join(fixtures, 'smolvlm-tiny'), folder, { recursive: true });
  // The catalogue's entry lists no separate file for the template, and then the loader opens none.
  const [template, config] = [join(folder, 'chat_template.jinja'), join(folder, 'tokenizer_config.json')];
  const content = readObject(config);
  await writeFile(config, JSON.stringify({ ...content, chat_template: await readFile(template, 'utf8') }));
  const pool = await createModelPool({
    modelsFolder: tmpdir(),
    folders: { SmolVLM: folder },
    devices: { device: 'cpu' },
  });
  const given = await readPicture(join(fixtures, 'pictures', wide));
  const first = await pool.generate('SmolVLM', given, 1);
  const again = await pool.generate('SmolVLM', given, 2);
  await pool.close();
  expect(first.output).toMatchObject({ modality: 'text' });
  expect(again.output).toEqual(first.output);
  expect(first.fingerprint).toMatchObject({ runtime: 'onnxruntime', device: 'cpu', dtype: 'fp32' });
});
