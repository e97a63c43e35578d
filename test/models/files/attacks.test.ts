import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { EmbeddingModel, Model } from '../../../experiment/model.js';
import {
  plannedRemoval,
  pullModels,
  readCatalogue,
  readinessOf,
  readLock,
  removeModel,
  resolveModelFiles,
  verifyModel,
} from '../../../models/index.js';
import { pinnedModel } from '../../../models/files/lock.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { COMMIT, HubServer, sha256 } from '../../support/hub-server.js';
import { externalTensor, model as graphOf, node } from '../../support/onnx-bytes.js';
import { tinyModel, type Said } from './tiny-model.js';

/*
 * Attacks on the models folder by a foreign catalogue, lock file or folder. Each worked before its fix.
 */

const config = Buffer.from('{"a": 1}');
const weights = Buffer.alloc(300_000, 'weights ');
const outer = graphOf([node('Add')], [externalTensor('model.onnx_data')]);
const FILES = ['config.json', 'onnx/model.onnx', 'onnx/model.onnx_data'];

function modelOf(files: readonly string[] = FILES, more: Omit<Said, 'weights'> = {}): EmbeddingModel {
  return tinyModel({ ...more, weights: { files } });
}

let hub: HubServer;
let folder: string;
let there: string;
/** A folder of the user's beside the models folder, with a file in it. */
let outside: string;
let secret: string;

beforeEach(async () => {
  const root = temporaryFolder();
  folder = join(root, 'models');
  outside = join(root, 'outside');
  mkdirSync(folder);
  mkdirSync(outside);
  there = join(folder, `owner/tiny@${COMMIT}`);
  secret = join(outside, 'config.json');
  writeFileSync(secret, 'mine');
  hub = new HubServer({
    'owner/tiny': {
      'config.json': { bytes: config },
      'onnx/model.onnx': { bytes: outer },
      'onnx/model.onnx_data': { bytes: weights, large: true },
    },
  });
  await hub.start();
});
afterEach(() => hub.stop());

async function pull(model: EmbeddingModel = modelOf()): Promise<string> {
  const [outcome] = await pullModels([model], {
    modelsFolder: folder,
    hub: { endpoint: hub.endpoint, token: undefined },
    signal: new AbortController().signal,
    onProgress: () => undefined,
    onNotice: () => undefined,
    retryDelaysMs: [],
  });
  return outcome?.ok === true ? 'pulled' : (outcome?.error.message ?? '');
}

/** The model as a catalogue that is read now has it. */
const pinned = (): Model => pinnedModel(modelOf(), readLock(folder));
const stillMine = (): boolean => readFileSync(secret, 'utf8') === 'mine';

const catalogueEntry = (files: readonly unknown[], settings: object = {}) => ({
  name: 'Mine',
  kind: 'embedding',
  summary: 'Mine.',
  loader: 'text-embedder',
  source: 'hub:owner/tiny',
  revision: 'main',
  license: 'MIT',
  input: 'text',
  dimension: 3,
  settings: {
    file: 'model.onnx',
    dtype: 'fp32',
    output: 'o',
    max_tokens: 8,
    pooling: 'mean',
    normalize: true,
    ...settings,
  },
  weights: { files, memory_mib: 1 },
});

async function problemsOf(...asked: Parameters<typeof catalogueEntry>): Promise<string> {
  const catalogueFile = join(outside, 'catalogue.json');
  writeFileSync(catalogueFile, JSON.stringify({ models: [catalogueEntry(...asked)] }));
  return (await readCatalogue({ catalogueFile })).problems.join('\n');
}

