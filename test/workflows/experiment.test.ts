import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { resetIn, runsOf } from './rows.js';
import { findTemporalCli } from '../../workers/temporal/cli.js';
import { experimentFile, openLaboratory } from '../support/laboratory.js';
import type { Laboratory } from '../support/laboratory.js';
import {
  allRows,
  digestOf,
  invocationCount,
  untilInvocations,
  violations,
  withStore,
} from '../support/store-checks.js';
import { isFullRange } from '../support/range.js';
import { suiteAddress } from '../support/suite-server.js';
import { CLI } from '../support/worker-process.js';
import { until } from '../support/child-processes.js';
import { sharedTemporaryFolder } from '../support/temporary-folder.js';
import { z } from 'zod';
import { readJson } from '../support/json.js';

jest.setTimeout(120_000);

const QUICK = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a lighthouse in fog', 'two hares on a hill'],
  seeds: [3],
  embedding_models: ['Dummy'],
  max_length: 8,
};

/** Four runs of 20 slow calls each, two at a time: a test has four seconds to disturb them. */
const SLOW = {
  ...QUICK,
  networks: [['DummyT2I', 'SlowI2T']],
  seeds: [3, 7],
  max_length: 40,
  on_cycle: 'continue',
  reuse: false,
};

let laboratory: Laboratory;
/** Runs the same experiments undisturbed. */
let calm: Laboratory;

beforeAll(async () => {
  // Gives a slow run several activities.
  const env = { PANIC_TDA_ACTIVITY_MS: '1000' };
  [laboratory, calm] = await Promise.all([openLaboratory(env), openLaboratory(env)]);
});

afterAll(async () => {
  await Promise.all([laboratory.close(), calm.close()]);
});

/** The error that made the workflow fail. */
async function causeOf(result: Promise<unknown>): Promise<Error | undefined> {
  const outcome: unknown = await result.catch((error: unknown) => error);
  if (!(outcome instanceof WorkflowFailedError)) throw new Error(`did not fail: ${JSON.stringify(outcome)}`);
  let cause: Error | undefined = outcome.cause;
  while (cause?.cause instanceof Error) cause = cause.cause;
  return cause;
}

async function experimentsEqual(name: string, experiment: string): Promise<void> {
  expect(await violations(laboratory.data)).toEqual([]);
  expect({ name, digest: await digestOf(laboratory.data, experiment) }).toEqual({
    name,
    digest: await digestOf(calm.data, experiment),
  });
}

test('an experiment started with the Temporal command line gives the rows of `panic-tda run`', async () => {
  const file = experimentFile(laboratory.folder, 'both-ways', { ...QUICK, name: 'both ways' });
  const { path: temporal } = await findTemporalCli({ fetch: false });
  const command = 'workflow start --type experiment --task-queue panic-tda --workflow-id my-experiment';
  const where = ['--address', suiteAddress(), '--namespace', laboratory.namespace];
  const started = spawnSync(temporal, [...command.split(' '), '--input-file', file, ...where], {
    encoding: 'utf8',
  });
  expect(started).toMatchObject({ status: 0 });
  const viaTemporal = await laboratory.client.workflow.getHandle('my-experiment').result();

  const data = join(sharedTemporaryFolder(), 'data');
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [CLI, 'run', file, '--data', data, '--json'],
    {
      env: { ...process.env, NODE_OPTIONS: '', TEMPORAL_ADDRESS: '', TEMPORAL_NAMESPACE: '' },
    },
  );
  const viaRun = readJson(stdout, z.object({ experiment: z.string(), status: z.string() }));
  expect(viaTemporal).toMatchObject({
    status: 'completed',
    experiment: viaRun.experiment,
    runs: 2,
    finished: 2,
  });
  expect(viaRun.status).toBe('completed');
  expect(await digestOf(data, viaRun.experiment)).toBe(await digestOf(laboratory.data, viaRun.experiment));
});

