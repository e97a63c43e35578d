import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { builtIn, finishedIn } from '../support/built-in-experiment.js';
import { digestOf, violations, withStore } from '../support/store-checks.js';
import { ListDocument } from '../support/documents.js';
import { keepDecoders } from '../support/kept-decoders.js';
import { cleanUp, folderWith, panicTda } from '../support/cli-process.js';
import { finishExperiment } from '../support/small-experiment.js';
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

let folder: string;
let data: string;
let gone: string;
let kept: string;
beforeAll(async () => {
  folder = folderWith({ 'gone.json': GONE });
  data = join(folder, 'panic-tda-data');
  gone = await finishedIn(data, GONE);
  const { config, models } = await builtIn(KEPT);
  kept = await withStore(data, (store) =>
    finishExperiment(store, config, { ...models, reused: ({ seed }) => seed === 3 }),
  );
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

test.each([
  { fault: 'delete:after-mark@1', refusals: true },
  { fault: 'delete:before-commit@2', refusals: false },
  { fault: 'delete:after-rows@3', refusals: false },
  { fault: 'delete:after-object@2', refusals: true },
])(
  'SIGKILL at $fault leaves the experiment marked as being deleted and the other one sound, and the same command deletes the rest',
  async ({ fault, refusals }) => {
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
    // The other deaths leave the same mark.
    if (refusals) {
      const run = await runCommand(folder, ['run', 'gone.json', '--data', name]);
      expect(run.stderr).toContain(`experiment ${gone} is being deleted`);
      expect(run.code).toBe(2);
      const doctor = await runCommand(folder, ['doctor', '--data', name]);
      expect(doctor.stdout).toContain(`the deletion of experiment ${gone} was cut off`);
      expect(doctor.code).toBe(0);
    }

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
