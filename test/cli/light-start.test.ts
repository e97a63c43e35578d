import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { experimentId } from '../../experiment/ids.js';
import { picture } from '../support/small-experiment.js';
import { suiteAddress, takeNamespace } from '../support/suite-server.js';
import { repositoryPath } from '../support/child-processes.js';
import { sharedTemporaryFolder } from '../support/temporary-folder.js';
import { cleanUp, folderWith, startPanicTda, type Ended } from '../support/cli-process.js';
import { dummyConfig, storeOutputs } from '../support/stored-run.js';
import { z } from 'zod';
import { readJson } from '../support/json.js';

afterAll(cleanUp);

const PRELOAD = new URL('../support/native-libraries.mjs', import.meta.url).href;
/** Libraries that take a tenth of a second and more to load, and that only models and pictures need. */
const HEAVY = ['onnxruntime', 'libvips', 'sharp'];

const FINGERPRINT = { runtime: 'node', runtimeVersion: '1', device: 'cpu', dtype: 'none', files: {} };

/** Variables for a process that writes at its end which native libraries it has loaded, and the file for that. */
function watched(): { readonly env: Readonly<Record<string, string>>; readonly heavyOnes: () => string[] } {
  const file = join(sharedTemporaryFolder(), 'libraries.json');
  const env = { NODE_OPTIONS: `--import=${PRELOAD}`, LOADED_LIBRARIES_FILE: file };
  const heavyOnes = (): string[] => {
    const all = readJson(readFileSync(file, 'utf8'), z.array(z.string()));
    return HEAVY.filter((name) => all.some((path) => path.includes(name)));
  };
  return { env, heavyOnes };
}

test('the check can find these libraries: a process that loads models has all of them', async () => {
  const { env, heavyOnes } = watched();
  // transformers.js loads both.
  const script = "await import('@huggingface/transformers')";
  await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, ...env },
  });
  expect(heavyOnes()).toEqual(HEAVY);
});

const ROOT = repositoryPath('.');
const MODULES = new URL('../support/loaded-modules.mjs', import.meta.url).href;

/**
 * The modules that the build put into a file of the program, by the map beside the file. A file without a map
 * is a module itself.
 */
function sourcesOf(address: string): string[] {
  if (!address.startsWith('file:')) return [];
  const file = fileURLToPath(address);
  if (!existsSync(`${file}.map`)) return [file];
  const { sources } = readJson(
    readFileSync(`${file}.map`, 'utf8'),
    z.object({ sources: z.array(z.string()) }),
  );
  return sources.map((source) => resolve(dirname(file), source));
}

/** What a command loads. */
interface Loaded {
  /** The address of each file. */
  readonly files: readonly string[];
  /** Names of packages, and of our own modules such as `db/store`. */
  readonly modules: ReadonlySet<string>;
  /** Those of the heavy native libraries. */
  readonly heavyOnes: readonly string[];
  readonly ended: Ended;
}

