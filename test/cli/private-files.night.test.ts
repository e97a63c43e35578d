import { afterAll, afterEach, expect, test } from '@jest/globals';
import { chownSync, lstatSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { cleanUp, folderWith, panicTda } from '../support/cli-process.js';
import { IS_ROOT, toldWhy } from '../support/mounts.js';
import { EXPERIMENT, otherModes, PRIVATE, SHARED, testUmask } from './closed-modes.js';

const umask = process.umask();
afterEach(() => void process.umask(umask));
afterAll(cleanUp);

testUmask(0o022);
testUmask(0o077);

test('with PANIC_TDA_SHARE_WITH_GROUP the group may read what a run with its own server makes, and no other user', async () => {
  process.umask(0o000);
  const folder = folderWith({ 'a.json': EXPERIMENT });
  const shared = { PANIC_TDA_SHARE_WITH_GROUP: '1' };
  expect((await panicTda(folder, ['run', 'a.json', '--data', 'new/a'], shared)).code).toBe(0);
  expect(otherModes(join(folder, 'new'), SHARED)).toEqual([]);
});

const foreign = toldWhy(
  'a run uses the data folder of another user as it is, and says so once',
  IS_ROOT,
  'it needs root',
);
(IS_ROOT ? test : test.skip)(foreign, async () => {
  process.umask(0o022);
  const folder = folderWith({ 'a.json': EXPERIMENT });
  const root = join(folder, 'foreign');
  mkdirSync(root);
  chownSync(root, 65534, 65534);
  const { code, stderr } = await panicTda(folder, ['run', 'a.json', '--data', 'foreign']);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(stderr.match(/foreign belongs to user 65534/g)).toHaveLength(1);
  expect(statSync(root).mode & 0o777).toBe(0o755);
  for (const path of readdirSync(root).map((name) => join(root, name))) {
    expect(lstatSync(path).isDirectory() ? otherModes(path, PRIVATE) : lstatSync(path).mode & 0o077).toEqual(
      lstatSync(path).isDirectory() ? [] : 0,
    );
  }
});
