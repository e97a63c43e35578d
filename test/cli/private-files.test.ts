import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXPERIMENT, otherModes, PRIVATE, SHARED, testUmask } from './closed-modes.js';
import { openStore } from '../../db/index.js';
import { dataFolderAt, openDataFolder } from '../../workers/settings/data-folder.js';
import { closeToOthers } from '../../workers/settings/private-files.js';
import { finishExperiment } from '../support/small-experiment.js';
import { HubServer } from '../support/hub-server.js';
import { tinyGraph } from '../support/onnx-bytes.js';
import { IS_ROOT, toldWhy } from '../support/mounts.js';
import { makeOlder, migrationsBefore } from '../support/older-store.js';
import { cleanUp, folderWith, panicTda, startPanicTda } from '../support/cli-process.js';
import { runCommand, runJson } from '../support/standing-program.js';
import { suiteAddress, takeNamespace } from '../support/suite-server.js';
import { TINY_ENTRY } from '../support/tiny-entry.js';
import { DoctorDocument } from '../support/documents.js';

const umask = process.umask(0o022);
afterEach(() => void process.umask(0o022));
afterAll(async () => {
  process.umask(umask);
  await cleanUp();
});

/** Makes a path immutable or not. Returns whether this user may do that. */
function setImmutable(path: string, immutable: boolean): boolean {
  return spawnSync('chattr', [immutable ? '+i' : '-i', path]).status === 0;
}

const CAN_FIX = ((): boolean => {
  const probe = mkdtempSync(join(tmpdir(), 'panic-tda-immutable-'));
  const can = setImmutable(probe, true);
  setImmutable(probe, false);
  rmdirSync(probe);
  return can;
})();

/** Opens a folder to others, as an earlier version left it. */
function widen(root: string): void {
  for (const path of [
    root,
    ...readdirSync(root, { recursive: true }).map((name) => join(root, String(name))),
  ]) {
    chmodSync(path, lstatSync(path).isDirectory() ? 0o755 : 0o644);
  }
}

testUmask(0o000);

test('files of models, their lock file and the files beside it are closed to other users', async () => {
  process.umask(0o000);
  const hub = new HubServer({ 'owner/tiny': { 'model.onnx': { bytes: tinyGraph } } });
  await hub.start();
  try {
    const folder = folderWith({ 'catalogue.json': { models: [TINY_ENTRY] } });
    const env = {
      HF_ENDPOINT: hub.endpoint,
      PANIC_TDA_CATALOGUE: join(folder, 'catalogue.json'),
      PANIC_TDA_MODELS: join(folder, 'cache/models'),
    };
    expect(await panicTda(folder, ['models', 'pull', 'Tiny'], env)).toMatchObject({ code: 0 });
    expect(readdirSync(join(folder, 'cache/models'))).toContain('models.lock.json');
    expect(otherModes(join(folder, 'cache'), PRIVATE)).toEqual([]);
  } finally {
    await hub.stop();
  }
});

test('with PANIC_TDA_SHARE_WITH_GROUP the group may read, and no other user', async () => {
  process.umask(0o000);
  const folder = folderWith({ 'a.json': EXPERIMENT });
  const service = { TEMPORAL_ADDRESS: suiteAddress(), TEMPORAL_NAMESPACE: takeNamespace() };
  const shared = { ...service, PANIC_TDA_SHARE_WITH_GROUP: '1' };
  const worker = startPanicTda(folder, ['worker', '--data', 'new/a'], shared);
  expect((await panicTda(folder, ['run', 'a.json', '--data', 'new/a'], shared)).code).toBe(0);
  expect(otherModes(join(folder, 'new'), SHARED)).toEqual([]);
  worker.process.kill('SIGTERM');
  expect((await worker.ended).code).toBe(0);
});

