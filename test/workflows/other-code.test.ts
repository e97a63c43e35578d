import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ApplicationFailure, CompleteAsyncError } from '@temporalio/activity';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { RunAdvance, RunRef, RunStop } from '../../workflows/contract.js';
import { unknownActivity } from '../../activities/index.js';
import { blockedWorkflows } from '../../workers/temporal/blocked-workflows.js';
import { unfitHistories, type UnfitHistories } from '../../workers/temporal/unfit-histories.js';
import { workflowOptions } from '../../workers/worker-options.js';
import { planOfOneRun } from './plan-of-one-run.js';
import { connectClient, suiteAddress, takeNamespace } from '../support/suite-server.js';
import { repositoryPath, until } from '../support/child-processes.js';

/**
 * Runs begin with the workflow code of one version, and their next step goes to a worker of another version.
 * The id of each experiment names one way in which the two versions can differ. The test itself decides what
 * the activities do, so the moment is certain.
 */
const BUNDLE = readFileSync(repositoryPath('dist/workflows/bundle.js'), 'utf8');
const LOOP = 'const summary = `invocations from';
const SDK = '_temporalio_workflow__WEBPACK_IMPORTED_MODULE_0__';
const ACTIVITIES = '_activities_js__WEBPACK_IMPORTED_MODULE_1__';

function edited(edits: readonly (readonly [from: string, to: string])[]): string {
  return edits.reduce((code, [from, to]) => {
    if (!code.includes(from)) throw new Error(`the bundle has no ${from} to change`);
    return code.replace(from, () => to);
  }, BUNDLE);
}

/** What both versions do. A bug of both is the same bug when it is replayed. */
const BOTH = `const way = input.experiment;
  if (way === 'bug-of-both' && advanced?.next === 1) advanced.none.none;
  if (way === 'activity-unknown' && advanced?.next === 1) await ${ACTIVITIES}.bookkeeping.laterActivity();`;

const FIRST = edited([
  [
    LOOP,
    `${BOTH}
     if (way === 'patch-missing') (0,${SDK}.patched)('a');
     if (way === 'activity-less' && advanced === undefined) await ${ACTIVITIES}.bookkeeping.routeRun(ref);
     if (way === 'signal-with-work' && advanced === undefined)
       (0,${SDK}.setHandler)((0,${SDK}.defineSignal)('nudge'), () => ${ACTIVITIES}.bookkeeping.routeRun(ref));
     if (way === 'signal-that-throws' && advanced === undefined) (0,${SDK}.setHandler)((0,${SDK}.defineSignal)('nudge'), () => {});
     ${LOOP}`,
  ],
  ['held: true,', 'held: true, later: true,'],
]);

const SECOND = edited([
  [
    LOOP,
    `${BOTH}
     if (way === 'patch-added') (0,${SDK}.patched)('a');
     if (way === 'activity-more' && advanced === undefined) await ${ACTIVITIES}.bookkeeping.routeRun(ref);
     if (way === 'signal-that-throws' && advanced === undefined)
       (0,${SDK}.setHandler)((0,${SDK}.defineSignal)('nudge'), () => undefined.none);
     if (way === 'throws' && advanced?.next === 1) advanced.none.none;
     if (way === 'bug' && advanced?.next === 2) advanced.none.none;
     ${LOOP}`,
  ],
  [
    `${ACTIVITIES}.gpu.advanceRun`,
    `${ACTIVITIES}.gpu[input.experiment === 'activity-other' ? 'embedRun' : 'advanceRun']`,
  ],
  [
    'activities < ACTIVITIES_PER_EXECUTION',
    `activities < (input.experiment === 'continues-sooner' ? 1 : 200)`,
  ],
  [
    'return `run-${experiment}-${index}`',
    `return experiment === 'children' ? 'other' : \`run-\${experiment}-\${index}\``,
  ],
  [
    'const ACTIVITIES_PER_EXECUTION',
    `if (globalThis.__TEMPORAL_ACTIVATOR__?.info.workflowId === 'run-load-0') throw new Error('no such file');\nconst ACTIVITIES_PER_EXECUTION`,
  ],
]);

/** Ways in which the second version does not fit the history, with the reason that is reported. */
const BLOCKED: Readonly<Record<string, RegExp>> = {
  'activity-other': /Nondeterminism error: Activity type of scheduled event 'advanceRun' does not match/,
  'activity-more': /Nondeterminism error: Activity type/,
  'activity-less': /Nondeterminism error: Activity type/,
  'patch-missing': /Nondeterminism error/,
  'continues-sooner': /Nondeterminism error/,
  'signal-with-work': /Nondeterminism error/,
  'signal-that-throws': /does not fit the history: TypeError/,
  throws: /does not fit the history: TypeError/,
  load: /no such file/,
  'unknown-input': /input has what this version does not know: later/,
};
/** Ways in which the second version fits the history. */
const FITTING = ['patch-added', 'activity-unknown'];
/**
 * Ways in which a run fails: by a bug of the second version at its first occurrence, and by a bug of both
 * versions, which the history records.
 */