describe('a catalogue', () => {
  test('is accepted where it is in order', async () => {
    expect(await problemsOf(['model.onnx', 'tokenizer.json'])).toBe('');
  });

  test.each([
    'a\n/../../../outside/config.json',
    'a\u2028/../../x',
    'a\r/../x',
    'a\u202eb',
    'a\u009bb',
    '/x',
    'a\\b',
  ])('whose file is named %j is refused', async (path) => {
    expect(await problemsOf(['model.onnx', path])).toMatch(
      /weights\.files\[1\]: found .*; allowed: a path within/,
    );
    expect(await problemsOf(['model.onnx', { path }])).toMatch(/weights\.files\[1\]\.path: found/);
  });

  test.each([
    ['Model.onnx', 'model.onnx'],
    ['caf\u00e9', 'cafe\u0301'],
    ['a/b', 'a'],
  ])('whose files %j and %j are one on some file systems is refused', async (one, other) => {
    expect(await problemsOf(['model.onnx', 'x/y', one, other])).toMatch(
      /which some file systems take for one/,
    );
  });

  test.each([
    'models.lock.json',
    'x/Models.lock.json.guard',
    '.in-use/x',
    'pull.lock',
    'model.onnx.part',
    'a.PART.ETAG',
  ])('whose file has a name of the program’s own, %j, is refused', async (path) => {
    expect(await problemsOf(['model.onnx', path])).toMatch(/own files|unfinished downloads/);
  });

  test('whose graph is not among its files is refused', async () => {
    expect(await problemsOf(['tokenizer.json', 'onnx/model.onnx'])).toMatch(
      /settings\.file: found "model\.onnx"; allowed: a graph of weights\.files: "onnx\/model\.onnx"/,
    );
    expect(await problemsOf(['model.onnx'], { file: '../../outside/model.onnx' })).toMatch(
      /settings\.file: found/,
    );
  });

  test.each(['trust_remote_code', 'custom_ops_library', 'session_options', 'auto_map'])(
    'cannot name code from elsewhere: %s is no setting',
    async (key) => {
      expect(await problemsOf(['model.onnx'], { [key]: true })).toMatch(/an unknown field/);
    },
  );
});

describe('a pull', () => {
  test('gets the listed files', async () => {
    expect(await pull()).toBe('pulled');
  });

  test('into a models folder that is a link to another disk works, and so do verify and remove', async () => {
    const real = join(outside, 'disk');
    renameSync(folder, real);
    symlinkSync(real, folder);
    expect(await pull()).toBe('pulled');
    expect(await verifyModel(pinned(), folder)).toMatchObject({ ok: true });
    expect((await resolveModelFiles(pinned(), folder)).files).toHaveLength(3);
    await removeModel(modelOf(), folder, plannedRemoval(modelOf(), folder)!);
    expect(existsSync(there)).toBe(false);
    expect(existsSync(join(real, 'models.lock.json'))).toBe(true);
  });

  test.each(['owner', `owner/tiny@${COMMIT}`, `owner/tiny@${COMMIT}/onnx`])(
    'writes nothing where %s is a link out of the models folder',
    async (place) => {
      mkdirSync(dirname(join(folder, place)), { recursive: true });
      symlinkSync(outside, join(folder, place));
      expect(await pull()).toMatch(/nothing is written or deleted there\. Remove the link/);
      expect(stillMine()).toBe(true);
      expect(execFileSync('find', [outside, '-type', 'f'], { encoding: 'utf8' })).toBe(`${secret}\n`);
    },
  );

  test('writes nothing through a dangling link', async () => {
    mkdirSync(there, { recursive: true });
    symlinkSync(join(outside, 'new'), join(there, 'onnx'));
    expect(await pull()).toMatch(/a link to nothing/);
    expect(existsSync(join(outside, 'new'))).toBe(false);
  });

  test('replaces a file that is a link, and follows none', async () => {
    mkdirSync(there, { recursive: true });
    writeFileSync(secret, config);
    symlinkSync(secret, join(there, 'config.json'));
    expect(await pull()).toBe('pulled');
    expect(lstatSync(join(there, 'config.json')).isFile()).toBe(true);
    expect(readFileSync(secret).equals(config)).toBe(true);
  });

  test.each(['config.json.part', 'config.json.part.etag'])(
    'appends nothing to what %s is a link or a second name of',
    async (name) => {
      for (const plant of [symlinkSync, linkSync]) {
        rmSync(there, { recursive: true, force: true });
        mkdirSync(there, { recursive: true });
        // An unfinished download, so that the pull also reads the tag.
        writeFileSync(join(there, 'config.json.part'), '{');
        rmSync(join(there, name), { force: true });
        plant(secret, join(there, name));
        expect(await pull()).toBe('pulled');
        expect(stillMine()).toBe(true);
      }
    },
  );

  test('of an entry without the data of its graph fails before anything large comes', async () => {
    const listed = ['config.json', 'onnx/model.onnx'];
    expect(await pull(modelOf(listed))).toMatch(
      /keeps weights in "model\.onnx_data": that file is not among the model's files; add "onnx\/model\.onnx_data"/,
    );
    await hub.stop();
    hub = new HubServer({
      'owner/tiny': {
        'big.bin': { bytes: weights, large: true },
        'onnx/model.onnx': { bytes: outer },
      },
    });
    await hub.start();
    expect(await pull(modelOf(['big.bin', 'onnx/model.onnx']))).toMatch(/add "onnx\/model\.onnx_data"/);
    expect(hub.downloads.map(({ path }) => path)).toEqual([`/owner/tiny/resolve/${COMMIT}/onnx/model.onnx`]);
  });
});

