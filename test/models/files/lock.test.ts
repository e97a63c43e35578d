import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { KnownFile } from '../../../experiment/model.js';
import {
  explainUnready,
  loadCatalogue,
  plannedRemoval,
  readinessOf,
  readLock,
  removeModel,
  resolveModelFiles,
  unreadyModels,
  verifyModel,
} from '../../../models/index.js';
import { writeEntry } from '../../../models/files/lock-file.js';
import { holdModel } from '../../../models/files/remove.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { sha256 } from '../../support/hub-server.js';
import { model as graph, node, tinyGraph } from '../../support/onnx-bytes.js';
import type { TinyModel } from './tiny-model.js';

const COMMIT = 'c'.repeat(40);
const FILES = ['config.json', 'model.onnx'];

function modelOf(name: string, revision = COMMIT): TinyModel {
  return {
    name,
    kind: 'embedding',
    summary: 'for tests',
    loader: 'text-embedder',
    source: 'hub:owner/tiny',
    revision,
    license: 'MIT',
    input: 'text',
    dimension: 3,
    settings: {},
    weights: { files: FILES, gated: false, memoryMiB: 1, maxBatch: 1 },
  };
}

/** Writes the files that a user would put there, under the model's name. */
function putByHand(modelsFolder: string, name: string, config = '{}'): string {
  const folder = join(modelsFolder, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'config.json'), config);
  writeFileSync(join(folder, 'model.onnx'), tinyGraph);
  return folder;
}

const knowing = (known: Readonly<Record<string, KnownFile>>): TinyModel => {
  const model = modelOf('Mine');
  return { ...model, weights: { ...model.weights, known } };
};

/** The model as a catalogue that is read now has it. */
function pinned(model: TinyModel, modelsFolder: string): TinyModel {
  return { ...model, revision: readLock(modelsFolder).models[model.name]!.commit };
}

describe('files that a user put there', () => {
  const model = modelOf('Mine');

  test('are not used before they are verified', async () => {
    const modelsFolder = temporaryFolder();
    putByHand(modelsFolder, 'Mine');
    await expect(resolveModelFiles(model, modelsFolder)).rejects.toMatchObject({
      kind: 'ModelFilesMissing',
      message: expect.stringMatching(/never verified.*panic-tda models verify Mine/s) as unknown,
    });
  });

  test('are trusted at first sight, which verify reports, and compared from then on', async () => {
    const modelsFolder = temporaryFolder();
    const folder = putByHand(modelsFolder, 'Mine');
    const first = await verifyModel(model, modelsFolder);
    expect(first).toMatchObject({ ok: true, added: true, files: [{ state: 'new' }, { state: 'new' }] });
    expect(readLock(modelsFolder).models['Mine']).toMatchObject({ origin: 'found', revision: COMMIT });
    expect(await resolveModelFiles(pinned(model, modelsFolder), modelsFolder)).toEqual({
      folder,
      files: [
        expect.objectContaining({ path: 'config.json', sha256: sha256(Buffer.from('{}')) }),
        expect.objectContaining({ path: 'model.onnx', sha256: sha256(tinyGraph) }),
      ],
    });
    expect(await verifyModel(model, modelsFolder)).toMatchObject({
      ok: true,
      added: false,
      files: [{ state: 'ok' }, { state: 'ok' }],
    });
  });

  test('have a digest of themselves as their revision, since no hub confirms their commit', async () => {
    const modelsFolder = temporaryFolder();
    putByHand(modelsFolder, 'Mine');
    await verifyModel(model, modelsFolder);
    const { commit } = readLock(modelsFolder).models['Mine']!;
    expect(commit).toMatch(/^files:[0-9a-f]{40}$/);
    // A process that read its catalogue before does not mix the two.
    await expect(resolveModelFiles(model, modelsFolder)).rejects.toThrow(/start it again/);
    expect((await resolveModelFiles(pinned(model, modelsFolder), modelsFolder)).files).toHaveLength(2);
  });

  test('belong to a commit where the catalogue has the hash of each', async () => {
    const modelsFolder = temporaryFolder();
    putByHand(modelsFolder, 'Mine');
    const hashes = {
      'config.json': { sha256: sha256(Buffer.from('{}')) },
      'model.onnx': { sha256: sha256(tinyGraph) },
    };
    expect(await verifyModel(knowing(hashes), modelsFolder)).toMatchObject({ ok: true, added: true });
    expect(readLock(modelsFolder).models['Mine']).toMatchObject({ commit: COMMIT });
  });

  test("are compared with the catalogue's hashes and sizes", async () => {
    const modelsFolder = temporaryFolder();
    putByHand(modelsFolder, 'Mine');
    const wrong = await verifyModel(knowing({ 'config.json': { sha256: 'f'.repeat(64) } }), modelsFolder);
    expect(wrong).toMatchObject({ ok: false, files: [{ state: 'changed' }, { state: 'new' }] });
    const short = await verifyModel(knowing({ 'config.json': { bytes: 3 } }), modelsFolder);
    expect(short).toMatchObject({ ok: false });
    expect(readLock(modelsFolder).models).toEqual({});
  });

  test('whose graph has custom operators do not get into the lock', async () => {
    const modelsFolder = temporaryFolder();
    const folder = putByHand(modelsFolder, 'Mine');
    writeFileSync(join(folder, 'model.onnx'), graph([node('Sneak', 'my.ops')]));
    await expect(verifyModel(model, modelsFolder)).rejects.toThrow(/custom operators are off/);
    expect(readLock(modelsFolder).models).toEqual({});
  });
});

