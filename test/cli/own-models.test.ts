import { afterAll, expect, jest, test } from '@jest/globals';
import { join } from 'node:path';
import { openStoreReadonly } from '../../db/index.js';
import { describerAt, embedderAt, painterAt, startModelServer } from '../support/model-server.js';
import { cleanUp, folderWith } from '../support/cli-process.js';
import { withWorker } from '../support/resumed.js';
import { runCommand } from '../support/standing-program.js';
import { TINY_MODELS, tinyCatalogue } from '../support/tiny-models.js';
import { z } from 'zod';
import { experimentIn, readJson } from '../support/json.js';

jest.setTimeout(180_000);
afterAll(cleanUp);

const fixtures = join(import.meta.dirname, '../fixtures');

test('a loop of neural models: verified, run, and made again byte for byte', async () => {
  const folder = folderWith({
    'catalogue.json': tinyCatalogue(fixtures),
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
  const refused = await runCommand(folder, ['run', 'experiment.json'], env);
  expect(refused.stderr).toMatch(/models verify TinyPainter TinyCaptioner TinyWords TinyLooks/);
  expect(refused.code).toBe(2);

  expect((await runCommand(folder, ['models', 'verify', ...TINY_MODELS], env)).code).toBe(0);
  const run = await withWorker(join(folder, 'panic-tda-data'), ['run', 'experiment.json', '--json'], env);
  expect(run.code).toBe(0);
  const { experiment, diagrams } = readJson(
    run.stdout,
    z.object({ experiment: z.string(), diagrams: z.number() }),
  );
  expect(diagrams).toBe(8);

  const again = await runCommand(folder, ['verify', experiment, '--sample', '100%', '--json'], env);
  const { sampled, equal } = readJson(again.stdout, z.object({ sampled: z.number(), equal: z.number() }));
  expect(sampled).toBeGreaterThan(12);
  expect(equal).toBe(sampled);
  expect(again.code).toBe(0);
  // The text encoder cuts the long prompt, and show says so.
  const shown = await runCommand(folder, ['show', experiment, '1'], env);
  expect(shown.stdout).toMatch(/^cut +\d+ steps? of 6/m);

  const store = openStoreReadonly(join(folder, 'panic-tda-data'))!;
  const { value: computed } = await store.computed.ids(experiment).next();
  const [invocation] = await store.computed.get([computed!.id]);
  await store.close();
  expect(invocation!.fingerprint).toMatchObject({ runtime: 'onnxruntime', device: 'cpu', dtype: 'fp32' });
  expect(invocation!.fingerprint.files['unet/model.onnx']).toMatch(/^[0-9a-f]{64}$/);
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
  const run = await withWorker(join(folder, 'panic-tda-data'), ['run', 'experiment.json', '--json'], env);
  await server.close();
  expect(run.code).toBe(0);
  const experiment = experimentIn(run.stdout);
  expect(server.asked.filter(({ path }) => path === '/v1/images/generations')).toHaveLength(10);

  const store = openStoreReadonly(join(folder, 'panic-tda-data'))!;
  const { value: computed } = await store.computed.ids(experiment).next();
  const [invocation] = await store.computed.get([computed!.id]);
  await store.close();
  expect(invocation!.fingerprint).toMatchObject({ runtime: 'server', device: server.base, served: 'tiny' });
});
