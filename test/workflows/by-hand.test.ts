import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findTemporalCli } from '../../workers/temporal/cli.js';
import { openLaboratory } from '../support/laboratory.js';
import type { Laboratory } from '../support/laboratory.js';
import {
  digestOf,
  invocationCount,
  untilInvocations,
  violations,
  withStore,
} from '../support/store-checks.js';
import { firstByDay } from '../support/range.js';
import { suiteAddress } from '../support/suite-server.js';
import { until } from '../support/child-processes.js';
import { runsOf } from './rows.js';

jest.setTimeout(240_000);

/**
 * Three runs of twenty slow calls each. They last long enough for an operator's command to find them under way,
 * also on a busy machine.
 */
const SLOW = {
  networks: [['DummyT2I', 'SlowI2T']],
  prompts: ['a lighthouse in fog', 'two hares on a hill', 'rain'],
  seeds: [3],
  embedding_models: ['Dummy'],
  max_length: 40,
  on_cycle: 'continue',
  reuse: false,
};

let laboratory: Laboratory;
/** Runs the same experiments undisturbed. */
let calm: Laboratory;
let temporal: string;

beforeAll(async () => {
  // Gives a run several activities, so that a reset can go back to one of them.
  const env = { PANIC_TDA_ACTIVITY_MS: '1000' };
  [laboratory, calm] = await Promise.all([openLaboratory(env), openLaboratory(env)]);
  ({ path: temporal } = await findTemporalCli({ fetch: false }));
});

afterAll(async () => {
  await Promise.all([laboratory.close(), calm.close()]);
});

/** `temporal workflow …` as an operator types it. */
async function temporalWorkflow(...words: string[]): Promise<string> {
  const where = ['--address', suiteAddress(), '--namespace', laboratory.namespace];
  const { stdout } = await promisify(execFile)(temporal, ['workflow', ...words, ...where]);
  return stdout;
}

/** By the name of the experiment. */
const undisturbed = new Map<string, Promise<unknown>>();

async function started(name: string) {
  const before = invocationCount(laboratory.data);
  undisturbed.set(name, calm.run({ ...SLOW, name }, name));
  const handle = await laboratory.start({ ...SLOW, name }, name);
  await untilInvocations(laboratory.data, before + 9);
  const { experiment } = await handle.query<{ experiment: string }>('progress');
  return { handle, experiment };
}

async function completesEqually(name: string, experiment: string) {
  expect(await laboratory.client.workflow.getHandle(name).result()).toMatchObject({ status: 'completed' });
  await undisturbed.get(name);
  expect(await violations(laboratory.data)).toEqual([]);
  expect(await digestOf(laboratory.data, experiment)).toBe(await digestOf(calm.data, experiment));
  const row = await withStore(laboratory.data, ({ experiments }) => experiments.get(experiment));
  expect(row).toMatchObject({ status: 'completed', driverWorkflowId: null });
}

test.each(firstByDay(['FirstWorkflowTask', 'LastWorkflowTask']))(
  'a running run that is reset to its %s continues from its rows, and its experiment waits for it',
  async (type) => {
    const name = `run-reset-${type}`;
    const { experiment } = await started(name);
    await temporalWorkflow(
      'reset',
      '--workflow-id',
      `run-${experiment}-1`,
      '--type',
      type,
      '--reason',
      'drill',
    );
    await completesEqually(name, experiment);
    const { failures } = (await runsOf(laboratory.data, experiment))[1]!;
    expect(failures).toEqual([]);
  },
);

test.each(firstByDay(['LastWorkflowTask', 'FirstWorkflowTask']))(
  'a running experiment that is reset to its %s continues to drive its runs',
  async (type) => {
    const name = `experiment-reset-${type}`;
    const { experiment } = await started(name);
    await temporalWorkflow('reset', '--workflow-id', name, '--type', type, '--reason', 'drill');
    await completesEqually(name, experiment);
  },
);

test('a terminated run fails alone, and retry makes it again', async () => {
  const { handle, experiment } = await started('run-terminated');
  await temporalWorkflow('terminate', '--workflow-id', `run-${experiment}-1`, '--reason', 'drill');
  expect(await handle.result()).toMatchObject({ status: 'completed_with_failures', failedRuns: [1] });
  expect((await runsOf(laboratory.data, experiment))[1]).toMatchObject({
    status: 'failed',
    errorKind: 'Terminated',
  });
  await withStore(laboratory.data, ({ experiments }) => experiments.resetFailedRuns(experiment));
  await laboratory.start({ ...SLOW, name: 'run-terminated' }, 'run-terminated');
  await completesEqually('run-terminated', experiment);
});

test('a terminated experiment ends its runs, and a new start continues it', async () => {
  const { experiment } = await started('experiment-terminated');
  await temporalWorkflow('terminate', '--workflow-id', 'experiment-terminated', '--reason', 'drill');
  await until('the runs are terminated', async () => {
    const run = laboratory.client.workflow.getHandle(`run-${experiment}-0`);
    return (await run.describe()).status.name === 'TERMINATED';
  });
  const row = await withStore(laboratory.data, ({ experiments }) => experiments.get(experiment));
  // No process was left to write it down. "status" calls this interrupted.
  expect(row).toMatchObject({ status: 'running', driverWorkflowId: 'experiment-terminated' });
  await laboratory.start({ ...SLOW, name: 'experiment-terminated' }, 'experiment-terminated');
  await completesEqually('experiment-terminated', experiment);
});

test('a failed run that is reset continues; its experiment does not notice until it is started again', async () => {
  const name = 'failed-run-reset';
  const { experiment } = await started(name);
  await temporalWorkflow('terminate', '--workflow-id', `run-${experiment}-0`, '--reason', 'drill');
  await until(
    'the row says so',
    async () => (await runsOf(laboratory.data, experiment))[0]!.status === 'failed',
  );
  await temporalWorkflow(
    'reset',
    '--workflow-id',
    `run-${experiment}-0`,
    '--type',
    'LastWorkflowTask',
    '--reason',
    'drill',
  );
  const handle = laboratory.client.workflow.getHandle(`run-${experiment}-0`);
  expect(await handle.result()).toEqual({ length: 40, ended: 'length' });
  expect((await runsOf(laboratory.data, experiment))[0]).toMatchObject({
    status: 'finished',
    errorKind: null,
  });
  await laboratory.client.workflow.getHandle(name).result();
  await laboratory.start({ ...SLOW, name }, name);
  await completesEqually(name, experiment);
});

test('an ended experiment that is reset makes the runs that retry made pending', async () => {
  const name = 'ended-reset';
  const { handle, experiment } = await started(name);
  await temporalWorkflow('terminate', '--workflow-id', `run-${experiment}-0`, '--reason', 'drill');
  expect(await handle.result()).toMatchObject({ status: 'completed_with_failures' });
  await withStore(laboratory.data, ({ experiments }) => experiments.resetFailedRuns(experiment));
  await temporalWorkflow('reset', '--workflow-id', name, '--type', 'FirstWorkflowTask', '--reason', 'drill');
  await completesEqually(name, experiment);
});

test('a cancelled experiment that is reset to its FirstWorkflowTask runs to its end', async () => {
  const name = 'cancelled-reset';
  const { handle, experiment } = await started(name);
  await handle.cancel();
  await expect(handle.result()).rejects.toThrow();
  await temporalWorkflow('reset', '--workflow-id', name, '--type', 'FirstWorkflowTask', '--reason', 'drill');
  await completesEqually(name, experiment);
});
