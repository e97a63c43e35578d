import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import type { ExperimentResult } from '../../activities/index.js';
import { findTemporalCli } from '../../workers/temporal/cli.js';
import { experimentFile } from '../support/laboratory.js';
import { isFullRange } from '../support/range.js';
import { runCommand, runJson } from '../support/standing-program.js';
import { allRows, digestOf, violations, withStore } from '../support/store-checks.js';
import { suiteAddress } from '../support/suite-server.js';
import { sharedTemporaryFolder } from '../support/temporary-folder.js';
import { undisturbedDigest } from '../support/undisturbed.js';
import { testBothDoors } from './both-doors.js';
import { testCommandsOfOperator } from './by-hand.js';
import { openGatedLaboratory, patientlyUntil } from './gated-laboratory.js';
import type { GatedLaboratory } from './gated-laboratory.js';
import { resetIn, runsOf } from '../support/run-rows.js';
import { testShownTexts } from './summaries.js';

const execute = promisify(execFile);

const QUICK = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a lighthouse in fog', 'two hares on a hill'],
  seeds: [3],
  embedding_models: ['Dummy'],
  max_length: 8,
};

let laboratory: GatedLaboratory;

beforeAll(async () => {
  laboratory = await openGatedLaboratory({
    // Gives a run several activities, so that a reset can go back to one of them.
    PANIC_TDA_ACTIVITY_MS: '100',
    CRASHING_I2T_MARKER: join(sharedTemporaryFolder(), 'crashed'),
  });
});

afterAll(async () => {
  await laboratory.close();
});

/** The error that made the workflow fail. */
async function causeOf(result: Promise<unknown>): Promise<Error | undefined> {
  const outcome: unknown = await result.catch((error: unknown) => error);
  if (!(outcome instanceof WorkflowFailedError)) throw new Error(`did not fail: ${JSON.stringify(outcome)}`);
  let cause: Error | undefined = outcome.cause;
  while (cause?.cause instanceof Error) cause = cause.cause;
  return cause;
}

test('an experiment started with the Temporal command line gives the rows of `panic-tda run` at the same service', async () => {
  const [byTemporal, byRun] = ['by temporal', 'by run'].map((name) =>
    experimentFile(laboratory.folder, name.replace(' ', '-'), { ...QUICK, name, reuse: false }),
  );
  const { path: temporal } = await findTemporalCli({ fetch: false });
  const command = 'workflow start --type experiment --task-queue panic-tda --workflow-id my-experiment';
  const where = ['--address', suiteAddress(), '--namespace', laboratory.namespace];
  await execute(temporal, [...command.split(' '), '--input-file', byTemporal!, ...where]);
  const env = { TEMPORAL_ADDRESS: suiteAddress(), TEMPORAL_NAMESPACE: laboratory.namespace };
  const viaRun = z
    .object({ experiment: z.string(), status: z.string() })
    .parse(await runJson(laboratory.folder, ['run', byRun!, '--data', laboratory.data], env));
  const viaTemporal: ExperimentResult = await laboratory.client.workflow.getHandle('my-experiment').result();
  expect(viaTemporal).toMatchObject({ status: 'completed', runs: 2, finished: 2 });
  expect(viaRun.status).toBe('completed');
  expect(viaRun.experiment).not.toBe(viaTemporal.experiment);
  expect(await digestOf(laboratory.data, viaRun.experiment)).toBe(
    await digestOf(laboratory.data, viaTemporal.experiment),
  );
});