const BUGS = ['bug', 'bug-of-both'];

let client: Client;
let close: () => Promise<void>;
let connection: NativeConnection;
let namespace: string;
let unfit: UnfitHistories;

beforeAll(async () => {
  Runtime.install({
    logger: new DefaultLogger('ERROR', () => undefined),
    telemetryOptions: { logging: { filter: 'OFF', forward: {} } },
  });
  namespace = takeNamespace();
  ({ client, close } = await connectClient(namespace));
  connection = await NativeConnection.connect({ address: suiteAddress() });
});

afterAll(async () => {
  await unfit?.close();
  await connection.close();
  await close();
});

/** Until this is true, the second step of each run, and the activity that writes down a stop, are retried. */
let raised = false;
const steps = new Map<string, number>();
const stops = new Map<string, string>();

function gate(): void {
  if (!raised) throw ApplicationFailure.create({ message: 'not yet', nextRetryDelay: '500ms' });
}

async function advanceRun({ experiment }: RunRef): Promise<RunAdvance> {
  const next = (steps.get(experiment) ?? 0) + 1;
  if (next === 2 && experiment === 'unreadable') throw new CompleteAsyncError();
  if (next > 1) gate();
  steps.set(experiment, next);
  const ended = next === 3 ? 'length' : null;
  return { next, ended, maxLength: 3, cycleLength: null, network: 'a', seed: 1, prompt: 'b' };
}

const ACTIVITIES_OF_ALL = {
  advanceRun,
  embedRun: advanceRun,
  routeRun: async () => ({}),
  stopRun: async ({ experiment }: RunRef, stop: RunStop) => {
    gate();
    stops.set(experiment, stop.status === 'failed' ? stop.kind : stop.status);
  },
  planExperiment: async () => planOfOneRun('children'),
  unfinishedRuns: async () => [0],
  finishExperiment: async () => ({ status: 'completed' }),
  default: unknownActivity,
};

/** A worker for all queues with this workflow code, while `work` runs. */
async function serving(
  code: string,
  work: (worker: Worker) => Promise<void>,
  more: object = {},
): Promise<void> {
  const queues = ['panic-tda', 'panic-tda-gpu'];
  const [main, gpu] = await Promise.all(
    queues.map((taskQueue) =>
      Worker.create({
        connection,
        namespace,
        taskQueue,
        activities: { ...ACTIVITIES_OF_ALL, ...more },
        ...(taskQueue === 'panic-tda' ? { ...workflowOptions, workflowBundle: { code } } : {}),
      }),
    ),
  );
  await gpu!.runUntil(() => main!.runUntil(() => work(main!)));
}

function handleOf(way: string): WorkflowHandle {
  return client.workflow.getHandle(way === 'children' ? 'experiment-children' : `run-${way}-0`);
}

async function began(way: string): Promise<boolean> {
  const { raw } = await handleOf(way).describe();
  return (raw.pendingActivities ?? []).length > 0 && raw.pendingWorkflowTask == null && steps.has(way);
}

async function activitiesOf(way: string): Promise<string[]> {
  const { events } = await handleOf(way).fetchHistory();
  return (events ?? []).map((event) => event.activityTaskScheduledEventAttributes?.activityType?.name ?? '');
}

/** Whether a workflow task was completed after the signal came. */
async function hasMet(way: string): Promise<boolean> {
  const events = (await handleOf(way).fetchHistory()).events ?? [];
  const signal = events.findIndex((event) => event.workflowExecutionSignaledEventAttributes);
  return signal >= 0 && events.slice(signal).some((event) => event.workflowTaskCompletedEventAttributes);
}

/**
 * Does what `temporal workflow reset --type FirstWorkflowTask` does. The other version then makes the run from
 * its stored steps.
 */
async function resetToTheFirstTask(way: string): Promise<void> {
  const { events } = await handleOf(way).fetchHistory();
  const task = events!.find((event) => event.workflowTaskCompletedEventAttributes)!;
  await client.workflowService.resetWorkflowExecution({
    namespace,
    workflowExecution: { workflowId: handleOf(way).workflowId },
    workflowTaskFinishEventId: task.eventId!,
    requestId: randomUUID(),
    reason: 'its version is gone',
  });
}