describe('a lock file', () => {
  type Entry = Record<string, unknown> & { files: Record<string, unknown>[] };

  /** Changes the entry of a pulled model. */
  async function edited(change: (entry: Entry) => void): Promise<void> {
    expect(await pull()).toBe('pulled');
    const file = join(folder, 'models.lock.json');
    const lock: { models: { Tiny: Entry } } = JSON.parse(readFileSync(file, 'utf8'));
    change(lock.models.Tiny);
    writeFileSync(file, JSON.stringify(lock));
  }

  const refused = /is not a lock file of this program's.*Move it away/s;

  test.each([
    '../../outside/config.json',
    'a\n/../../../outside/config.json',
    'a\u2028/../../../../outside/config.json',
    '/etc/passwd',
    'a\\b',
    'models.lock.json',
  ])('that names the file %j is refused, and nothing is deleted', async (path) => {
    await edited(({ files }) => (files[0]!['path'] = path));
    expect(() => plannedRemoval(modelOf(), folder)).toThrow(refused);
    expect(() => readinessOf(modelOf(), folder)).toThrow(/models\.Tiny\.files\[0\]\.path/);
    await expect(verifyModel(modelOf(), folder)).rejects.toThrow(refused);
    expect(stillMine()).toBe(true);
  });

  test.each<[string, (entry: Entry) => void]>([
    ['files[0].sha256', ({ files }) => (files[0]!['sha256'] = 'f'.repeat(63))],
    ['files[0].bytes', ({ files }) => (files[0]!['bytes'] = -1)],
    ['files[0].bytes', ({ files }) => (files[0]!['bytes'] = 1.5)],
    ['files[0].mtimeMs', ({ files }) => (files[0]!['mtimeMs'] = '1')],
    ['files[0].inode', ({ files }) => (files[0]!['inode'] = 12)],
    ['"trusted"', ({ files }) => (files[0]!['trusted'] = true)],
    ['"loader"', (entry) => (entry['loader'] = 'x')],
    ['files[3].path', ({ files }) => files.push({ ...files[0]! })],
    ['files[3].path', ({ files }) => files.push({ ...files[0]!, path: 'Config.json' })],
    ['commit', (entry) => (entry['commit'] = 'main')],
    ['revision', (entry) => (entry['revision'] = 'a/../b')],
    ['source', (entry) => (entry['source'] = 'hub:a/b/../c')],
    ['source', (entry) => (entry['source'] = 'package:trained-loop/painter')],
    ['origin', (entry) => (entry['origin'] = 'packaged')],
    ['folder', (entry) => (entry['folder'] = '../outside')],
    ['folder', (entry) => (entry['folder'] = outside)],
    ['folder', (entry) => (entry['folder'] = 'owner\n/../../outside')],
  ])('is refused, and the message names the edited key: %s, %#', async (name, change) => {
    await edited(change);
    expect(() => readLock(folder)).toThrow(refused);
    expect(() => readLock(folder)).toThrow(name);
  });

  test('that gives a key twice is refused', async () => {
    expect(await pull()).toBe('pulled');
    const file = join(folder, 'models.lock.json');
    const text = readFileSync(file, 'utf8').replace('"version": 1,', '"version": 1, "version": 1,');
    writeFileSync(file, text);
    expect(() => readLock(folder)).toThrow(/version/);
  });

  test('of an earlier version is accepted, and its files are hashed exactly once more', async () => {
    await edited(({ files }) => {
      for (const file of files) for (const key of ['ctimeNs', 'inode']) delete file[key];
    });
    expect((await resolveModelFiles(pinned(), folder)).files).toHaveLength(3);
    for (const file of readLock(folder).models['Tiny']!.files) expect(file.ctimeNs).toMatch(/^\d+$/);
  });

  test('causes no deletion through a link within the model', async () => {
    expect(await pull()).toBe('pulled');
    const onnx = join(there, 'onnx');
    renameSync(onnx, join(outside, 'onnx'));
    symlinkSync(join(outside, 'onnx'), onnx);
    expect(() => plannedRemoval(modelOf(), folder)).toThrow(/nothing is written or deleted there/);
    expect(existsSync(join(outside, 'onnx/model.onnx'))).toBe(true);
  });

  test('causes no deletion through a link that came after the question', async () => {
    expect(await pull()).toBe('pulled');
    const removal = plannedRemoval(modelOf(), folder)!;
    const onnx = join(there, 'onnx');
    renameSync(onnx, join(outside, 'onnx'));
    symlinkSync(join(outside, 'onnx'), onnx);
    await expect(removeModel(modelOf(), folder, removal)).rejects.toThrow(
      /nothing is written or deleted there/,
    );
    expect(existsSync(join(outside, 'onnx/model.onnx'))).toBe(true);
  });
});