async function loading(
  command: readonly string[],
  folder: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<Loaded> {
  const { env, heavyOnes } = watched();
  const file = join(sharedTemporaryFolder(), 'modules.txt');
  const ended = await startPanicTda(folder, command, {
    ...variables,
    ...env,
    NODE_OPTIONS: `${env['NODE_OPTIONS']} --import=${MODULES}`,
    LOADED_MODULES_FILE: file,
  }).ended;
  const files = readFileSync(file, 'utf8').split('\n');
  const packaged = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//;
  const own = files.flatMap(sourcesOf).map((path) => packaged.exec(path)?.[1] ?? relative(ROOT, path));
  const modules = new Set(own.map((name) => name.replace(/^dist\//, '').replace(/\.[jt]s$/, '')));
  return { files, modules, heavyOnes: heavyOnes(), ended };
}

let folder: string;
beforeAll(async () => {
  folder = await folderWithRun();
});

const asked = new Map<string, Promise<Loaded>>();

/** What a command loads that looks at a data folder with an experiment. Each command runs once. */
async function loadedBy(...command: readonly string[]): Promise<Loaded> {
  const name = command.join(' ');
  const before = asked.get(name);
  if (before !== undefined) return await before;
  const now = loading(command, folder);
  asked.set(name, now);
  return await now;
}

/** A folder with an experiment of one run, and an experiment file of one run. */
async function folderWithRun(): Promise<string> {
  const folder = folderWith({
    'experiment.json': {
      networks: [['DummyT2I', 'DummyI2T']],
      prompts: ['a'],
      seeds: [1],
      embedding_models: ['Dummy'],
      max_length: 4,
    },
  });
  const outputs = [picture(2, 2, Uint8Array.of(1, 2, 3)), { modality: 'text', text: 'a caption' }] as const;
  const store = await storeOutputs(join(folder, 'panic-tda-data'), dummyConfig, FINGERPRINT, outputs);
  await store.close();
  return folder;
}

test('help, the version and a wrong word load the command line, but no models, no store and no Temporal', async () => {
  const commands = ['--version', '--help', 'help run', 'run --help', 'stauts', 'list --jsno'];
  for (const command of commands) {
    const { modules: loaded } = await loadedBy(...command.split(' '));
    const rooms = ['bin', 'cli', 'common', 'experiment', 'db', 'workers', 'models'];
    expect([...loaded].filter((name) => !rooms.includes(name.split('/')[0]!))).toEqual(['commander']);
    for (const heavy of ['db/store', 'models/catalogue', 'workers/settings/environment']) {
      expect(loaded).not.toContain(heavy);
    }
  }
});

// Node takes 0.7 ms of CPU time for each file. esbuild makes a file for each set of commands that share a
// module.
test.each([
  { command: ['--version'], most: 2 },
  { command: ['--help'], most: 2 },
  { command: ['list'], most: 8 },
  { command: ['status'], most: 8 },
])('$command reads few files of the program, at most $most', async ({ command, most }) => {
  const { files } = await loadedBy(...command);
  const own = files.filter((address) => address.includes('/dist/'));
  expect(own.length).toBeGreaterThan(0);
  expect(own.length).toBeLessThanOrEqual(most);
});

/** Libraries that take 20 to 300 ms of CPU time to load, by the name of the package or of our module. */
const LIBRARIES = {
  'a library of schemas': ['zod'],
  "Temporal's client": ['@temporalio/client', '@temporalio/worker', '@temporalio/proto'],
  'a display that redraws': ['log-update', 'cli/terminal/live-display'],
  'what models are run with': ['@huggingface/transformers', 'onnxruntime-node', 'tokenizers', 'sharp'],
  'a client of other stores or servers': ['pg', '@aws-sdk/client-s3', 'undici'],
  'the doctor, the merging or the topology': ['db/doctor/index', 'db/merge/index', 'tda/index'],
} as const;
type Library = keyof typeof LIBRARIES;
const isLibrary = (name: string): name is Library => Object.hasOwn(LIBRARIES, name);
const ALL = Object.keys(LIBRARIES).filter(isLibrary);

const ID = experimentId(dummyConfig);
test.each<{ readonly command: readonly string[]; readonly needs: readonly Library[] }>([
  { command: ['list'], needs: [] },
  { command: ['status'], needs: [] },
  { command: ['status', ID, '--json'], needs: [] },
  { command: ['show', ID], needs: [] },
  { command: ['show', ID, '0'], needs: [] },
  { command: ['show', ID, '--experiment-file'], needs: [] },
  { command: ['complete-words', 'show', ''], needs: [] },
  { command: ['completion', 'bash'], needs: [] },
  { command: ['upgrade', '--check'], needs: [] },
  { command: ['models'], needs: ['a library of schemas'] },
  { command: ['plan', 'experiment.json'], needs: ['a library of schemas'] },
  { command: ['pause'], needs: ["Temporal's client"] },
])('$command loads nothing that it does not need', async ({ command, needs }) => {
  const { modules: loaded } = await loadedBy(...command);
  const found = ALL.filter((library) => LIBRARIES[library].some((name) => loaded.has(name)));
  expect(found).toEqual(needs);
});

test('the check above can find these libraries where a command needs them', async () => {
  const elsewhere = { PANIC_TDA_DATABASE: 'postgres://127.0.0.1:2/none', PANIC_TDA_DEVICE: 'cpu' };
  const { modules: doctor } = await loading(['doctor'], folder, elsewhere);
  const found = ALL.filter((library) => LIBRARIES[library].some((name) => doctor.has(name)));
  // Models run in processes of their own, which this does not look at.
  expect(found).toEqual(ALL.filter((library) => library !== 'what models are run with'));
});

test.each(['--help', 'list', 'models list', 'models show SDTurbo', 'plan experiment.json'])(
  '%s loads neither the ONNX runtime nor the picture library',
  async (command) => {
    const { ended, heavyOnes } = await loadedBy(...command.split(' '));
    expect(ended.code === 0 ? '' : ended.stderr).toBe('');
    expect(heavyOnes).toEqual([]);
  },
);

test.each(['show', 'status'])('%s of a stored run loads neither', async (verb) => {
  const { ended, heavyOnes } = await loadedBy(...(verb === 'show' ? ['show', ID, '0'] : ['status']));
  expect(ended.code === 0 ? '' : ended.stderr).toBe('');
  expect(heavyOnes).toEqual([]);
});

test('a worker loads neither before it has work', async () => {
  const { env, heavyOnes } = watched();
  const worker = startPanicTda(folderWith(), ['worker'], {
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
