import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { builtIn, finishedIn } from '../support/built-in-experiment.js';
import { keepDecoders } from '../support/kept-decoders.js';
import { isFullRange } from '../support/range.js';
import { runCommand, runJson } from '../support/standing-program.js';
import { openStore } from '../../db/index.js';
import { allRows, digestOf, violations, withStore } from '../support/store-checks.js';
import { knownMigrations } from '../../db/versions/own-schema.js';
import { makeOlder } from '../support/older-store.js';
import { cleanUp, folderWith, panicTda } from '../support/cli-process.js';

const EXPERIMENT = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a quiet harbour'],
  seeds: [-1, 3],
  embedding_models: ['Dummy'],
  max_length: 20,
};

let folder: string;
let id: string;
beforeAll(async () => {
  folder = folderWith({ 'a.json': EXPERIMENT, 'b.json': { ...EXPERIMENT, name: 'b' } });
  id = await finishedIn(data('a'), EXPERIMENT);
  await finishedIn(data('b'), { ...EXPERIMENT, name: 'b' });
});
afterAll(cleanUp);
keepDecoders();

const data = (name: string): string => join(folder, name);

/** The message about a source that is not merged. */
async function refused(source: string): Promise<string> {
  const { code, stderr } = await runCommand(folder, ['merge', source, '--data', 'b']);
  expect(code).not.toBe(0);
  return stderr;
}

test('a dry run says what merge would do and does nothing', async () => {
  const before = allRows(data('b'));
  const { code, stdout } = await runCommand(folder, ['merge', 'a', '--data', 'b', '--dry-run']);
  expect(stdout).toMatch(new RegExp(`^${id} +would be new +2 +`, 'm'));
  expect(code).toBe(0);
  expect(allRows(data('b'))).toEqual(before);
});

/** A death after a picture, before and after the commit of an experiment, and at the last one. */
const BY_DAY = [
  'merge:after-object@3',
  'merge:before-commit@1',
  'merge:after-commit@1',
  'merge:before-commit@8',
];
const BY_NIGHT = ['merge:after-commit@2', 'merge:before-commit@4', 'merge:after-commit@5'];

test.each([...BY_DAY, ...(isFullRange() ? BY_NIGHT : [])])(
  'SIGKILL at %s leaves a sound target, and the same command continues',
  async (fault) => {
    const target = fault.replaceAll(/\W/g, '-');
    const marker = join(folder, `${target}.marker`);
    const killed = await panicTda(folder, ['merge', 'a', '--data', target], {
      PANIC_TDA_FAULT: `${fault}@${marker}`,
    });
    expect(killed.code).toBeNull();
    expect(existsSync(marker)).toBe(true);
    expect(await violations(data(target))).toEqual([]);
    const again = await runCommand(folder, ['merge', join('a', 'panic-tda.sqlite'), '--data', target]);
    expect(again.stderr).toBe('');
    expect(again.code).toBe(0);
    expect(await digestOf(data(target), id)).toBe(await digestOf(data('a'), id));
    expect(await violations(data(target))).toEqual([]);
  },
);

test('in another folder a merged experiment can be shown, verified and found complete, as in its own', async () => {
  expect((await runCommand(folder, ['merge', 'a', '--data', 'b'])).code).toBe(0);
  expect(await runJson(folder, ['list', '--data', 'b'])).toHaveLength(2);
  const run = await runCommand(folder, ['run', 'a.json', '--data', 'b']);
  expect(run.stderr).toContain('is complete; there is nothing left to do');
  expect((await runCommand(folder, ['doctor', '--data', 'b'])).code).toBe(0);
});

test('two plans of the same experiment with other drawn seeds are named, and both stay as they are', async () => {
  // Each plan draws its own.
  const store = openStore(data('again'));
  await store.experiments.plan(id, (await builtIn(EXPERIMENT)).config, 0);
  await store.objectsPlace.settle();
  await store.close();
  const before = allRows(data('again'));
  const { code, stdout, stderr } = await runCommand(folder, ['merge', 'a', '--data', 'again']);
  expect(stdout).toMatch(new RegExp(`^${id} +conflict`, 'm'));
  expect(stderr).toMatch(/run 0: the drawn seed is \d+ in the source and \d+ in the target/);
  expect(code).toBe(1);
  expect(allRows(data('again'))).toEqual(before);
});

test('merge refuses, before it does anything, a source that is no data folder, is the target itself, has another version, or is unsound', async () => {
  expect(await refused('nowhere')).toContain('nowhere is no data folder');
  expect(await refused('a.json')).toContain('a.json is no data folder');
  expect(await refused('b')).toContain('source and target are both');
  await withStore(data('again'), ({ db: { sqlite } }) =>
    sqlite.exec("update experiments set status = 'completed_with_failures'"),
  );
  expect(await refused('again')).toContain('breaks invariants');
  makeOlder(join(data('again'), 'panic-tda.sqlite'), knownMigrations() - 1);
  expect(await refused('again')).toMatch(/older panic-tda.*A source has to be of this version/);
});