test('bad input fails the workflow at once, with every problem that the command line names', async () => {
  const bad = { ...QUICK, prompts: [' '], networks: [['DummyT2I', 'DumyI2T']], max_length: 0, colour: 'red' };
  const file = experimentFile(laboratory.folder, 'bad', bad);
  const handle = await laboratory.start(bad, 'bad-input');
  const cause = await causeOf(handle.result());
  expect(cause).toBeInstanceOf(ApplicationFailure);
  expect(cause).toMatchObject({ type: 'InvalidInput', nonRetryable: true });

  const said = spawnSync(process.execPath, [CLI, 'run', file, '--data', join(laboratory.folder, 'nowhere')], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  expect(said.status).toBe(2);
  expect(said.stderr.trim()).toBe(`panic-tda: ${cause!.message.replace('the experiment:', `${file}:`)}`);

  const { events } = await handle.fetchHistory();
  const attempts = events!.flatMap((event) => event.activityTaskStartedEventAttributes?.attempt ?? []);
  expect(attempts).toEqual([1]);
});

test.each([{ input: undefined }, { input: null }, { input: 'a.json' }, { input: [] }])(
  'an input of $input is refused as such',
  async ({ input }) => {
    const cause = await causeOf(laboratory.run(input, 'no-experiment'));
    expect(cause).toMatchObject({ type: 'InvalidInput', message: expect.stringContaining('allowed:') });
  },
);

test('progress, status and network can be read while an experiment runs and afterwards', async () => {
  const file = { ...SLOW, name: 'watched' };
  const handle = await laboratory.start(file, 'watched');
  await untilInvocations(laboratory.data, invocationCount(laboratory.data) + 4);
  const during = await handle.query<{ experiment: string }>('progress');
  expect(during).toMatchObject({ stage: 'running', runs: 4, toDo: 4, running: 4, finished: 0, failed: 0 });
  const experiment = during.experiment;
  expect(experiment).toMatch(/^[0-9a-f]{12}$/);
  const run = laboratory.client.workflow.getHandle(`run-${experiment}-0`);
  await until('the run shows its network', async () =>
    Object.keys((await run.describe()).searchAttributes).includes('PanicTdaNetwork'),
  );
  expect((await run.describe()).searchAttributes).toMatchObject({
    PanicTdaExperiment: [experiment],
    PanicTdaNetwork: ['DummyT2I → SlowI2T'],
    PanicTdaStatus: ['invoking'],
  });
  expect(await (await run.describe()).staticSummary()).toBe(`run 0 of experiment ${experiment}`);
  expect(await currentDetails(run)).toMatch(
    /DummyT2I → SlowI2T[^]*seed 3[^]*a lighthouse in fog[^]*of at most 40/,
  );
  expect(await currentDetails(handle)).toContain('4 runs, 64 at once');
  expect(await workflows(`PanicTdaExperiment = "${experiment}" AND PanicTdaStatus = "running"`)).toEqual([
    'watched',
  ]);

  expect((await handle.result()).status).toBe('completed');
  expect(await handle.query('progress')).toMatchObject({
    stage: 'done',
    runs: 4,
    running: 0,
    finished: 4,
    failed: 0,
  });
  expect(await currentDetails(handle)).toContain('completed, 4 of 4 runs finished');
  await until('the finished workflows are found by their status', async () => {
    const finished = await workflows(`PanicTdaExperiment = "${experiment}" AND PanicTdaStatus = "finished"`);
    const completed = await workflows(
      `PanicTdaExperiment = "${experiment}" AND PanicTdaStatus = "completed"`,
    );
    return finished.length === 4 && completed.length === 1;
  });
  expect(
    await workflows(`PanicTdaNetwork = "DummyT2I → SlowI2T" AND PanicTdaExperiment = "${experiment}"`),
  ).toHaveLength(4);
});

async function workflows(query: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { workflowId } of laboratory.client.workflow.list({ query })) found.push(workflowId);
  return found;
}

interface Queryable {
  query<T>(name: string): Promise<T>;
}

async function currentDetails(handle: Queryable): Promise<string> {
  const metadata = await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
  return metadata.currentDetails;
}

test('an experiment that is cancelled in the middle leaves consistent rows, and a new start completes it', async () => {
  const file = { ...SLOW, name: 'cancelled' };
  const undisturbed = calm.run(file, 'cancelled');
  const before = invocationCount(laboratory.data);
  const handle = await laboratory.start(file, 'cancelled');
  await untilInvocations(laboratory.data, before + 20);
  await handle.cancel();
  expect(await causeOf(handle.result())).toBeInstanceOf(CancelledFailure);

  const { experiment } = await undisturbed;
  expect(await violations(laboratory.data)).toEqual([]);
  const after = await withStore(laboratory.data, async ({ experiments }) => ({
    status: (await experiments.get(experiment)).status,
    driver: (await experiments.get(experiment)).driverWorkflowId,
    runs: await experiments.runsByStatus(experiment),
  }));
  expect(after).toEqual({
    status: 'cancelled',
    driver: null,
    runs: { pending: 0, running: 0, finished: 0, failed: 0, cancelled: 4 },
  });
  expect(await workflows(`PanicTdaExperiment = "${experiment}" AND ExecutionStatus = "Running"`)).toEqual([]);
  const stored = allRows(laboratory.data)['invocations']!;

  expect((await laboratory.run(file, 'cancelled')).status).toBe('completed');
  expect(allRows(laboratory.data)['invocations']!.slice(0, stored.length)).toEqual(stored);
  await experimentsEqual('cancelled', experiment);
});