/** A model whose files a user put there and verified. */
async function verified(): Promise<{ modelsFolder: string; config: string; model: TinyModel }> {
  const modelsFolder = temporaryFolder();
  const folder = putByHand(modelsFolder, 'Mine');
  await verifyModel(modelOf('Mine'), modelsFolder);
  const model = pinned(modelOf('Mine'), modelsFolder);
  return { modelsFolder, config: join(folder, 'config.json'), model };
}

describe('a verified file', () => {
  test('that was touched is hashed again, once', async () => {
    const { modelsFolder, config, model } = await verified();
    utimesSync(config, 1000, 1000);
    expect((await resolveModelFiles(model, modelsFolder)).files).toHaveLength(2);
    expect(readLock(modelsFolder).models['Mine']!.files[0]).toMatchObject({ mtimeMs: 1_000_000 });
  });

  test('that was changed is refused, and verify reports it and keeps the old hash', async () => {
    const { modelsFolder, config, model } = await verified();
    writeFileSync(config, '[]');
    utimesSync(config, 1000, 1000);
    await expect(resolveModelFiles(model, modelsFolder)).rejects.toMatchObject({
      kind: 'ModelFilesMissing',
      message: expect.stringMatching(/config\.json has changed since it was verified/) as unknown,
    });
    const before = readLock(modelsFolder);
    expect(await verifyModel(model, modelsFolder)).toMatchObject({
      ok: false,
      files: [{ state: 'changed', expected: sha256(Buffer.from('{}')) }, { state: 'ok' }],
    });
    expect(readLock(modelsFolder)).toEqual(before);
  });

  test('of another size, or that is missing, is noticed without hashing', async () => {
    const { modelsFolder, config, model } = await verified();
    writeFileSync(config, 'longer');
    expect(readinessOf(model, modelsFolder)).toMatchObject({ state: 'changed', paths: [config] });
    writeFileSync(join(dirname(config), 'model.onnx'), tinyGraph);
    const files = [...FILES, 'more.bin'];
    const grown = { ...model, weights: { ...model.weights, files } };
    expect(readinessOf(grown, modelsFolder)).toMatchObject({ state: 'missing' });
  });
});

