import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Held, RunAdvance, RunRef } from '../../workflows/contract.js';
import { TASK_QUEUES } from '../../workflows/names.js';
import { workflowOptions } from '../../workers/worker-options.js';
import { planOfOneRun } from './plan-of-one-run.js';
import { connectClient, suiteAddress, takeNamespace } from '../support/suite-server.js';
import { repositoryPath, until } from '../support/child-processes.js';

/**
 * The rows say that something is paused, and the row of a resume is written late. The test itself decides what the
 * activities do. A run that goes on before that row is written asks again within milliseconds.
 */
const LATE_MS = 1000;

/** What the rows hold, and how often a run has asked them, by experiment. */
const held = new Map<string, Held>();
const asked = new Map<string, number>();

async function advanceRun({ experiment }: RunRef): Promise<RunAdvance> {
  asked.set(experiment, askedOf(experiment) + 1);
  const row = { next: 1, maxLength: 1, cycleLength: null, network: 'a', seed: 1, prompt: 'b' };
  const pause = held.get(experiment);
  return pause === undefined ? { ...row, ended: 'length' } : { ...row, ended: null, held: pause };
}

function askedOf(experiment: string): number {
  return asked.get(experiment) ?? 0;
}

async function recordPause({ experiment }: { experiment: string }, paused: boolean): Promise<void> {
  if (paused) return;
  const before = askedOf(experiment);
  for (let waited = 0; waited < LATE_MS && askedOf(experiment) === before; waited += 50) await sleep(50);
  // A run that has asked by now takes over the old pause.
  await sleep(200);
  held.delete(experiment);
}

const activities = {
  advanceRun,
  recordPause,
  planExperiment: async () => planOfOneRun('whole'),
  unfinishedRuns: async () => [0],
  finishExperiment: async () => ({ status: 'completed' }),
};

let client: Client;
let close: () => Promise<void>;
let connection: NativeConnection;
let stop: () => Promise<void>;

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR', () => undefined) });
  const namespace = takeNamespace();
  ({ client, close } = await connectClient(namespace));
  connection = await NativeConnection.connect({ address: suiteAddress() });
  const shared = { connection, namespace, activities };
  const workflowBundle = { codePath: repositoryPath('dist/workflows/bundle.js') };
  const workers = await Promise.all([
    Worker.create({ ...shared, ...workflowOptions, taskQueue: TASK_QUEUES.main, workflowBundle }),
    Worker.create({ ...shared, taskQueue: TASK_QUEUES.gpu }),
  ]);
  const running = workers.map((worker) => worker.run());
  stop = async () => {
    for (const worker of workers) worker.shutdown();
    await Promise.all(running);
  };
});

afterAll(async () => {
  await stop();
  await connection.close();
  await close();
});

/** Waits until the run has asked the rows, and knows their answer. */
async function untilHeld(run: WorkflowHandle, experiment: string): Promise<void> {
  await until('the rows hold the run', async () => {
    if (askedOf(experiment) === 0) return false;
    const { raw } = await run.describe();
    return (raw.pendingActivities ?? []).length === 0 && raw.pendingWorkflowTask == null;
  });
}

/** Starts the only run of an experiment, which its row holds. */
async function heldRun(experiment: string): Promise<WorkflowHandle> {
  held.set(experiment, 'run-paused');
  const run = await client.workflow.start('run', {
    taskQueue: TASK_QUEUES.main,
    workflowId: `run-${experiment}-0`,
    args: [{ experiment, index: 0, embeddingModels: [], unindexed: true }],
  });
  await untilHeld(run, experiment);
  return run;
}

async function untilDone(workflow: WorkflowHandle): Promise<void> {
  await until(
    `${workflow.workflowId} has gone on`,
    async () => (await workflow.describe()).status.name === 'COMPLETED',
  );
}

test('a run that is resumed goes on, however late its row says so', async () => {
  const run = await heldRun('single');
  await run.signal('resume');
  await untilDone(run);
  expect(await run.result()).toEqual({ length: 1, ended: 'length' });
  expect(held.has('single')).toBe(false);
});

test('the runs of an experiment that is resumed go on, however late its row says so', async () => {
  held.set('whole', 'experiment-paused');
  const experiment = await client.workflow.start('experiment', {
    taskQueue: TASK_QUEUES.main,
    workflowId: 'experiment-whole',
    args: [{}],
  });
  await until('the run has asked the rows', () => askedOf('whole') > 0);
  await untilHeld(client.workflow.getHandle('run-whole-0'), 'whole');
  await experiment.signal('resume');
  await untilDone(experiment);
  expect(held.has('whole')).toBe(false);
});

test('a pause that comes before the row of a resume is written stays', async () => {
  const run = await heldRun('again');
  await run.signal('resume');
  await run.signal('pause');
  await until('the row of the resume is written', () => !held.has('again'));
  await untilHeld(run, 'again');
  expect((await run.describe()).status.name).toBe('RUNNING');
  expect(askedOf('again')).toBe(1);
  await run.signal('resume');
  await untilDone(run);
});