/** Writes other bytes of the same length, and restores the file's modification time. */
function changeSecretly(file: string): Buffer {
  const bytes = readFileSync(file);
  withTimeKept(file, () => writeFileSync(file, Buffer.alloc(bytes.length, 'x')));
  return bytes;
}

/** Does something to a file, and restores its modification time to the nanosecond. */
function withTimeKept(file: string, change: () => void): void {
  const time = join(outside, 'time');
  execFileSync('touch', ['-r', file, time]);
  const { mtimeMs } = statSync(file);
  change();
  execFileSync('touch', ['-r', time, file]);
  expect(statSync(file).mtimeMs).toBe(mtimeMs);
}

const data = (): string => join(there, 'onnx/model.onnx_data');

describe('a verified file', () => {
  beforeEach(async () => {
    expect(await pull()).toBe('pulled');
  });

  test('that was changed in place with its time restored is refused', async () => {
    changeSecretly(data());
    await expect(resolveModelFiles(pinned(), folder)).rejects.toThrow(/has changed since it was verified/);
  });

  test('that was replaced by another with its time is refused', async () => {
    withTimeKept(data(), () => {
      writeFileSync(`${data()}.new`, Buffer.alloc(weights.length, 'x'));
      renameSync(`${data()}.new`, data());
    });
    await expect(resolveModelFiles(pinned(), folder)).rejects.toThrow(/has changed since it was verified/);
  });

  test('that verify found changed is not loaded before the right bytes are verified or pulled', async () => {
    const bytes = changeSecretly(data());
    expect(await verifyModel(pinned(), folder)).toMatchObject({ ok: false });
    expect(readinessOf(pinned(), folder)).toMatchObject({ state: 'changed', paths: [data()] });
    writeFileSync(data(), bytes);
    expect(readinessOf(pinned(), folder)).toMatchObject({ state: 'changed' });
    await expect(resolveModelFiles(pinned(), folder)).rejects.toMatchObject({
      kind: 'ModelFilesMissing',
      message: expect.stringMatching(/not those that were verified.*models pull Tiny/s) as unknown,
    });
    expect(await verifyModel(pinned(), folder)).toMatchObject({ ok: true });
    expect((await resolveModelFiles(pinned(), folder)).files).toHaveLength(3);
    changeSecretly(data());
    await expect(resolveModelFiles(pinned(), folder)).rejects.toThrow(/has changed/);
    expect(readinessOf(pinned(), folder)).toMatchObject({ state: 'changed' });
    hub.seen.length = 0;
    expect(await pull()).toBe('pulled');
    expect(hub.downloads.map(({ path }) => path)).toEqual([
      `/owner/tiny/resolve/${COMMIT}/onnx/model.onnx_data`,
    ]);
    expect(readinessOf(pinned(), folder)).toMatchObject({ state: 'ready' });
  });

  test('that was changed with its time restored is pulled again, and is no twin for another model', async () => {
    changeSecretly(data());
    const copy = modelOf(FILES, { name: 'Copy', revision: 'main' });
    hub.commits['owner/tiny'] = 'b'.repeat(40);
    hub.seen.length = 0;
    expect(await pull(copy)).toBe('pulled');
    const second = join(folder, `owner/tiny@${'b'.repeat(40)}/onnx/model.onnx_data`);
    expect(readFileSync(second).equals(weights)).toBe(true);
    expect(await pull()).toBe('pulled');
    expect(readFileSync(data()).equals(weights)).toBe(true);
  });

  test('gets a second name by another pull, and counts as unchanged', async () => {
    hub.commits['owner/tiny'] = 'b'.repeat(40);
    expect(await pull(modelOf(FILES, { name: 'Copy', revision: 'main' }))).toBe('pulled');
    expect(statSync(data()).nlink).toBe(2);
    expect((await resolveModelFiles(pinned(), folder)).files).toHaveLength(3);
  });

  test('that is a link out of the model’s folder is refused by verify and by a load', async () => {
    const file = join(there, 'config.json');
    renameSync(file, join(outside, 'moved.json'));
    symlinkSync(join(outside, 'moved.json'), file);
    await expect(verifyModel(pinned(), folder)).rejects.toThrow(
      /is a link to .*moved\.json, out of the folder/,
    );
    await expect(resolveModelFiles(pinned(), folder)).rejects.toThrow(/out of the folder/);
  });

  test('may be a link within the model’s folder', async () => {
    const file = join(there, 'config.json');
    renameSync(file, join(there, 'real.json'));
    symlinkSync('real.json', file);
    expect((await resolveModelFiles(pinned(), folder)).files).toHaveLength(3);
  });

  test('that became a pipe is refused and does not wait', async () => {
    const file = join(there, 'config.json');
    rmSync(file);
    execFileSync('mkfifo', [file]);
    await expect(verifyModel(pinned(), folder)).rejects.toThrow(/config\.json is a pipe/);
  });

  test('is not hashed again while it is untouched', async () => {
    const before = readFileSync(join(folder, 'models.lock.json'), 'utf8');
    const lock: { models: { Tiny: { files: { sha256: string }[] } } } = JSON.parse(before);
    // A hash that no file has. Hashing the file would show the difference.
    for (const file of lock.models.Tiny.files) file.sha256 = sha256(Buffer.from('nothing of this'));
    writeFileSync(join(folder, 'models.lock.json'), JSON.stringify(lock));
    expect((await resolveModelFiles(pinned(), folder)).files).toHaveLength(3);
  });
});

test('a model’s folder may be a link to another disk: it is verified and loaded, and remove deletes only its entry', async () => {
  expect(await pull()).toBe('pulled');
  const real = join(outside, 'tiny');
  renameSync(there, real);
  symlinkSync(real, there);
  expect(await verifyModel(pinned(), folder)).toMatchObject({ ok: true });
  expect((await resolveModelFiles(pinned(), folder)).files).toHaveLength(3);
  await removeModel(modelOf(), folder, plannedRemoval(modelOf(), folder)!);
  expect(existsSync(join(real, 'config.json'))).toBe(true);
});

test('a copy of a models folder is hashed exactly once more', async () => {
  expect(await pull()).toBe('pulled');
  const copy = join(outside, 'copy');
  cpSync(folder, copy, { recursive: true, preserveTimestamps: true });
  const model = pinned();
  expect((await resolveModelFiles(model, copy)).files).toHaveLength(3);
  const [first] = readLock(copy).models['Tiny']!.files;
  const { ino } = statSync(join(copy, `owner/tiny@${COMMIT}`, first!.path));
  expect(first!.inode).toBe(String(ino));
});