/** Answers the waiting step in a way that this version cannot read. */
async function answerUnreadably(): Promise<void> {
  const { raw } = await handleOf('unreadable').describe();
  const data = Buffer.from('?');
  await client.workflowService.respondActivityTaskCompletedById({
    namespace,
    workflowId: 'run-unreadable-0',
    activityId: raw.pendingActivities![0]!.activityId!,
    result: { payloads: [{ metadata: { encoding: Buffer.from('binary/later') }, data }] },
  });
}

test('a workflow that code of another version does not fit waits for its own code, and nothing fails', async () => {
  const ways = [...Object.keys(BLOCKED), ...FITTING, ...BUGS];
  const start = (type: string, workflowId: string, input: unknown) =>
    client.workflow.start(type, { taskQueue: 'panic-tda', workflowId, args: [input] });
  await serving(FIRST, async () => {
    await start('experiment', 'experiment-children', {});
    for (const way of [...ways, 'unreadable']) {
      const later = way === 'unknown-input' ? { later: true } : {};
      await start('run', `run-${way}-0`, {
        experiment: way,
        index: 0,
        embeddingModels: [],
        unindexed: true,
        ...later,
      });
    }
    for (const way of ways) await until(`${way} began`, () => began(way));
    for (const way of ['signal-with-work', 'signal-that-throws']) await handleOf(way).signal('nudge');
    // The history of the first has the work of its signal. That of the second shows that its signal made none.
    await until('the signals are met', async () =>
      (await activitiesOf('signal-with-work')).includes('routeRun'),
    );
    await until('the signals are met', () => hasMet('signal-that-throws'));
  });

  const blocked = { ...BLOCKED, children: /Child workflow id/, unreadable: /binary\/later/ };
  raised = true;
  await serving(SECOND, async (worker) => {
    unfit = unfitHistories({ client, onFirst: () => undefined, lookEveryMs: 500, staysMs: 0 });
    unfit.watch(worker);
    await start('later', 'of-a-later-type', {});
    await until('an unreadable answer is given', () =>
      answerUnreadably().then(
        () => true,
        () => false,
      ),
    );
    for (const [way, reason] of Object.entries(blocked)) {
      await until(`${way} is blocked`, async () => (await blockedReason(handleOf(way).workflowId)) !== null);
      expect(`${way}: ${await blockedReason(handleOf(way).workflowId)}`).toMatch(reason);
    }
    expect(await blockedReason('of-a-later-type')).toMatch(/no such function is exported/);
    for (const way of BUGS) {
      await expect(handleOf(way).result()).rejects.toMatchObject({ cause: { type: 'TypeError' } });
      expect(stops.get(way)).toBe('TypeError');
    }
    expect(await handleOf('patch-added').result()).toEqual({ length: 3, ended: 'length' });
    const waiting = Object.keys(blocked).length + 1;
    expect(unfit.count()).toBe(waiting);
    // The service names an execution only after a while.
    await until('the first of them has its name', () =>
      /^the workflow code of this worker does not fit the history of \d+ workflows: it could not go on with (run|experiment|of)-/.test(
        unfit.problem() ?? '',
      ),
    );

    await resetToTheFirstTask('activity-less');
    expect(await handleOf('activity-less').result()).toEqual({ length: 3, ended: 'length' });
    await until('the reset workflow counts no more', () => unfit.count() === waiting - 1);
  });

  const ofRuns = await blockedWorkflows(client.workflow, 'all');
  expect(ofRuns).toMatchObject({ runs: Object.keys(BLOCKED).length, others: 1, atLeast: false });
  for (const workflowId of ['of-a-later-type', 'run-unreadable-0']) {
    await client.workflow.getHandle(workflowId).terminate();
  }
  await serving(
    FIRST,
    async () => {
      for (const way of [...Object.keys(BLOCKED), 'activity-unknown']) {
        expect(`${way}: ${JSON.stringify(await handleOf(way).result())}`).toBe(
          `${way}: {"length":3,"ended":"length"}`,
        );
      }
      expect(await handleOf('children').result()).toMatchObject({ status: 'completed' });
    },
    { laterActivity: async () => null },
  );
  await until('no workflow counts any more', () => unfit.count() === 0);
  expect(unfit.problem()).toBeNull();
  expect(await blockedWorkflows(client.workflow, 'all')).toBeNull();
});

/** Why this workflow is blocked. Null if it is not. */
async function blockedReason(workflowId: string): Promise<string | null> {
  const found = await blockedWorkflows(client.workflow, { id: 'none', driverWorkflowId: null }, [workflowId]);
  return found === null ? null : found.example.reason;
}
