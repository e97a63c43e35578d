import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf, violations, withStore } from '../support/store-checks.js';
import { ListDocument } from '../support/documents.js';
import { keepDecoders } from '../support/kept-decoders.js';
import { openLaboratory } from '../support/laboratory.js';
import { cleanUp, folderWith, panicTda, startPanicTda, until } from '../support/cli-process.js';
import { runCommand, runJson } from '../support/standing-program.js';

keepDecoders();

const GONE = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a quiet harbour', 'a loud tower'],
  seeds: [-1, 3],
  embedding_models: ['Dummy'],
  max_length: 14,
};
/** Shares the work of the fixed seed of the first prompt. */
const KEPT = { ...GONE, name: 'kept', prompts: ['a quiet harbour'], seeds: [3, 4] };
const SLOW = { ...GONE, name: 'slow', networks: [['DummyT2I', 'SlowI2T']], max_length: 1000 };

let folder: string;
let data: string;
let gone: string;
let kept: string;
beforeAll(async () => {
  folder = folderWith({ 'gone.json': GONE, 'kept.json': KEPT, 'slow.json': SLOW });
  data = join(folder, 'panic-tda-data');
  const laboratory = await openLaboratory();
  await laboratory.run(GONE, 'gone');
  await laboratory.run(KEPT, 'kept');
  await laboratory.close();
  cpSync(laboratory.data, data, { recursive: true });
  const list = ListDocument.parse(await runJson(folder, ['list']));
  [gone, kept] = [list.find(({ name }) => name === null)!.id, list.find(({ name }) => name === 'kept')!.id];
});
afterAll(cleanUp);

test('without a terminal, delete needs --yes and says what would be deleted', async () => {
  const { code, stdout, stderr } = await runCommand(folder, ['delete', gone]);
  expect(stdout).toMatch(/^ *goes +stays, since other experiments have it too$/m);
  expect(stdout).toMatch(/^runs +4$/m);
  expect(stdout).toMatch(/^pictures +[1-9]\d* \(.*\) +[1-9]/m);
  expect(stdout).toMatch(/invocations of other experiments were copied from this one/);
  expect(stderr).toContain('--yes');
  expect(code).toBe(2);
  expect(await runJson(folder, ['list'])).toHaveLength(2);
});

test.each(['delete:after-mark@1', 'delete:before-commit@2', 'delete:after-rows@3', 'delete:after-object@2'])(
  'SIGKILL at %s leaves the experiment marked as being deleted and the other one sound, and the same command deletes the rest',
  async (fault) => {
    // Each case has its own copy of the folder from before any deletion.
    const name = fault.replaceAll(/\W/g, '-');
    const own = join(folder, name);
    cpSync(data, own, { recursive: true });
    const digest = await digestOf(own, kept);
    const marker = join(folder, `${name}.marker`);
    const killed = await panicTda(folder, ['delete', gone, '--yes', '--data', name], {
      PANIC_TDA_FAULT: `${fault}@${marker}`,
    });
    expect(killed.code).toBeNull();
    expect(existsSync(marker)).toBe(true);
    expect(await violations(own)).toEqual([]);
    expect(await digestOf(own, kept)).toBe(digest);
    const list = ListDocument.parse(await runJson(folder, ['list', '--data', name]));
    expect(list.find(({ id }) => id === gone)).toMatchObject({ state: 'deleting' });
    const run = await runCommand(folder, ['run', 'gone.json', '--data', name]);
    expect(run.stderr).toContain(`experiment ${gone} is being deleted`);
    expect(run.code).toBe(2);
    const doctor = await runCommand(folder, ['doctor', '--data', name]);
    expect(doctor.stdout).toContain(`the deletion of experiment ${gone} was cut off`);
    expect(doctor.code).toBe(0);

    // Looks as if a minute had passed. So long, a second call leaves the objects to the first one, which may
    // still run.
    await withStore(own, ({ db }) =>
      db.sqlite.exec('update removed_objects set claimed_at = claimed_at - 60000'),
    );
    const rest = await runJson(folder, ['delete', gone, '--yes', '--data', name]);
    expect(rest).toMatchObject({ experiment: gone });
    expect(await withStore(own, ({ experiments }) => experiments.list())).toMatchObject([{ id: kept }]);
    expect(await digestOf(own, kept)).toBe(digest);
    expect(await violations(own)).toEqual([]);
    await withStore(own, async ({ deletion }) => expect(await deletion.objectsLeft()).toBe(0));
  },
);

test('a running experiment is refused; once interrupted, it can be deleted and the file compacted', async () => {
  const running = startPanicTda(folder, ['run', 'slow.json']);
  let experiment = '';
  await until(async () => {
    const list = ListDocument.parse(await runJson(folder, ['list']));
    experiment = list.find(({ name }) => name === 'slow')?.id ?? '';
    return experiment !== '';
  });
  const refused = await runCommand(folder, ['delete', experiment, '--yes']);
  expect(refused.stderr).toContain(`process ${running.process.pid} runs it`);
  expect(refused.code).toBe(2);
  running.process.kill('SIGINT');
  await running.ended;
  const deleted = await runCommand(folder, ['delete', experiment, '--yes', '--compact']);
  expect(deleted.stderr).not.toContain('panic-tda:');
  expect(deleted.stdout).toMatch(/Deleted experiment .*\nThe database file has /);
  expect(deleted.code).toBe(0);
  expect((await runCommand(folder, ['doctor'])).code).toBe(0);
});