test('an experiment that is cancelled during its planning or its first steps can be started again', async () => {
  const file = { ...QUICK, name: 'cancelled early' };
  const { experiment } = await calm.run(file, 'early');
  for (const delay of [0, 20, 60, 150]) {
    const handle = await laboratory.start(file, 'early');
    await new Promise((resolve) => setTimeout(resolve, delay));
    await handle.cancel().catch(() => undefined);
    await handle.result().catch(() => undefined);
    const row = await withStore(laboratory.data, ({ experiments }) => experiments.find(experiment));
    expect(row === null || row.driverWorkflowId === null).toBe(true);
    expect(['cancelled', 'completed']).toContain(row?.status ?? 'cancelled');
    expect(await violations(laboratory.data)).toEqual([]);
  }
  expect((await laboratory.run(file, 'early')).status).toBe('completed');
  await experimentsEqual('early', experiment);
});

// By day, test/workflows/by-hand.test.ts does both with the commands of an operator.
if (isFullRange()) {
  test('a terminated experiment continues when it is started again', async () => {
    const file = { ...SLOW, name: 'terminated' };
    const undisturbed = calm.run(file, 'terminated');
    const before = invocationCount(laboratory.data);
    const handle = await laboratory.start(file, 'terminated');
    await untilInvocations(laboratory.data, before + 20);
    await handle.terminate('by hand');
    // The id is another, and the row names a driver that has ended.
    expect((await laboratory.run(file, 'terminated-again')).status).toBe('completed');
    await experimentsEqual('terminated', (await undisturbed).experiment);
  });
}

test('of two workflows of one experiment, the second is refused with a message that names the first', async () => {
  const file = { ...SLOW, name: 'twice' };
  const undisturbed = calm.run(file, 'twice');
  const handles = await Promise.all(['twice-a', 'twice-b'].map((id) => laboratory.start(file, id)));
  const outcomes = await Promise.allSettled(handles.map((handle) => handle.result()));
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  const refused = outcomes.findIndex(({ status }) => status === 'rejected');
  const { experiment } = await undisturbed;
  expect(await causeOf(handles[refused]!.result())).toMatchObject({
    type: 'AlreadyRunning',
    message: `experiment ${experiment} is already being run by workflow ${handles[1 - refused]!.workflowId}; wait for it or cancel it`,
  });
  await experimentsEqual('twice', experiment);
});

test('a completed experiment that is started again does nothing and succeeds', async () => {
  const file = { ...QUICK, name: 'again' };
  const first = await laboratory.run(file, 'again');
  const before = allRows(laboratory.data);
  const second = await laboratory.run(file, 'again');
  expect(second).toEqual(first);
  const { experiments: _old, ...rowsBefore } = before;
  const { experiments: _new, ...rowsAfter } = allRows(laboratory.data);
  expect(rowsAfter).toEqual(rowsBefore);
  expect(await workflows(`WorkflowType = "run" AND PanicTdaExperiment = "${first.experiment}"`)).toHaveLength(
    2,
  );
});

test('a failing run fails alone, after three attempts, and `retry` runs only it', async () => {
  const file = {
    ...QUICK,
    name: 'one fails',
    networks: [['DummyT2I', 'EmptyCaptionI2T']],
    prompts: ['a lighthouse in fog'],
    seeds: [3, 13, 7],
  };
  const result = await laboratory.run(file, 'one-fails');
  const { experiment } = result;
  expect(result).toMatchObject({
    status: 'completed_with_failures',
    runs: 3,
    finished: 2,
    failed: 1,
    failedRuns: [1],
  });
  expect(await violations(laboratory.data)).toEqual([]);
  const [first, failed, third] = await runsOf(laboratory.data, experiment);
  expect(failed).toMatchObject({ status: 'failed', errorKind: 'ModelOutputInvalid', attempt: 1 });
  const attempt = { kind: 'ModelOutputInvalid', stage: 'invocation', sequence: 1, attempt: 1 };
  expect(failed!.failures).toHaveLength(3);
  expect(failed!.failures).toMatchObject([attempt, attempt, attempt]);
  expect([first!.status, third!.status]).toEqual(['finished', 'finished']);
  // The step before the failed one is kept.
  expect(failed!.invocations).toBe(1);

  await withStore(laboratory.data, ({ experiments }) => experiments.resetFailedRuns(experiment));
  expect(await laboratory.run(file, 'one-fails')).toMatchObject({
    status: 'completed_with_failures',
    failedRuns: [1],
  });
  const again = await runsOf(laboratory.data, experiment);
  expect([again[0], again[2]]).toEqual([first, third]);
  expect(again[1]!.failures.map(({ attempt }) => attempt)).toEqual([1, 1, 1, 2, 2, 2]);
  const executions = await workflows(`WorkflowType = "run" AND PanicTdaExperiment = "${experiment}"`);
  expect(executions.sort()).toEqual([0, 1, 1, 2].map((index) => `run-${experiment}-${index}`));
});

