import { afterAll, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFolder } from '../../common/make-folder.js';
import { dist } from '../support/child-processes.js';

const folder = mkdtempSync(join(tmpdir(), 'panic-tda-folders-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a folder is made with those above it, once, and the result is the first that was made', () => {
  const path = join(folder, 'a', 'b', 'c');
  expect(makeFolder(path)).toBe(join(folder, 'a'));
  expect(statSync(path).isDirectory()).toBe(true);
  expect(makeFolder(path)).toBeUndefined();
  expect(makeFolder(join(folder, 'a', 'd'))).toBe(join(folder, 'a', 'd'));
});

test('a file, and a link that leads nowhere, are errors', () => {
  writeFileSync(join(folder, 'file'), '');
  symlinkSync('gone', join(folder, 'link'));
  for (const path of ['file', 'file/x', 'link', 'link/x']) {
    expect(() => makeFolder(join(folder, path))).toThrow(/EEXIST|ENOTDIR|ENOENT/);
  }
  expect(existsSync(join(folder, 'gone'))).toBe(false);
});

// The call runs in a process of its own: a call that never returns would stop the test too.
const proc = process.platform === 'linux' && existsSync('/proc/self') ? test : test.skip;
proc('a file system that takes no folders is an error, and not tried for ever', () => {
  const script = `import { makeFolder } from ${dist('common/make-folder.js')};
    try { makeFolder('/proc/panic-tda-nothing/below'); } catch (error) { console.log(error.code); }`;
  const { stdout, signal } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect({ stdout, signal }).toEqual({ stdout: 'ENOENT\n', signal: null });
});
