import { afterEach, describe, expect, test } from '@jest/globals';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { endProcess, ownProcess } from '../../workers/processes/own-processes.js';
import { orphansOn, recordServer } from '../../workers/temporal/started-server.js';
import { isRunning, kill, until } from '../support/child-processes.js';
import { startServer } from '../support/temporal-servers.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { z } from 'zod';
import { readJsonFile } from '../support/json.js';

const strangers: ChildProcess[] = [];
afterEach(async () => {
  for (const child of strangers.splice(0)) if (isRunning(child.pid!)) await kill(child);
});

/** A process that does nothing, with these arguments after its program, like an editor with a path. */
async function processWith(words: readonly string[], asUser: readonly string[] = []): Promise<ChildProcess> {
  const idle = [process.execPath, '-e', 'console.log(1); setInterval(() => {}, 1000)', '--', ...words];
  const [command, ...args] = [...asUser, ...idle];
  const child = spawn(command!, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  strangers.push(child);
  await once(child.stdout, 'data');
  return child;
}

/** A folder with the state of a server that has ended, and its record. */
async function usedFolder(): Promise<{ folder: string; file: string; args: readonly string[] }> {
  const folder = realpathSync(temporaryFolder());
  const { server } = await startServer(folder);
  await server.stop();
  const file = join(folder, 'temporal.sqlite');
  const { args } = readJsonFile(`${file}.server.json`, z.object({ args: z.array(z.string()) }));
  return { folder, file, args };
}

describe('before a server starts on its file', () => {
  test('a process that only has the path among its arguments, like an editor, is left alone', async () => {
    const { folder, file } = await usedFolder();
    const editor = await processWith([file]);
    const { server, notices } = await startServer(folder);
    await server.stop();
    expect(notices).toEqual([]);
    expect(isRunning(editor.pid!)).toBe(true);
  });

  test('another program with the same arguments as our server is named, and not ended', async () => {
    const { folder, file, args } = await usedFolder();
    const other = await processWith(args);
    await expect(startServer(folder)).rejects.toMatchObject({
      kind: 'InvalidInput',
      message:
        `process ${other.pid} (${realpathSync(process.execPath)}) runs a Temporal server on ${file}, and no run of this data folder ` +
        `is known to have started it; end it ("kill ${other.pid}"), then try again`,
    });
    expect(isRunning(other.pid!)).toBe(true);
    await kill(other);
    const { server } = await startServer(folder);
    await server.stop();
  });

  test('our program with other arguments is named, and not ended', async () => {
    const { folder, file } = await usedFolder();
    const other = await processWith(['server', 'start-dev', '--db-filename', file, '--port', '1']);
    recordServer(file, { command: process.execPath, args: ['server', 'start-dev', '--db-filename', file] });
    expect(() => orphansOn(file)).toThrow(`process ${other.pid} (`);
    await expect(startServer(folder)).rejects.toThrow(`end it ("kill ${other.pid}")`);
    expect(isRunning(other.pid!)).toBe(true);
  });

  const canBeAnother = process.getuid?.() === 0 && spawnSync('setpriv', ['--version']).status === 0;
  if (!canBeAnother) console.warn('skipped: processes of another user need root and setpriv');
  (canBeAnother ? test : test.skip)(
    'a process of another user with the same arguments as our server does not stop it',
    async () => {
      const { folder, args } = await usedFolder();
      const asNobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'];
      chmodSync(folder, 0o755);
      const other = await processWith(args, asNobody);
      const { server, notices } = await startServer(folder);
      await server.stop();
      expect(notices).toEqual([]);
      expect(isRunning(other.pid!)).toBe(true);
    },
  );

  test('a process is recognised by its number and start time, even after exec has replaced its program', async () => {
    const { file } = await usedFolder();
    const wrapped = await processWith(['server', 'start-dev', '--db-filename', file, '--port', '1']);
    recordServer(file, { command: '/opt/wrapper', args: ['server', 'start-dev'] }, wrapped.pid);
    expect(orphansOn(file).map(({ pid }) => pid)).toEqual([wrapped.pid]);
  });
});

describe('ending a process', () => {
  test('never signals another process that has got its number', async () => {
    const child = await processWith([]);
    const now = ownProcess(child.pid!)!;
    await endProcess({ ...now, startedAt: `${now.startedAt}0` }, 0);
    expect(isRunning(child.pid!)).toBe(true);
    await endProcess(now, 0);
    // The kernel takes a moment to remove it.
    await until('it has ended', () => !isRunning(child.pid!));
  });
});