describe('the lock file', () => {
  test('that is damaged is refused with a remedy', async () => {
    const modelsFolder = temporaryFolder();
    writeFileSync(join(modelsFolder, 'models.lock.json'), '{"version": 2, "models": {}}');
    expect(() => readLock(modelsFolder)).toThrow(/is not a lock file of this program's.*Move it away/s);
    await expect(loadCatalogue({ modelsFolder })).rejects.toThrow(/Move it away/);
  });

  test('keeps every entry where several are written at once', async () => {
    const modelsFolder = temporaryFolder();
    const names = Array.from({ length: 20 }, (_, index) => `Model${index}`);
    const files = [
      { path: 'a', bytes: 1, sha256: 'a'.repeat(64), mtimeMs: 1.5, verifiedAt: new Date(0).toISOString() },
    ];
    await Promise.all(
      names.map((name) =>
        writeEntry(modelsFolder, name, {
          source: 'hub:a/b',
          revision: 'main',
          commit: COMMIT,
          folder: 'a',
          origin: 'pulled',
          files,
        }),
      ),
    );
    expect(Object.keys(readLock(modelsFolder).models).sort()).toEqual(names.toSorted());
    expect(readdirSync(modelsFolder).sort()).toEqual(['models.lock.json', 'models.lock.json.guard']);
  });
});

describe('removing a model', () => {
  test('deletes the listed files and no others', async () => {
    const modelsFolder = temporaryFolder();
    const folder = putByHand(modelsFolder, 'Mine');
    const own = join(folder, 'notes.txt');
    writeFileSync(own, 'mine');
    const model = modelOf('Mine');
    expect(plannedRemoval(model, modelsFolder)).toBeNull();
    await verifyModel(model, modelsFolder);
    await removeModel(model, modelsFolder, plannedRemoval(model, modelsFolder)!);
    expect(readdirSync(folder)).toEqual(['notes.txt']);
    expect(readFileSync(own, 'utf8')).toBe('mine');
    expect(readLock(modelsFolder).models).toEqual({});
  });

  test('leaves files that another model of the same repository uses', async () => {
    const modelsFolder = temporaryFolder();
    const folder = putByHand(modelsFolder, 'tiny');
    const [both, onlyConfig] = [modelOf('Both'), modelOf('OnlyConfig')];
    const less = { ...onlyConfig, weights: { ...onlyConfig.weights, files: ['config.json'] } };
    await verifyModel(both, modelsFolder);
    await verifyModel(less, modelsFolder);
    await removeModel(both, modelsFolder, plannedRemoval(both, modelsFolder)!);
    expect(readdirSync(folder)).toEqual(['config.json']);
    await removeModel(less, modelsFolder, plannedRemoval(less, modelsFolder)!);
    expect(existsSync(folder)).toBe(false);
  });

  test('of a local folder deletes its entry and leaves the files', async () => {
    const [modelsFolder, elsewhere] = [temporaryFolder(), temporaryFolder()];
    const folder = putByHand(elsewhere, 'Mine');
    const local = { ...modelOf('Mine', '1'), source: `folder:${folder}` };
    await verifyModel(local, modelsFolder);
    await removeModel(local, modelsFolder, plannedRemoval(local, modelsFolder)!);
    expect(readdirSync(folder)).toHaveLength(2);
    expect(readLock(modelsFolder).models).toEqual({});
  });

  test('that is elsewhere behind a link deletes only its entry', async () => {
    const [modelsFolder, elsewhere] = [temporaryFolder(), temporaryFolder()];
    const folder = putByHand(elsewhere, 'Mine');
    symlinkSync(folder, join(modelsFolder, 'Mine'));
    await verifyModel(modelOf('Mine'), modelsFolder);
    await removeModel(modelOf('Mine'), modelsFolder, plannedRemoval(modelOf('Mine'), modelsFolder)!);
    expect(readdirSync(folder)).toHaveLength(2);
    expect(readLock(modelsFolder).models).toEqual({});
  });

  test('is refused while a process has it loaded', async () => {
    const modelsFolder = temporaryFolder();
    const folder = putByHand(modelsFolder, 'Mine');
    const model = modelOf('Mine');
    await verifyModel(model, modelsFolder);
    const removal = plannedRemoval(model, modelsFolder)!;
    const holds = [holdModel(model, modelsFolder), holdModel(model, modelsFolder)];
    await expect(removeModel(model, modelsFolder, removal)).rejects.toThrow(/Mine is in use/);
    expect(readdirSync(folder)).toHaveLength(2);
    for (const hold of holds) hold?.release();
    await removeModel(model, modelsFolder, removal);
    expect(existsSync(folder)).toBe(false);
  });
});

test('all models that an experiment cannot use are listed together, with the commands that help', () => {
  const modelsFolder = temporaryFolder();
  putByHand(modelsFolder, 'ByHand');
  const models = [
    modelOf('Absent'),
    modelOf('ByHand'),
    { ...modelOf('Gone'), source: 'folder:/does/not/exist' },
  ];
  const catalogue = new Map(models.map((model) => [model.name, model]));
  const config = { networks: [['Absent', 'ByHand']], embedding_models: ['Gone', 'Absent'] };
  const told = explainUnready(unreadyModels(config, catalogue, modelsFolder), (...words) => words.join(' '));
  expect(told.split('\n')).toEqual([
    'Absent: these files are missing on this machine',
    ...FILES.map((file) => `  ${join(modelsFolder, `owner/tiny@${COMMIT}`, file)}`),
    'ByHand: these files were never verified; a run uses none that are not in the lock file',
    ...FILES.map((file) => `  ${join(modelsFolder, 'ByHand', file)}`),
    'Gone: these files are missing on this machine',
    ...FILES.map((file) => `  /does/not/exist/${file}`),
    'Get them with: models pull Absent',
    'Check them with: models verify ByHand',
  ]);
});
