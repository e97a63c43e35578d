import { afterAll, beforeEach, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { openStore } from '../../db/index.js';
import type { Store } from '../../db/index.js';
import { experimentId } from '../../experiment/ids.js';
import { cleanUp, folderWith } from '../support/cli-process.js';
import { runCommand, runJson } from '../support/standing-program.js';
import { dummyConfig } from '../support/stored-run.js';

afterAll(cleanUp);

const [first, second] = ['first', 'second'].map((name) => ({ ...dummyConfig, name }));
const [firstId, secondId] = [experimentId(first!), experimentId(second!)];

let folder: string;
beforeEach(() => {
  folder = folderWith();
});

async function withStore(change: (store: Store) => Promise<unknown>): Promise<void> {
  const store = openStore(join(folder, 'panic-tda-data'));
  try {
    await change(store);
  } finally {
    await store.close();
  }
}

test.each([
  ['pause', 'no experiment is under way'],
  ['cancel', 'no experiment is under way'],
  ['resume', 'no experiment is paused, and none has stopped before its end'],
  ['retry', 'no experiment has a failed run'],
])('%s without an id says so if no experiment fits', async (verb, why) => {
  await withStore(async (store) => {
    await store.experiments.plan(firstId, first!, 0);
    const driver = { workflowId: 'w', runId: 'r' };
    await store.experiments.claim(firstId, driver, null, 0);
    await store.experiments.release(firstId, driver, 'completed', null, 1);
  });
  const { code, stderr } = await runCommand(folder, [verb]);
  expect(stderr).toContain(`${verb}: ${why} in ${join(folder, 'panic-tda-data')}; "npx panic-tda list"`);
  expect(code).toBe(2);
});

test('pause without an id takes the only experiment; of several it lists those that fit', async () => {
  await withStore((store) => store.experiments.plan(firstId, first!, 0));
  const paused = await runCommand(folder, ['pause']);
  expect(paused.stdout).toContain(`Experiment ${firstId} is paused.`);
  await withStore((store) => store.experiments.plan(secondId, second!, 0));
  // The other experiment is paused already, so it does not fit.
  expect((await runCommand(folder, ['pause'])).stdout).toContain(`Experiment ${secondId} is paused.`);

  const resumed = await runCommand(folder, ['resume']);
  expect(resumed.stderr).toMatch(
    /resume: 2 experiments are paused; name the one that is meant, as in "npx panic-tda resume/,
  );
  for (const text of [firstId, secondId, 'first', 'second']) expect(resumed.stderr).toContain(text);
  expect(resumed.code).toBe(2);
  expect(await runJson(folder, ['list'])).toMatchObject([{ state: 'paused' }, { state: 'paused' }]);
});

test('resume takes a paused experiment before a stopped one', async () => {
  await withStore(async (store) => {
    await store.experiments.plan(firstId, first!, 0);
    await store.experiments.plan(secondId, second!, 0);
    await store.experiments.setPaused(secondId, true, 0);
  });
  const { stdout } = await runCommand(folder, ['resume', '--run', '0']);
  expect(stdout).toContain(`Run 0 of experiment ${secondId}`);
});

test('retry takes the only experiment that has a failed run', async () => {
  await withStore(async (store) => {
    await store.experiments.plan(firstId, first!, 0);
    await store.experiments.plan(secondId, second!, 0);
    const failed = { status: 'failed', kind: 'InvalidInput', message: 'x' } as const;
    await store.runs.stop(await store.runs.get(secondId, 0), failed, 0);
    await store.experiments.setPaused(secondId, true, 0);
  });
  // The command does not run a paused experiment. The test asks only which one it chose.
  const { code, stderr } = await runCommand(folder, ['retry']);
  expect(stderr).toContain(`Experiment ${secondId} is paused since`);
  expect(code).toBe(3);
});
