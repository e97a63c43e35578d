import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { openStoreReadonly } from '../../db/index.js';
import { describerAt, embedderAt, painterAt, startModelServer } from '../support/model-server.js';
import { cleanUp, folderWith, type Ended } from '../support/cli-process.js';
import { runCommand } from '../support/standing-program.js';
import { TINY_MODELS, tinyCatalogue } from '../support/tiny-models.js';
import { suiteAddress, takeNamespace } from '../support/suite-server.js';
import { startWorkerProcess, type WorkerProcess } from '../support/worker-process.js';
import { z } from 'zod';
import { experimentIn, readJson } from '../support/json.js';

afterAll(cleanUp);

const fixtures = join(import.meta.dirname, '../fixtures');
const server = await startModelServer();

let folder: string;
let env: Readonly<Record<string, string>>;
/** A run before the files of its models were verified. */
let early: Ended;
let worker: WorkerProcess;

beforeAll(async () => {
  const served = [painterAt(server.base), describerAt(server.base, 'image'), embedderAt(server.base)];
  folder = folderWith({
    'catalogue.json': { models: [...tinyCatalogue(fixtures).models, ...served] },
    'neural.json': {
      networks: [['TinyPainter', 'TinyCaptioner']],
      prompts: ['a red fox', 'a long way from home '.repeat(20)],
      seeds: [3, -1],
      embedding_models: ['TinyWords', 'TinyLooks'],
      max_length: 6,
    },
    'served.json': {
      networks: [['ServedPainter', 'ServedDescriber']],
      prompts: ['a red fox', 'a grey sea'],
      seeds: [-1],
      embedding_models: ['ServedEmbedder'],
      max_length: 10,
    },
  });
  const own = {
    PANIC_TDA_CATALOGUE: join(folder, 'catalogue.json'),
    PANIC_TDA_MODELS: join(folder, 'models'),
    PANIC_TDA_DEVICE: 'cpu',
  };
  const namespace = takeNamespace();
  env = { ...own, TEMPORAL_ADDRESS: suiteAddress(), TEMPORAL_NAMESPACE: namespace };
  early = await runCommand(folder, ['run', 'neural.json'], env);
  expect((await runCommand(folder, ['models', 'verify', ...TINY_MODELS], env)).code).toBe(0);
  worker = startWorkerProcess({ namespace, data: join(folder, 'panic-tda-data'), env: own });
});
afterAll(async () => {
  await worker.stop();
  await server.close();
});

/** The first model call of an experiment that is stored. */
async function firstCall(experiment: string) {
  const store = openStoreReadonly(join(folder, 'panic-tda-data'))!;
  const { value: computed } = await store.computed.ids(experiment).next();
  const [invocation] = await store.computed.get([computed!.id]);
  await store.close();
  return invocation!;
}

test('a run refuses models whose files are not verified', () => {
  expect(early.stderr).toMatch(/models verify TinyPainter TinyCaptioner TinyWords TinyLooks/);
  expect(early.code).toBe(2);
});

test('a loop of neural models: run, and made again byte for byte', async () => {
  const run = await runCommand(folder, ['run', 'neural.json', '--json'], env);
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

  const { fingerprint, model } = await firstCall(experiment);
  expect(fingerprint).toMatchObject({ runtime: 'onnxruntime', device: 'cpu', dtype: 'fp32' });
  expect(fingerprint.files['unet/model.onnx']).toMatch(/^[0-9a-f]{64}$/);
  expect(model.revision).toMatch(/^files:/);
});

test('a loop of models behind a server', async () => {
  const run = await runCommand(folder, ['run', 'served.json', '--json'], env);
  expect(run.code).toBe(0);
  expect(server.asked.filter(({ path }) => path === '/v1/images/generations')).toHaveLength(10);
  expect((await firstCall(experimentIn(run.stdout))).fingerprint).toMatchObject({
    runtime: 'server',
    device: server.base,
    served: 'tiny',
  });
});
