import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';
import { openLaboratory } from '../support/laboratory.js';
import type { Laboratory } from '../support/laboratory.js';
import {
  digestOf,
  invocationCount,
  untilInvocations,
  violations,
  withStore,
} from '../support/store-checks.js';
import { until } from '../support/child-processes.js';
import { runsOf } from './rows.js';

jest.setTimeout(180_000);

/** Two runs of 15 slow calls each, of a quarter of a second: a test has four seconds to disturb them. */
const SLOW = {
  networks: [['DummyT2I', 'SlowI2T']],
  prompts: ['a lighthouse in fog', 'two hares on a hill'],
  seeds: [3],
  embedding_models: ['Dummy'],
  max_length: 30,
  on_cycle: 'continue',
  reuse: false,
};

/** In the default time of ten seconds, one activity makes a whole run. A pause must not wait for its end. */
let laboratory: Laboratory;
/** Runs the same experiments undisturbed. */
let calm: Laboratory;

beforeAll(async () => {
  [laboratory, calm] = await Promise.all([openLaboratory(), openLaboratory()]);
});

afterAll(async () => {
  await Promise.all([laboratory.close(), calm.close()]);
});

async function started(name: string, more: object = {}) {
  const before = invocationCount(laboratory.data);
  const handle = await laboratory.start({ ...SLOW, ...more, name }, name);
  await untilInvocations(laboratory.data, before + 3);
  const { experiment } = await handle.query<{ experiment: string }>('progress');
  return { handle, experiment };
}

/** Waits until no activity of the workflow is under way, then checks that no more invocations are made. */
async function untilStill(data: string, handles: readonly WorkflowHandle[]): Promise<number> {
  await until('no activity is under way', async () => {
    const described = await Promise.all(handles.map((handle) => handle.describe()));
    return described.every(({ raw }) => (raw.pendingActivities ?? []).length === 0);
  });
  const made = invocationCount(data);
  await sleep(1500);
  expect(invocationCount(data)).toBe(made);
  return made;
}

function runHandles(experiment: string, runs: readonly number[]): WorkflowHandle[] {
  return runs.map((run) => laboratory.client.workflow.getHandle(`run-${experiment}-${run}`));
}

function experimentRow(experiment: string) {
  return withStore(laboratory.data, ({ experiments }) => experiments.get(experiment));
}

async function statusAttribute(handle: WorkflowHandle): Promise<unknown> {
  return (await handle.describe()).searchAttributes['PanicTdaStatus'];
}

async function completesEqually(handle: WorkflowHandle, file: object, name: string, experiment: string) {
  expect(await handle.result()).toMatchObject({ status: 'completed' });
  await calm.run({ ...SLOW, ...file, name }, name);
  expect(await violations(laboratory.data)).toEqual([]);
  expect(await digestOf(laboratory.data, experiment)).toBe(await digestOf(calm.data, experiment));
}

test('a pause by signal stops the steps within seconds, shows in the rows and in the web UI, and resume continues', async () => {
  const { handle, experiment } = await started('signalled');
  const runs = runHandles(experiment, [0, 1]);
  await handle.signal('pause');
  const asked = performance.now();
  await untilStill(laboratory.data, runs);
  // An activity would continue by itself for ten seconds.
  expect(performance.now() - asked).toBeLessThan(8000);
  expect((await experimentRow(experiment)).pausedAt).not.toBeNull();
  expect(await handle.query('progress')).toMatchObject({ paused: true, running: 2 });
  for (const workflow of [handle, ...runs]) {
    expect(await statusAttribute(workflow)).toEqual(['paused']);
    expect((await workflow.describe()).status.name).toBe('RUNNING');
  }
  // The pause outlasts the worker: a new worker finds everything as it was.
  process.kill(laboratory.worker.pid, 'SIGKILL');
  await until('the worker is back', () => laboratory.worker.deaths.length === 1);
  await handle.query('progress');
  await untilStill(laboratory.data, runs);
  await handle.signal('resume');
  expect(await experimentRow(experiment)).toMatchObject({ status: 'running' });
  await completesEqually(handle, {}, 'signalled', experiment);
  expect(await experimentRow(experiment)).toMatchObject({ status: 'completed', pausedAt: null });
});