describe('a data folder that is open to others', () => {
  let folder: string;
  let data: string;
  beforeAll(async () => {
    folder = folderWith({ 'a.json': EXPERIMENT });
    data = join(folder, 'panic-tda-data');
    // What a server and workers leave, without starting them.
    mkdirSync(join(data, 'temporal'), { recursive: true });
    mkdirSync(join(data, 'logs'));
    for (const name of ['temporal/temporal.sqlite', 'logs/worker-gpu.log', 'run.lock', 'workers.lock'])
      writeFileSync(join(data, name), '');
    const store = openStore(data);
    await finishExperiment(store);
    await store.close();
  });

  test('is closed by the next run, which says so once', async () => {
    widen(data);
    const { code, stderr } = await panicTda(folder, ['run', 'a.json']);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stderr.match(/could enter/g)).toHaveLength(1);
    expect(stderr).toContain(`Other users of this machine could enter ${data}; its mode is 0700 now.`);
    // Other users cannot pass the folders of the objects, so what is in them keeps its modes.
    expect(otherModes(data, PRIVATE).filter((line) => !/^objects\/./.test(line))).toEqual([]);
    expect((await runCommand(folder, ['run', 'a.json'])).stderr).not.toContain('could enter');
  });

  test('with a shared group loses only the rights of other users', async () => {
    const shared = openDataFolder(join(folder, 'group'));
    const env = { PANIC_TDA_SHARE_WITH_GROUP: '1' };
    chmodSync(shared.root, 0o2775);
    const { code, stderr } = await panicTda(folder, ['merge', 'panic-tda-data', '--data', 'group'], env);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(statSync(shared.root).mode & 0o7777).toBe(0o2770);
  });

  test('is read as it is, and doctor says so', async () => {
    widen(data);
    expect((await runCommand(folder, ['list'])).code).toBe(0);
    const { findings } = DoctorDocument.parse(await runJson(folder, ['doctor']));
    const text = `other users of this machine may enter ${data} (mode 0755); the next command that writes to it closes it`;
    expect(findings).toContainEqual(expect.objectContaining({ level: 'warning', text }));
    expect(statSync(data).mode & 0o777).toBe(0o755);
  });

  test('is closed before an upgrade copies its database, and the copy is closed too', async () => {
    const older = folderWith();
    const root = join(older, 'panic-tda-data');
    const store = openStore(root);
    await finishExperiment(store);
    await store.close();
    makeOlder(join(root, 'panic-tda.sqlite'), migrationsBefore('catalogue'));
    widen(root);
    expect((await panicTda(older, ['upgrade'])).code).toBe(0);
    expect(readdirSync(root).filter((name) => name.includes('before-upgrade'))).toHaveLength(1);
    expect(otherModes(root, PRIVATE).filter((line) => !/^objects\/./.test(line))).toEqual([]);
  });

  const owners = toldWhy(
    'and belongs to another user is used as it is, and the message says so',
    IS_ROOT,
    'it needs root',
  );
  (IS_ROOT ? test : test.skip)(owners, async () => {
    const root = join(folder, 'foreign');
    mkdirSync(root);
    chownSync(root, 65534, 65534);
    const { code, stderr } = await panicTda(folder, ['merge', 'panic-tda-data', '--data', 'foreign']);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stderr).toMatch(/foreign belongs to user 65534.*, and other users may enter it \(mode 0755\)/);
    expect(stderr.match(/belongs to user/g)).toHaveLength(1);
    expect(statSync(root).mode & 0o777).toBe(0o755);
    const made = readdirSync(root).map((name) => join(root, name));
    expect(made.flatMap((path) => (lstatSync(path).isDirectory() ? otherModes(path, PRIVATE) : []))).toEqual(
      [],
    );
    expect(made.filter((path) => (lstatSync(path).mode & 0o077) !== 0)).toEqual([]);
  });

  const planted = toldWhy(
    'and has a part that another user has put there, is refused',
    IS_ROOT,
    'it needs root',
  );
  (IS_ROOT ? test : test.skip).each(['run.lock', 'logs', 'panic-tda.sqlite'])(
    `${planted}: %s`,
    async (name) => {
      const root = join(folder, `planted-${name}`);
      mkdirSync(root);
      chmodSync(root, 0o1777);
      if (name === 'logs') mkdirSync(join(root, name));
      else writeFileSync(join(root, name), '');
      chownSync(join(root, name), 65534, 65534);
      const { code, stderr } = await runCommand(folder, ['run', 'a.json', '--data', root]);
      expect({ code, stderr }).toMatchObject({ code: 2 });
      expect(stderr).toContain(`${join(root, name)} belongs to user 65534`);
      expect(stderr).toContain('Choose a folder of your own with --data');
    },
  );

  test('that is meant for every user, as /tmp is, stays open, and what lies in it is closed', () => {
    const root = join(folder, 'common');
    mkdirSync(join(root, 'logs'), { recursive: true });
    writeFileSync(join(root, 'run.lock'), '');
    chmodSync(root, 0o1777);
    expect(closeToOthers(dataFolderAt(root))).toEqual([
      `${root} is a folder for every user of this machine (mode 1777), and stays one. What is made in it now is closed to them.`,
    ]);
    expect(statSync(root).mode & 0o7777).toBe(0o1777);
    expect(otherModes(root, PRIVATE)).toEqual([' 777']);
  });

  // An immutable folder stands for a file system without modes: its modes cannot change either.
  const fixed = toldWhy(
    'on a file system without modes is used, and the message says so',
    CAN_FIX,
    'it needs chattr +i',
  );
  (CAN_FIX ? test : test.skip)(fixed, () => {
    const root = join(folder, 'immutable');
    mkdirSync(root);
    try {
      setImmutable(root, true);
      expect(closeToOthers(dataFolderAt(root))).toEqual([
        `Other users of this machine may enter ${root} (mode 0755), and its file system does not let that be changed.`,
      ]);
    } finally {
      setImmutable(root, false);
    }
  });
});
