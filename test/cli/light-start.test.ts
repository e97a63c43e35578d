import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, expect, jest, test } from '@jest/globals';
import { experimentId } from '../../experiment/ids.js';
import { picture } from '../db/small-experiment.js';
import { suiteAddress, takeNamespace } from '../support/suite-server.js';
import { temporaryFolder } from '../workers/temporary-folder.js';
import { cleanUp, folderWith, startPanicTda } from './cli-process.js';
import { dummyConfig, storeOutputs } from './stored-run.js';

jest.setTimeout(120_000);
afterAll(cleanUp);

const PRELOAD = new URL('../support/native-libraries.mjs', import.meta.url).href;
/** Libraries that take a tenth of a second and more to load, and that only models and pictures need. */
const HEAVY = ['onnxruntime', 'libvips', 'sharp'];

const dummyHost = { runtime: 'node', runtimeVersion: '1', device: 'cpu', dtype: 'none', files: {} };

interface Watched {
  readonly env: Readonly<Record<string, string>>;
  readonly heavyOnes: () => string[];
}

/** Variables for a process that is to tell at its end what it has loaded. transformers.js loads both of the heavy ones. */
function watched(): Watched {
  const file = join(temporaryFolder(), 'libraries.json');
  const env = { NODE_OPTIONS: `--import=${PRELOAD}`, LOADED_LIBRARIES_FILE: file };
  const heavyOnes = (): string[] => {
    const all = JSON.parse(readFileSync(file, 'utf8')) as string[];
    return HEAVY.filter((name) => all.some((path) => path.includes(name)));
  };
  return { env, heavyOnes };
}

test('what is looked for can be found: a process that loads models has all of it', async () => {
  const { env, heavyOnes } = watched();
  const script = "await import('@huggingface/transformers')";
  await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, ...env },
  });
  expect(heavyOnes()).toEqual(HEAVY);
});

test.each(['--help', 'list', 'models list', 'models show SDTurbo', 'plan experiment.json'])(
  '%s loads neither the ONNX runtime nor the picture library',
  async (command) => {
    const { env, heavyOnes } = watched();
    const experiment = {
      networks: [['DummyT2I', 'DummyI2T']],
      prompts: ['a'],
      seeds: [1],
      embedding_models: ['Dummy'],
      max_length: 4,
    };
    const folder = folderWith({ 'experiment.json': experiment });
    const { code, stderr } = await startPanicTda(folder, command.split(' '), env).ended;
    expect(code === 0 ? '' : stderr).toBe('');
    expect(heavyOnes()).toEqual([]);
  },
);

test.each(['show', 'status'])('%s of a stored run loads neither', async (verb) => {
  const { env, heavyOnes } = watched();
  const folder = folderWith();
  const outputs = [picture(2, 2, Uint8Array.of(1, 2, 3)), { modality: 'text', text: 'a caption' }] as const;
  const store = await storeOutputs(join(folder, 'panic-tda-data'), dummyConfig, dummyHost, outputs);
  await store.close();
  const words = verb === 'show' ? ['0'] : [];
  const { code, stderr } = await startPanicTda(folder, [verb, experimentId(dummyConfig), ...words], env)
    .ended;
  expect(code === 0 ? '' : stderr).toBe('');
  expect(heavyOnes()).toEqual([]);
});

const MODULES = new URL('../support/loaded-modules.mjs', import.meta.url).href;

/** Packages, and rooms of ours, whose modules a command loads. */
async function loadedBy(command: string): Promise<ReadonlySet<string>> {
  const file = join(temporaryFolder(), 'modules.txt');
  const env = { NODE_OPTIONS: `--import=${MODULES}`, LOADED_MODULES_FILE: file };
  await startPanicTda(folderWith(), command.split(' '), env).ended;
  const addresses = readFileSync(file, 'utf8').split('\n');
  const inPackage = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//;
  const inRoom = /\/dist\/(\w+)\//;
  return new Set(addresses.flatMap((url) => inPackage.exec(url)?.[1] ?? inRoom.exec(url)?.[1] ?? []));
}

test('help, the version and a wrong word load the command line, and neither models, nor the store, nor Temporal', async () => {
  for (const command of ['--version', '--help', 'help run', 'run --help', 'stauts', 'list --jsno']) {
    const loaded = await loadedBy(command);
    expect(
      [...loaded].filter((name) => !['cli', 'experiment', 'db', 'workers', 'models'].includes(name)),
    ).toEqual(['commander']);
  }
});

test('commands that look at stored rows load no client of Temporal, no Postgres, and no library of models', async () => {
  for (const command of ['list', 'status', 'models list']) {
    const loaded = await loadedBy(command);
    expect(loaded).toContain('zod');
    for (const name of [
      '@temporalio/client',
      '@temporalio/worker',
      'pg',
      '@huggingface/transformers',
      'undici',
    ]) {
      expect(loaded).not.toContain(name);
    }
  }
});

test('a worker loads neither before it has work', async () => {
  const { env, heavyOnes } = watched();
  const folder = folderWith({});
  const worker = startPanicTda(folder, ['worker'], {
    ...env,
    TEMPORAL_ADDRESS: suiteAddress(),
    TEMPORAL_NAMESPACE: takeNamespace(),
  });
  while (!worker.stderr().includes('Ctrl-C stops it') && worker.process.exitCode === null) await sleep(100);
  worker.process.kill('SIGTERM');
  const { code, stderr } = await worker.ended;
  expect(code === 0 ? '' : stderr).toBe('');
  expect(heavyOnes()).toEqual([]);
});
