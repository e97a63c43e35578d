import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import proto from '@temporalio/proto';
import { setTimeout as sleep } from 'node:timers/promises';
import { invocationCount, violations, withStore } from '../support/store-checks.js';
import { openGatedLaboratory, patientlyUntil } from './gated-laboratory.js';
import type { GatedLaboratory } from './gated-laboratory.js';
import { runsOf } from '../support/run-rows.js';

const { PENDING_ACTIVITY_STATE_PAUSED } = proto.temporal.api.enums.v1.PendingActivityState;

let laboratory: GatedLaboratory;

beforeAll(async () => {
  // One activity makes a whole run, so that a pause which waited for its end would come too late.
  // No test lets more than some steps of a run through before it opens the gate.
  laboratory = await openGatedLaboratory({ PANIC_TDA_ACTIVITY_MS: '600000' }, 16);
});

afterAll(async () => {
  await laboratory.close();
});

async function untilNoActivity(handles: readonly WorkflowHandle[]): Promise<void> {
  await patientlyUntil('no activity is under way', async () => {
    const described = await Promise.all(handles.map((handle) => handle.describe()));
    return described.every(({ raw }) => (raw.pendingActivities ?? []).length === 0);
  });
}

/**
 * Waits until no activity of the workflow is under way, then opens the gate and checks that no more invocations are
 * made.
 */
async function untilStill(handles: readonly WorkflowHandle[]): Promise<void> {
  await untilNoActivity(handles);
  const made = invocationCount(laboratory.data);
  laboratory.gate.open();
  await sleep(500);
  expect(invocationCount(laboratory.data)).toBe(made);
}

function runHandles(experiment: string, runs: readonly number[]): WorkflowHandle[] {
  return runs.map((run) => laboratory.client.workflow.getHandle(`run-${experiment}-${run}`));
}

async function statusAttribute(handle: WorkflowHandle): Promise<unknown> {
  return (await handle.describe()).searchAttributes['PanicTdaStatus'];
}

test('a pause by signal stops the steps in the middle of an activity, shows in the rows and in the web UI, and outlasts the worker and the workflow', async () => {
  const { handle, experiment } = await laboratory.beginUnderWay('signalled');
  const runs = runHandles(experiment, [0, 1]);
  await handle.signal('pause');
  await untilStill(runs);
  expect((await laboratory.experimentRow(experiment)).pausedAt).not.toBeNull();
  expect(await handle.query('progress')).toMatchObject({ paused: true, running: 2 });
  for (const workflow of [handle, ...runs]) {
    expect(await statusAttribute(workflow)).toEqual(['paused']);
    expect((await workflow.describe()).status.name).toBe('RUNNING');
  }
  // A new worker finds everything as it was.
  process.kill(laboratory.worker.pid, 'SIGKILL');
  await patientlyUntil('the worker is back', () => laboratory.worker.deaths.length === 1);
  await handle.query('progress');
  await untilStill(runs);

  // The rows alone hold the next activity, and a second start of the experiment.
  await handle.terminate('the server lost its state');
  await withStore(laboratory.data, async ({ experiments }) => {
    expect(await experiments.setPaused(experiment, false, 4)).toBe(true);
    expect(await experiments.setPaused(experiment, true, 5)).toBe(true);
    expect(await experiments.setPaused(experiment, true, 6)).toBe(false);
  });
  const again = await laboratory.begin('signalled', 'signalled-again');
  await patientlyUntil(
    'it says that it is paused',
    async () => (await again.query<{ paused: boolean }>('progress')).paused,
  );
  await untilStill([again, ...runs]);
  expect(await again.query('progress')).toMatchObject({ paused: true, running: 0, toDo: 2 });
  await again.signal('resume');
  await laboratory.completesEqually(again.workflowId, experiment);
});