// By day, test/workflows/by-hand.test.ts does this with the command of an operator.
if (isFullRange()) {
  test('a run whose workflow is terminated by hand fails alone, and `retry` completes it', async () => {
    const file = { ...SLOW, name: 'a run terminated' };
    const undisturbed = calm.run(file, 'a-run-terminated');
    const before = invocationCount(laboratory.data);
    const handle = await laboratory.start(file, 'a-run-terminated');
    await untilInvocations(laboratory.data, before + 10);
    const { experiment } = await handle.query<{ experiment: string }>('progress');
    await laboratory.client.workflow.getHandle(`run-${experiment}-2`).terminate('by hand');
    expect(await handle.result()).toMatchObject({ status: 'completed_with_failures', failedRuns: [2] });
    const runs = await runsOf(laboratory.data, experiment);
    expect(runs[2]).toMatchObject({ status: 'failed', errorKind: 'Terminated' });
    expect(await violations(laboratory.data)).toEqual([]);

    await withStore(laboratory.data, ({ experiments }) => experiments.resetFailedRuns(experiment));
    expect((await laboratory.run(file, 'a-run-terminated')).status).toBe('completed');
    await undisturbed;
    await experimentsEqual('a run terminated', experiment);
  });
}

test('a model that ends its process costs one retry and not the run', async () => {
  const folder = sharedTemporaryFolder();
  const crashing = await openLaboratory({ CRASHING_I2T_MARKER: join(folder, 'crashed') });
  try {
    const file = {
      ...QUICK,
      name: 'crashes',
      networks: [['DummyT2I', 'CrashingI2T']],
      prompts: ['a lighthouse'],
    };
    const result = await crashing.run(file, 'crashes');
    expect(result).toMatchObject({ status: 'completed', finished: 1 });
    const [run] = await runsOf(crashing.data, result.experiment);
    expect(run!.failures).toMatchObject([{ kind: 'DeviceError', sequence: 1 }]);
    expect(await violations(crashing.data)).toEqual([]);
    expect(crashing.worker.deaths).toEqual([]);
  } finally {
    await crashing.close();
  }
});

test('a run that ends within one activity needs no other activity for its vectors and its diagram', async () => {
  const { experiment } = await laboratory.run({ ...QUICK, name: 'short' }, 'short');
  const { events } = await laboratory.client.workflow.getHandle(`run-${experiment}-0`).fetchHistory();
  const asked = events!.flatMap(
    (event) => event.activityTaskScheduledEventAttributes?.activityType?.name ?? [],
  );
  expect(asked).toEqual(['advanceRun']);
});

test('a run with a drawn seed repeats exactly after its rows are deleted', async () => {
  const file = { ...QUICK, name: 'drawn', prompts: ['a lighthouse'], seeds: [-1, -1] };
  const { experiment } = await laboratory.run(file, 'drawn');
  const runs = await runsOf(laboratory.data, experiment);
  const drawn = runs.map((run) => run.drawnSeed);
  expect(drawn.every((seed) => Number.isSafeInteger(seed) && seed! >= 0)).toBe(true);
  expect(drawn[0]).not.toBe(drawn[1]);
  const digest = await digestOf(laboratory.data, experiment);
  await resetIn(laboratory.data, experiment);
  expect(await digestOf(laboratory.data, experiment)).not.toBe(digest);
  expect((await laboratory.run(file, 'drawn')).status).toBe('completed');
  expect(await violations(laboratory.data)).toEqual([]);
  expect(await digestOf(laboratory.data, experiment)).toBe(digest);
});
