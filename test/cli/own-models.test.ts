import { afterAll, expect, jest, test } from '@jest/globals';
import { join } from 'node:path';
import { openStoreReadonly } from '../../db/index.js';
import { filesIn } from '../../models/files/layout.js';
import { describerAt, embedderAt, painterAt, startModelServer } from '../models/model-server.js';
import { cleanUp, folderWith, panicTda } from './cli-process.js';

jest.setTimeout(180_000);
afterAll(cleanUp);

const fixtures = join(import.meta.dirname, '../fixtures');

/** The form of an own catalogue's entry for a tiny model of this repository: all files of its folder but what is expected of it. */
function tiny(name: string, folder: string, ...parts: readonly object[]): object {
  const path = join(fixtures, folder);
  const files = filesIn(path).filter((file) => file !== 'expected.json');
  const identity = { name, summary: 'Tiny, of random weights.', revision: '1', license: 'MIT' };
  return Object.assign(
    { ...identity, source: `folder:${path}`, weights: { files, memory_mib: 300 } },
    ...parts,
  );
}

const generative = { kind: 'generative', deterministic: true };
const vector = { file: 'model.onnx', dtype: 'fp32', output: 'last_hidden_state', normalize: true };
const catalogue = {
  models: [
    tiny('TinyPainter', 'diffusion/sd', generative, {
      loader: 'text-to-image',
      input: 'text',
      output: 'image',
      settings: { steps: 2, guidance_scale: 0, width: 48, height: 32, dtype: 'fp32' },
    }),
    tiny('TinyCaptioner', 'captioners/smolvlm-tiny', generative, {
      loader: 'image-to-text',
      input: 'image',
      output: 'text',
      settings: {
        family: 'smolvlm',
        prompt: 'What is it?',
        max_new_tokens: 12,
        image_splitting: false,
        vision_encoder_dtype: 'fp32',
        embed_tokens_dtype: 'fp32',
        decoder_model_merged_dtype: 'fp32',
      },
    }),
    tiny('TinyWords', 'embedders/mpnet', {
      kind: 'embedding',
      loader: 'text-embedder',
      input: 'text',
      dimension: 32,
      settings: { ...vector, max_tokens: 32, pooling: 'mean' },
    }),
    tiny('TinyLooks', 'embedders/dinov2', {
      kind: 'embedding',
      loader: 'image-embedder',
      input: 'image',
      dimension: 32,
      settings: { ...vector, pooling: 'cls' },
    }),
  ],
};

test('a loop of neural models: verified, run, and made again byte for byte', async () => {
  const folder = folderWith({
    'catalogue.json': catalogue,
    'experiment.json': {
      networks: [['TinyPainter', 'TinyCaptioner']],
      prompts: ['a red fox', 'a long way from home '.repeat(20)],
      seeds: [3, -1],
      embedding_models: ['TinyWords', 'TinyLooks'],
      max_length: 6,
    },
  });
  const env = {
    PANIC_TDA_CATALOGUE: join(folder, 'catalogue.json'),
    PANIC_TDA_MODELS: join(folder, 'models'),
    PANIC_TDA_DEVICE: 'cpu',
  };
  const refused = await panicTda(folder, ['run', 'experiment.json'], env);
  expect(refused.stderr).toMatch(/models verify TinyPainter TinyCaptioner TinyWords TinyLooks/);
  expect(refused.code).toBe(2);

  const names = ['TinyPainter', 'TinyCaptioner', 'TinyWords', 'TinyLooks'];
  expect((await panicTda(folder, ['models', 'verify', ...names], env)).code).toBe(0);
  const run = await panicTda(folder, ['run', 'experiment.json', '--json'], env);
  expect(run.stderr).toMatch(/Web UI/);
  expect(run.code).toBe(0);
  const { experiment, diagrams } = JSON.parse(run.stdout) as { experiment: string; diagrams: number };
  expect(diagrams).toBe(8);

  const again = await panicTda(folder, ['verify', experiment, '--sample', '100%', '--json'], env);
  const { sampled, equal } = JSON.parse(again.stdout) as { sampled: number; equal: number };
  expect(sampled).toBeGreaterThan(12);
  expect(equal).toBe(sampled);
  expect(again.code).toBe(0);
  // The long prompt is cut where the text encoder ends, and that is told.
  const shown = await panicTda(folder, ['show', experiment, '1'], env);
  expect(shown.stdout).toMatch(/^cut +\d+ steps? of 6/m);

  const store = openStoreReadonly(join(folder, 'panic-tda-data'))!;
  const { value: computed } = await store.computed.ids(experiment).next();
  const [invocation] = await store.computed.get([computed!.id]);
  await store.close();
  expect(invocation!.host).toMatchObject({ runtime: 'onnxruntime', device: 'cpu', dtype: 'fp32' });
  expect(invocation!.host.files['unet/model.onnx']).toMatch(/^[0-9a-f]{64}$/);
  expect(invocation!.model.revision).toMatch(/^files:/);
});

test('a loop of models behind a server', async () => {
  const server = await startModelServer();
  const folder = folderWith({
    'catalogue.json': {
      models: [painterAt(server.base), describerAt(server.base, 'image'), embedderAt(server.base)],
    },
    'experiment.json': {
      networks: [['ServedPainter', 'ServedDescriber']],
      prompts: ['a red fox', 'a grey sea'],
      seeds: [-1],
      embedding_models: ['ServedEmbedder'],
      max_length: 10,
    },
  });
  const env = { PANIC_TDA_CATALOGUE: join(folder, 'catalogue.json') };
  const run = await panicTda(folder, ['run', 'experiment.json', '--json'], env);
  await server.close();
  expect(run.code).toBe(0);
  const { experiment } = JSON.parse(run.stdout) as { experiment: string };
  expect(server.asked.filter(({ path }) => path === '/v1/images/generations')).toHaveLength(10);

  const store = openStoreReadonly(join(folder, 'panic-tda-data'))!;
  const { value: computed } = await store.computed.ids(experiment).next();
  const [invocation] = await store.computed.get([computed!.id]);
  await store.close();
  expect(invocation!.host).toMatchObject({ runtime: 'server', device: server.base, served: 'tiny' });
});
