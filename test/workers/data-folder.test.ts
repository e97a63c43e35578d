import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  acquireRunLock,
  dataFolderAt,
  openDataFolder,
  readRunInfo,
} from '../../workers/settings/data-folder.js';
import { dist, kill, nextLine, runModule } from '../support/child-processes.js';
import { temporaryFolder } from '../support/temporary-folder.js';

describe('opening a data folder', () => {
  test('makes it with its parts, and a second time changes nothing', () => {
    const root = join(temporaryFolder(), 'new', 'data');
    const folder = openDataFolder(root);
    for (const part of [folder.objects, folder.temporal, folder.logs]) expect(existsSync(part)).toBe(true);
    writeFileSync(join(folder.objects, 'kept'), 'x');
    expect(openDataFolder(root)).toEqual(folder);
    expect(existsSync(join(folder.objects, 'kept'))).toBe(true);
  });

  test.each([
    ['is a file', 'data', 'it is a file, not a folder'],
    ['lies in a file', 'data/inside', 'a part of its path is a file'],
  ])('that %s is refused with a sentence', (_title, path, why) => {
    const parent = temporaryFolder();
    writeFileSync(join(parent, 'data'), '');
    expect(() => openDataFolder(join(parent, path))).toThrow(
      `The data folder ${join(parent, path)} cannot be used: ${why}. Choose another with --data.`,
    );
  });

  test('whose part is a file is refused with its name', () => {
    const root = temporaryFolder();
    writeFileSync(join(root, 'objects'), '');
    expect(() => openDataFolder(root)).toThrow(`${join(root, 'objects')} is a file, not a folder`);
  });
});

/** A process that holds the run lock of the folder, and prints one line when it does. */
function holder(root: string) {
  return runModule(
    `import { acquireRunLock, openDataFolder } from ${dist('workers/settings/data-folder.js')};
     const lock = await acquireRunLock(openDataFolder(process.argv[1]));
     lock.update({ temporalAddress: '127.0.0.1:1', namespace: 'default', serverPid: 2, workerPids: [3, 4] });
     console.log('locked');
     setInterval(() => lock, 1000);`,
    [root],
  );
}

describe('the run lock', () => {
  test('refuses a second process with a sentence that names the first, whose record says where its server is', async () => {
    const folder = openDataFolder(temporaryFolder());
    const first = holder(folder.root);
    await nextLine(first);
    const info = readRunInfo(folder);
    expect(info).toMatchObject({
      pid: first.pid,
      temporalAddress: '127.0.0.1:1',
      serverPid: 2,
      workerPids: [3, 4],
    });
    await expect(acquireRunLock(folder)).rejects.toMatchObject({
      kind: 'InvalidInput',
      message:
        `process ${first.pid}, started ${info?.startedAt}, is already running experiments in ${folder.root}; ` +
        'wait for it, stop it with Ctrl-C, or use another --data folder.',
    });
    await kill(first);
  });

  test('is released by a process that SIGKILL ends, whose record is not shown any more', async () => {
    const folder = openDataFolder(temporaryFolder());
    const first = holder(folder.root);
    await nextLine(first);
    await kill(first);
    expect(existsSync(folder.runInfoFile)).toBe(true);
    expect(readRunInfo(folder)).toBeUndefined();
    const lock = await acquireRunLock(folder);
    expect(readRunInfo(folder)?.pid).toBe(process.pid);
    lock.release();
  });

  test('also keeps out the process that holds it, until it is released', async () => {
    const folder = openDataFolder(temporaryFolder());
    const lock = await acquireRunLock(folder);
    await expect(acquireRunLock(folder)).rejects.toThrow(`process ${process.pid}, started`);
    lock.release();
    expect(readRunInfo(folder)).toBeUndefined();
    (await acquireRunLock(folder)).release();
  });

  test('a process that looks at it keeps no other process from taking it', async () => {
    const folder = openDataFolder(temporaryFolder());
    (await acquireRunLock(folder)).release();
    const looker = runModule(
      `import { dataFolderAt, readRunInfo } from ${dist('workers/settings/data-folder.js')};
       console.log('looking');
       for (;;) readRunInfo(dataFolderAt(process.argv[1]));`,
      [folder.root],
    );
    await nextLine(looker);
    for (let i = 0; i < 50; i++) (await acquireRunLock(folder)).release();
    await kill(looker);
  });

  test('of a folder that does not exist has no holder, and looking does not make the folder', () => {
    const folder = dataFolderAt(join(temporaryFolder(), 'none'));
    expect(readRunInfo(folder)).toBeUndefined();
    expect(existsSync(folder.root)).toBe(false);
  });

  test('its information is always whole', async () => {
    const folder = openDataFolder(temporaryFolder());
    const lock = await acquireRunLock(folder);
    lock.update({ uiAddress: 'http://127.0.0.1:2' });
    lock.update({ serverPid: 7 });
    expect(JSON.parse(readFileSync(folder.runInfoFile, 'utf8'))).toMatchObject({
      pid: process.pid,
      uiAddress: 'http://127.0.0.1:2',
      serverPid: 7,
    });
    lock.release();
  });
});
