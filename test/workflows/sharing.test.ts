import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ExperimentResult } from '../../activities/index.js';
import { violations } from '../support/store-checks.js';
import { connectClient, takeNamespace } from '../support/suite-server.js';
import { startWorkerProcess } from '../support/worker-process.js';
import type { WorkerProcess } from '../support/worker-process.js';
import { until } from '../support/child-processes.js';
import { sharedTemporaryFolder } from '../support/temporary-folder.js';
import type { experiment as workflow } from '../../workflows/index.js';

const { TASK_QUEUE_TYPE_ACTIVITY } = proto.temporal.api.enums.v1.TaskQueueType;
const RUNS = { large: 20, weighty: 20, small: 3 } as const;
type Name = keyof typeof RUNS;

function experiment(name: Name, more: object = {}) {
  return {
    name,
    networks: [['DummyT2I']],
    prompts: ['a lighthouse in fog'],
    seed_count: RUNS[name],
    embedding_models: ['ColourGradient'],
    max_length: 1,
    max_dimension: 0,
    ...more,
  };
}

interface FirstStep {
  readonly of: Name;
  /** Nanoseconds since 1970. */
  readonly startedAt: bigint;
}

let data: string;
let client: Client;
let close: () => Promise<void>;
const workers: WorkerProcess[] = [];
let results: ExperimentResult[];
/** The first task of every run, in the order in which the server gave them out. */
let order: readonly FirstStep[];

// All runs ask for their first step while no worker serves the queue of the models. So the order is the choice
// of the server alone.
beforeAll(async () => {
  data = join(sharedTemporaryFolder(), 'data');
  mkdirSync(data);
  const namespace = takeNamespace();
  ({ client, close } = await connectClient(namespace));
  // Gives each stage of a run its own activity.
  const env = { PANIC_TDA_ACTIVITY_MS: '0' };
  workers.push(startWorkerProcess({ namespace, data, env, queues: 'main,cpu' }));
  const running: Promise<ExperimentResult>[] = [];
  let waiting = 0;
  for (const file of [experiment('large'), experiment('weighty', { weight: 4 }), experiment('small')]) {
    const started = { taskQueue: 'panic-tda', workflowId: file.name, args: [file] as const };
    running.push((await client.workflow.start<typeof workflow>('experiment', started)).result());
    waiting += RUNS[file.name];
    await until(`${waiting} steps wait`, async () => (await backlog(namespace)) >= waiting);
  }
  workers.push(startWorkerProcess({ namespace, data, env, queues: 'gpu' }));
  results = await Promise.all(running);
  const steps = await Promise.all(results.map(({ experiment: id }, k) => firstSteps(id, nameOf(k))));
  order = steps.flat().toSorted((a, b) => (a.startedAt < b.startedAt ? -1 : 1));
});

afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
  await close();
});

function nameOf(k: number): Name {
  return (['large', 'weighty', 'small'] as const)[k]!;
}

async function backlog(namespace: string): Promise<number> {
  const { stats } = await client.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: 'panic-tda-gpu' },
    taskQueueType: TASK_QUEUE_TYPE_ACTIVITY,
    reportStats: true,
  });
  return Number(stats?.approximateBacklogCount ?? 0);
}

function firstSteps(id: string, of: Name): Promise<FirstStep[]> {
  const runs = Array.from({ length: RUNS[of] }, async (_, index) => {
    const { events } = await client.workflow.getHandle(`run-${id}-${index}`).fetchHistory();
    const { seconds, nanos } = events!.find((event) => event.activityTaskStartedEventAttributes)!.eventTime!;
    return { of, startedAt: BigInt(String(seconds)) * 1_000_000_000n + BigInt(nanos ?? 0) };
  });
  return Promise.all(runs);
}

function servedAmong(first: number, of: Name): number {
  return order.slice(0, first).filter((step) => step.of === of).length;
}

test('a small experiment that comes last does not wait for the backlogs of large ones', () => {
  expect(servedAmong(24, 'small')).toBe(RUNS.small);
});

test('of two equal experiments, the one with four times the weight is served far more often', () => {
  expect(servedAmong(19, 'large')).toBeGreaterThan(0);
  expect(servedAmong(19, 'weighty')).toBeGreaterThan(2 * servedAmong(19, 'large'));
});

test('work that ends a run has more priority than work that prolongs others', async () => {
  const { events } = await client.workflow.getHandle(`run-${results[1]!.experiment}-0`).fetchHistory();
  const asked = events!.flatMap(({ activityTaskScheduledEventAttributes: scheduled }) =>
    scheduled ? [{ activity: scheduled.activityType!.name, key: scheduled.priority?.priorityKey ?? 0 }] : [],
  );
  expect(asked).toEqual([
    { activity: 'advanceRun', key: 0 },
    { activity: 'embedRun', key: 2 },
    { activity: 'diagramRun', key: 0 },
  ]);
});

test('sharing changes nothing in the rows', async () => {
  expect(results.map(({ status }) => status)).toEqual(['completed', 'completed', 'completed']);
  expect(await violations(data)).toEqual([]);
});