test('a pause with an argument that workflows cannot read holds the workflow itself, and resume continues', async () => {
  const { handle, experiment } = await laboratory.beginUnderWay('unreadable');
  await laboratory.client.workflowService.signalWorkflowExecution({
    namespace: laboratory.namespace,
    workflowExecution: { workflowId: handle.workflowId },
    signalName: 'pause',
    input: { payloads: [{ metadata: { encoding: Buffer.from('xyz/abc') }, data: Buffer.from('x') }] },
    requestId: 'unreadable',
  });
  await patientlyUntil(
    'the pause is written down',
    async () => (await laboratory.experimentRow(experiment)).pausedAt !== null,
  );
  expect(await handle.query('progress')).toMatchObject({ paused: true });
  await untilStill(runHandles(experiment, [0, 1]));
  laboratory.gate.close();
  await handle.signal('resume');
  await patientlyUntil(
    'the row says so',
    async () => (await laboratory.experimentRow(experiment)).pausedAt === null,
  );
  expect(await laboratory.experimentRow(experiment)).toMatchObject({ status: 'running' });
  await laboratory.completesEqually(handle.workflowId, experiment);
});

test('one run is paused by itself and the others continue; the rows keep the pause over a restart of its experiment', async () => {
  const { handle, experiment } = await laboratory.beginUnderWay('one-run');
  const [first] = runHandles(experiment, [0]);
  await first!.signal('pause');
  await patientlyUntil(
    'the run is paused',
    async () => (await runsOf(laboratory.data, experiment))[0]!.hold === 'paused',
  );
  await untilNoActivity([first!]);
  laboratory.gate.open();
  await patientlyUntil(
    'the other run has ended',
    async () => (await runsOf(laboratory.data, experiment))[1]!.status === 'finished',
  );
  const [held] = await runsOf(laboratory.data, experiment);
  expect(held).toMatchObject({ hold: 'paused', status: 'running', stopReason: null });
  expect((await handle.describe()).status.name).toBe('RUNNING');

  await handle.terminate('by hand');
  const again = await laboratory.begin('one-run', 'one-run-again');
  await patientlyUntil('the run is held again', async () => {
    const found = await first!.describe();
    return found.status.name === 'RUNNING' && String(found.searchAttributes['PanicTdaStatus']) === 'paused';
  });
  await first!.signal('resume');
  await laboratory.completesEqually(again.workflowId, experiment);
  expect((await runsOf(laboratory.data, experiment)).map(({ hold }) => hold)).toEqual([null, null]);
});

test('a paused experiment can be cancelled, and is then no longer paused', async () => {
  const { handle, experiment } = await laboratory.beginUnderWay('paused-cancelled');
  await handle.signal('pause');
  await untilStill(runHandles(experiment, [0, 1]));
  await handle.cancel();
  await handle.result().catch(() => undefined);
  expect(await laboratory.experimentRow(experiment)).toMatchObject({ status: 'cancelled', pausedAt: null });
  const again = await laboratory.begin('paused-cancelled');
  await laboratory.completesEqually(again.workflowId, experiment);
});

test('many pauses and resumes in quick succession end as the last one says and lose nothing', async () => {
  const { handle, experiment } = await laboratory.beginUnderWay('in-one-breath');
  for (let turn = 0; turn < 10; turn++) {
    await handle.signal('pause');
    if (turn % 3 === 0) await sleep(300);
    await handle.signal('resume');
  }
  await laboratory.completesEqually(handle.workflowId, experiment);
});

test('temporal activity pause and unpause hold one activity and give it back', async () => {
  const { handle, experiment } = await laboratory.beginUnderWay('activity-paused');
  const [first, second] = runHandles(experiment, [0, 1]);
  const { client } = laboratory;
  const request = {
    namespace: laboratory.namespace,
    execution: { workflowId: first!.workflowId },
    type: 'advanceRun',
    identity: 'operator',
  };
  await client.workflowService.pauseActivity(request);
  await patientlyUntil('the worker has given the activity back', async () => {
    const { raw } = await first!.describe();
    return raw.pendingActivities?.[0]?.state === PENDING_ACTIVITY_STATE_PAUSED;
  });
  laboratory.gate.open();
  await patientlyUntil(
    'the other run has ended',
    async () => (await second!.describe()).status.name === 'COMPLETED',
  );
  const [held] = await runsOf(laboratory.data, experiment);
  expect(held).toMatchObject({ status: 'running', stopReason: null, failures: [] });
  await client.workflowService.unpauseActivity(request);
  await laboratory.completesEqually(handle.workflowId, experiment);
});

test('every row is right after all of this', async () => {
  expect(await violations(laboratory.data)).toEqual([]);
});