test('bad input fails the workflow at once, with every problem that the command line names', async () => {
  const bad = { ...QUICK, prompts: [' '], networks: [['DummyT2I', 'DumyI2T']], max_length: 0, colour: 'red' };
  const file = experimentFile(laboratory.folder, 'bad', bad);
  const handle = await laboratory.start(bad, 'bad-input');
  const cause = await causeOf(handle.result());
  expect(cause).toBeInstanceOf(ApplicationFailure);
  expect(cause).toMatchObject({ type: 'InvalidInput', nonRetryable: true });

  const said = await runCommand(laboratory.folder, [
    'run',
    file,
    '--data',
    join(laboratory.folder, 'nowhere'),
  ]);
  expect(said.code).toBe(2);
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
  const { handle } = await laboratory.beginUnderWay('watched');
  const during = await handle.query<{ experiment: string }>('progress');
  expect(during).toMatchObject({ stage: 'running', runs: 2, toDo: 2, running: 2, finished: 0, failed: 0 });
  const experiment = during.experiment;
  expect(experiment).toMatch(/^[0-9a-f]{12}$/);
  const run = laboratory.client.workflow.getHandle(`run-${experiment}-0`);
  await laboratory.untilReported(experiment, 0);
  expect((await run.describe()).searchAttributes).toMatchObject({
    PanicTdaExperiment: [experiment],
    PanicTdaNetwork: ['DummyT2I → GatedI2T'],
    PanicTdaStatus: ['invoking'],
  });
  expect(await (await run.describe()).staticSummary()).toBe(`run 0 of experiment ${experiment}`);
  expect(await currentDetails(run)).toMatch(
    /DummyT2I → GatedI2T[^]*seed 3[^]*a lighthouse in fog[^]*of at most 40/,
  );
  expect(await currentDetails(handle)).toContain('2 runs, 64 at once');
  expect(await workflows(`PanicTdaExperiment = "${experiment}" AND PanicTdaStatus = "running"`)).toEqual([
    'watched',
  ]);

  laboratory.gate.open();
  expect((await handle.result()).status).toBe('completed');
  expect(await handle.query('progress')).toMatchObject({
    stage: 'done',
    runs: 2,
    running: 0,
    finished: 2,
    failed: 0,
  });
  expect(await currentDetails(handle)).toContain('completed, 2 of 2 runs finished');
  await patientlyUntil('the finished workflows are found by their status', async () => {
    const finished = await workflows(`PanicTdaExperiment = "${experiment}" AND PanicTdaStatus = "finished"`);
    const completed = await workflows(
      `PanicTdaExperiment = "${experiment}" AND PanicTdaStatus = "completed"`,
    );
    return finished.length === 2 && completed.length === 1;
  });
  expect(
    await workflows(`PanicTdaNetwork = "DummyT2I → GatedI2T" AND PanicTdaExperiment = "${experiment}"`),
  ).toHaveLength(2);
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
  const { handle, experiment } = await laboratory.beginUnderWay('cancelled');
  await handle.cancel();
  expect(await causeOf(handle.result())).toBeInstanceOf(CancelledFailure);

  expect(await violations(laboratory.data, experiment)).toEqual([]);
  const after = await withStore(laboratory.data, async ({ experiments }) => ({
    status: (await experiments.get(experiment)).status,
    driver: (await experiments.get(experiment)).driverWorkflowId,
    runs: await experiments.runsByStatus(experiment),
  }));
  expect(after).toEqual({
    status: 'cancelled',
    driver: null,
    runs: { pending: 0, running: 0, finished: 0, failed: 0, cancelled: 2 },
  });
  expect(await workflows(`PanicTdaExperiment = "${experiment}" AND ExecutionStatus = "Running"`)).toEqual([]);
  const stored = allRows(laboratory.data)['invocations']!;

  await laboratory.begin('cancelled');
  await laboratory.completesEqually('cancelled', experiment);
  expect(allRows(laboratory.data)['invocations']!.slice(0, stored.length)).toEqual(stored);
});

test('an experiment that is cancelled during its planning or its first steps can be started again', async () => {
  const file = { ...QUICK, name: 'cancelled early' };
  for (const delay of [0, 20, 60, 150]) {
    const handle = await laboratory.start(file, 'early');
    await new Promise((resolve) => setTimeout(resolve, delay));
    await handle.cancel().catch(() => undefined);
    await handle.result().catch(() => undefined);
    const planned = await withStore(laboratory.data, ({ experiments }) => experiments.list());
    for (const row of planned.filter(({ name }) => name === file.name)) {
      expect(row.driverWorkflowId).toBeNull();
      expect(['cancelled', 'completed']).toContain(row.status);
      expect(await violations(laboratory.data, row.id)).toEqual([]);
    }
  }
  const { experiment, status } = await laboratory.run(file, 'early');
  expect(status).toBe('completed');
  expect(await digestOf(laboratory.data, experiment)).toBe(await undisturbedDigest(file));
});

// By day, by-hand.ts does this with the command of an operator, and by the same id.
if (isFullRange()) {
  test('a terminated experiment continues when it is started again', async () => {
    const { handle, experiment } = await laboratory.beginUnderWay('terminated');
    await handle.terminate('by hand');
    // The id is another, and the row names a driver that has ended.
    await laboratory.begin('terminated', 'terminated-again');
    await laboratory.completesEqually('terminated-again', experiment);
  });
}

test('of two workflows of one experiment, the second is refused with a message that names the first', async () => {
  laboratory.gate.close();
  const handles = await Promise.all(['twice-a', 'twice-b'].map((id) => laboratory.begin('twice', id)));
  const refusals = handles.map(async (handle, index) => {
    const error = await causeOf(handle.result());
    return { index, error };
  });
  const { index: refused, error } = await Promise.any(refusals);
  const driver = handles[1 - refused]!;
  laboratory.gate.open();
  const { experiment } = await driver.result();
  expect(error).toMatchObject({
    type: 'AlreadyRunning',
    message: `experiment ${experiment} is already being run by workflow ${driver.workflowId}; wait for it or cancel it`,
  });
  await laboratory.completesEqually(driver.workflowId, experiment);
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
  expect(await violations(laboratory.data, experiment)).toEqual([]);
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

test('a model that ends its process costs one retry and not the run', async () => {
  const file = {
    ...QUICK,
    name: 'crashes',
    networks: [['DummyT2I', 'CrashingI2T']],
    prompts: ['a lighthouse'],
  };
  const result = await laboratory.run(file, 'crashes');
  expect(result).toMatchObject({ status: 'completed', finished: 1 });
  const [run] = await runsOf(laboratory.data, result.experiment);
  expect(run!.failures).toMatchObject([{ kind: 'DeviceError', sequence: 1 }]);
  expect(await violations(laboratory.data, result.experiment)).toEqual([]);
  expect(laboratory.worker.deaths).toEqual([]);
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
  expect(await violations(laboratory.data, experiment)).toEqual([]);
  expect(await digestOf(laboratory.data, experiment)).toBe(digest);
});

describe('an experiment that is no good', () => {
  testBothDoors(() => laboratory);
});

describe('the web UI', () => {
  testShownTexts(() => laboratory);
});

describe('an operator with the Temporal command line', () => {
  testCommandsOfOperator(() => laboratory);
});

test('every row is right after all of this', async () => {
  expect(await violations(laboratory.data)).toEqual([]);
});
