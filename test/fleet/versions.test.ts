import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleanUp, until } from '../support/cli-process.js';
import { digestOf, untilInvocations, violations } from '../support/store-checks.js';
import { openLaboratory, type Laboratory } from '../support/laboratory.js';
import { attemptsOf, openVersionedFleet, type Fleet } from '../support/fleet.js';

// These tests take seconds on an idle machine.
jest.setTimeout(300_000);

let calm: Laboratory;
let fleet: Fleet;
beforeAll(async () => {
  calm = await openLaboratory();
});
afterEach(async () => await fleet.close());
afterAll(async () => {
  await calm.close();
  await cleanUp();
});

const EXPERIMENT = {
  networks: [['SlowT2I', 'SlowI2T']],
  prompts: ['a lighthouse in fog'],
  seeds: [3, 7],
  embedding_models: ['Dummy'],
  max_length: 30,
  on_cycle: 'continue',
  reuse: false,
};

test('a run that began with the first version of the workers goes on with the second when that is made current', async () => {
  const undisturbed = calm.run(EXPERIMENT, 'calm');
  fleet = await openVersionedFleet();
  const v1 = await fleet.worker(['--deployment', 'fleet', '--build-id', 'v1', '--identity', 'first']);
  expect(v1.stderr()).toMatch(/set-current-version --deployment-name fleet --build-id v1/);

  // No operator has made v1 current yet.
  const handle = await fleet.start(EXPERIMENT, 'rolling');
  const file = join(fleet.folder, 'experiment.json');
  writeFileSync(file, JSON.stringify(EXPERIMENT));
  const plan = async (): Promise<string> => (await fleet.command(['plan', file]).ended).stdout;
  await until(async () =>
    /panic-tda.* is for workers without a version, and first gets none: it is of build v1, which gets work after "temporal worker deployment/.test(
      await plan(),
    ),
  );
  expect((await handle.describe()).historyLength).toBe(2);

  const second = await fleet.worker([
    '--deployment',
    'fleet',
    '--build-id',
    'v1',
    '--set-current',
    '--identity',
    'another of the first',
  ]);
  await until(
    () => /Build v1 is the current version of fleet now/.test(second.stderr()),
    () => second.stderr(),
  );
  await untilInvocations(fleet.data, 10);
  v1.process.kill('SIGTERM');
  second.process.kill('SIGTERM');
  await Promise.all([v1.ended, second.ended]);
  const v2 = await fleet.worker([
    '--deployment',
    'fleet',
    '--build-id',
    'v2',
    '--set-current',
    '--identity',
    'second',
  ]);
  await until(
    () => /Build v2 is the current version of fleet now/.test(v2.stderr()),
    () => v2.stderr(),
  );

  const { experiment, status } = await handle.result();
  expect(status).toBe('completed');
  await undisturbed;
  expect(await violations(fleet.data)).toEqual([]);
  expect(await digestOf(fleet.data, experiment)).toBe(await digestOf(calm.data, experiment));
  const by = (await attemptsOf(fleet.client, `run-${experiment}-0`)).map((attempt) => attempt.by);
  expect(by[0]).toMatch(/first/);
  expect(by.at(-1)).toBe('second');
});