test('a pause with an argument that workflows cannot read holds the workflow itself', async () => {
  const { handle, experiment } = await started('unreadable');
  await laboratory.client.workflowService.signalWorkflowExecution({
    namespace: laboratory.namespace,
    workflowExecution: { workflowId: handle.workflowId },
    signalName: 'pause',
    input: { payloads: [{ metadata: { encoding: Buffer.from('xyz/abc') }, data: Buffer.from('x') }] },
    requestId: 'unreadable',
  });
  await until('the pause is written down', async () => (await experimentRow(experiment)).pausedAt !== null);
  expect(await handle.query('progress')).toMatchObject({ paused: true });
  await untilStill(laboratory.data, runHandles(experiment, [0, 1]));
  await handle.signal('resume');
  await completesEqually(handle, {}, 'unreadable', experiment);
});

test('a pause only in the rows holds the next activity, and a second start of the experiment', async () => {
  const { handle, experiment } = await started('by-rows');
  await handle.terminate('the server lost its state');
  await withStore(laboratory.data, async ({ experiments }) => {
    expect(await experiments.setPaused(experiment, true, 5)).toBe(true);
    expect(await experiments.setPaused(experiment, true, 6)).toBe(false);
  });
  // An activity whose workflow has ended learns of that with one of its next heartbeats.
  await until('the activities have ended', async () => {
    const before = invocationCount(laboratory.data);
    await sleep(2000);
    return invocationCount(laboratory.data) === before;
  });
  const again = await laboratory.start({ ...SLOW, name: 'by-rows' }, 'by-rows-again');
  await until(
    'it says that it is paused',
    async () => (await again.query<{ paused: boolean }>('progress')).paused,
  );
  const made = await untilStill(laboratory.data, [again]);
  expect(await again.query('progress')).toMatchObject({ paused: true, running: 0, toDo: 2 });
  await again.signal('resume');
  await untilInvocations(laboratory.data, made + 1);
  await completesEqually(again, {}, 'by-rows', experiment);
});

test('one run is paused by itself and the others continue; the rows keep the pause over a restart of its experiment', async () => {
  const { handle, experiment } = await started('one-run');
  const [first] = runHandles(experiment, [0]);
  await first!.signal('pause');
  await until(
    'the other run has ended',
    async () => (await runsOf(laboratory.data, experiment))[1]!.status === 'finished',
  );
  const [held] = await runsOf(laboratory.data, experiment);
  expect(held).toMatchObject({ hold: 'paused', status: 'running', stopReason: null });
  expect((await handle.describe()).status.name).toBe('RUNNING');

  await handle.terminate('by hand');
  const again = await laboratory.start({ ...SLOW, name: 'one-run' }, 'one-run-again');
  await until('the run is held again', async () => {
    const found = await first!.describe();
    return found.status.name === 'RUNNING' && String(found.searchAttributes['PanicTdaStatus']) === 'paused';
  });
  await first!.signal('resume');
  await completesEqually(again, {}, 'one-run', experiment);
  expect((await runsOf(laboratory.data, experiment)).map(({ hold }) => hold)).toEqual([null, null]);
});

test('a paused experiment can be cancelled, and is then no longer paused', async () => {
  const { handle, experiment } = await started('paused-cancelled');
  await handle.signal('pause');
  await untilStill(laboratory.data, runHandles(experiment, [0, 1]));
  await handle.cancel();
  await handle.result().catch(() => undefined);
  expect(await experimentRow(experiment)).toMatchObject({ status: 'cancelled', pausedAt: null });
  const again = await laboratory.start({ ...SLOW, name: 'paused-cancelled' }, 'paused-cancelled');
  await completesEqually(again, {}, 'paused-cancelled', experiment);
});

test('many pauses and resumes in quick succession end as the last one says and lose nothing', async () => {
  const { handle, experiment } = await started('in-one-breath');
  for (let turn = 0; turn < 10; turn++) {
    await handle.signal('pause');
    if (turn % 3 === 0) await sleep(300);
    await handle.signal('resume');
  }
  await completesEqually(handle, {}, 'in-one-breath', experiment);
});

test('temporal activity pause and unpause hold one activity and give it back', async () => {
  const { handle, experiment } = await started('activity-paused');
  const [first, second] = runHandles(experiment, [0, 1]);
  const { client } = laboratory;
  const request = {
    namespace: laboratory.namespace,
    execution: { workflowId: first!.workflowId },
    type: 'advanceRun',
    identity: 'operator',
  };
  await client.workflowService.pauseActivity(request);
  await until('the other run has ended', async () => (await second!.describe()).status.name === 'COMPLETED');
  const [held] = await runsOf(laboratory.data, experiment);
  expect(held).toMatchObject({ status: 'running', stopReason: null, failures: [] });
  await client.workflowService.unpauseActivity(request);
  await completesEqually(handle, {}, 'activity-paused', experiment);
});
