import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DATABASE_FILE } from '../../db/index.js';
import type { experiment as workflow } from '../../workflows/index.js';
import { cleanUp, type Running, until } from '../support/cli-process.js';
import { httpRequest } from '../support/http-request.js';
import { builtVersion, type BuiltVersion } from '../support/built-version.js';
import { openLaboratory, type Laboratory } from '../support/laboratory.js';
import { digestOf, violations, withStore } from '../support/store-checks.js';
import { addressOf, openFleet, openVersionedFleet, samplesOf, type Fleet } from '../support/fleet.js';
import { z } from 'zod';
import { readJson } from '../support/json.js';

// These tests take seconds on an idle machine.
jest.setTimeout(300_000);

const RUNS = 12;

const EXPERIMENT = {
  networks: [['SlowT2I', 'SlowI2T']],
  prompts: ['a lighthouse in fog'],
  seeds: Array.from({ length: RUNS }, (_, seed) => seed),
  embedding_models: ['Dummy'],
  max_length: 14,
  concurrency: RUNS,
  on_cycle: 'continue',
  reuse: false,
};

const STEP = 'advanced = await hold.whileFree(';
const PATCH = 'another-step';

/**
 * A release whose runs check a patch before each activity. Their histories then have a marker that other code
 * does not know.
 */
const patched = (code: string): string =>
  code.replace(STEP, `(0,_temporalio_workflow__WEBPACK_IMPORTED_MODULE_0__.patched)('${PATCH}'); ${STEP}`);

/**
 * Code whose runs ask for a queue whatever their input is. Histories of other code do not begin with that
 * activity.
 */
const asking = (code: string): string => code.replace('input.routed === true', 'true');

let calm: Laboratory;
let undisturbed: Promise<string>;
let fleet: Fleet;
let later: BuiltVersion;
let wrong: BuiltVersion;
beforeAll(async () => {
  calm = await openLaboratory();
  undisturbed = calm.run(EXPERIMENT, 'calm').then(({ experiment }) => digestOf(calm.data, experiment));
  undisturbed.catch(() => undefined);
  later = builtVersion({ version: '9.0.0', workflows: patched });
  wrong = builtVersion({ workflows: asking });
});
afterEach(async () => await fleet.close());
afterAll(async () => {
  await calm.close();
  await cleanUp();
  later.remove();
  wrong.remove();
});

/** Number of workflows of runs that match the query. */
async function runs(query: string): Promise<number> {
  const { count } = await fleet.client.workflow.count(`WorkflowType = "run" AND ${query}`);
  return count;
}

function versioned(buildId: string): string[] {
  return ['--deployment', 'fleet', '--build-id', buildId, '--identity', buildId, '--listen', '0'];
}

async function makeCurrent(buildId: string): Promise<void> {
  const { workflowService, options } = fleet.client;
  const version = { namespace: options.namespace, deploymentName: 'fleet', buildId, identity: 'operator' };
  // The server refuses until it has seen the version poll every queue.
  await until(() =>
    workflowService.setWorkerDeploymentCurrentVersion(version).then(
      () => true,
      () => false,
    ),
  );
}

/** Resolves when the service has seen the workflow tasks of `count` runs fail. */
async function untilBlocked(count: number): Promise<void> {
  await until(async () => (await runs('TemporalReportedProblems IS NOT NULL')) === count);
}

/** Id of the experiment of this name in this data folder, as soon as it is planned. */
async function idOf(data: string, named: string | null = null): Promise<string> {
  let id: string | undefined;
  await until(async () => {
    id = existsSync(join(data, DATABASE_FILE))
      ? (await withStore(data, ({ experiments }) => experiments.list())).find(({ name }) => name === named)
          ?.id
      : undefined;
    return id !== undefined;
  });
  return id!;
}

async function finishesUndisturbed(handle: WorkflowHandle<typeof workflow>): Promise<void> {
  const { experiment, ...result } = await handle.result();
  expect(result).toMatchObject({ status: 'completed', finished: RUNS, failed: 0 });
  expect(await runs('ExecutionStatus = "Failed"')).toBe(0);
  expect(await violations(fleet.data)).toEqual([]);
  expect(await digestOf(fleet.data, experiment)).toBe(await undisturbed);
}

/** The answer of a worker's `/ready`. */
async function readiness(worker: Running): Promise<{ status: number; problems: string[] }> {
  const { status, body } = await httpRequest(`${addressOf(worker)}/ready`);
  return { status, ...readJson(body, z.object({ problems: z.array(z.string()) })) };
}

async function blockedGauge(worker: Running): Promise<number | undefined> {
  const { body } = await httpRequest(`${addressOf(worker)}/metrics`);
  return samplesOf(body, 'panic_tda_blocked_workflows')[0]?.value;
}

/** What commands report of the runs that wait. */
async function told(experiment: string): Promise<{ status: string; json: unknown; doctor: string }> {
  const [status, json, doctor] = await Promise.all([
    fleet.command(['status', experiment]).ended,
    fleet.command(['status', experiment, '--json']).ended,
    fleet.command(['doctor']).ended,
  ]);
  expect(doctor.code).toBe(1);
  return { status: status.stdout, json: JSON.parse(json.stdout), doctor: doctor.stdout };
}

test('runs of a later version wait while its workers are rolled back, and go on when that version is back', async () => {
  fleet = await openVersionedFleet();
  // Both versions are there before the runs begin, so that the runs are under way when the versions change.
  const [earlier, newer] = await Promise.all([
    fleet.worker(versioned('earlier')),
    fleet.worker(versioned('later'), {}, later.main),
  ]);
  await makeCurrent('earlier');
  const handle = await fleet.start(EXPERIMENT, 'rolled-back');
  await until(async () => (await runs('ExecutionStatus = "Running"')) === RUNS);
  await makeCurrent('later');
  await until(async () => (await runs(`TemporalChangeVersion = "${PATCH}"`)) === RUNS);
  expect(await readiness(earlier)).toEqual({ status: 200, problems: [] });

  await makeCurrent('earlier');
  await untilBlocked(RUNS);
  const experiment = await idOf(fleet.data);
  const unfit =
    /of (12|a) workflows?: it could not go on with .*Nondeterminism error.*; nothing of this has failed/;
  expect(await readiness(earlier)).toEqual({ status: 503, problems: [expect.stringMatching(unfit)] });
  expect(await blockedGauge(earlier)).toBe(RUNS);
  expect(await readiness(newer)).toEqual({ status: 200, problems: [] });
  const { status, json, doctor } = await told(experiment);
  const waiting = new RegExp(
    `${RUNS} runs wait for a worker with the code that they began with: worker earlier could not go on with run-${experiment}-`,
  );
  expect(status).toMatch(waiting);
  expect(json).toMatchObject({
    status: 'running',
    blocked: { runs: RUNS, others: 0, atLeast: false, worker: 'earlier' },
  });
  expect(doctor).toMatch(waiting);

  await makeCurrent('later');
  await finishesUndisturbed(handle);
  await until(async () => (await blockedGauge(earlier)) === 0);
  await until(async () => (await readiness(earlier)).status === 200);
});

test('runs wait while a worker with other code has their tasks; when it has left, they go on, or end if they were cancelled', async () => {
  fleet = await openFleet();
  const right = await fleet.worker(['--identity', 'right', '--listen', '0']);
  const file = join(fleet.folder, 'experiment.json');
  writeFileSync(file, JSON.stringify(EXPERIMENT));
  const watching = fleet.command(['run', file]);
  const experiment = await idOf(fleet.data);
  const cancelled = await fleet.start(
    { ...EXPERIMENT, name: 'lone', seeds: [RUNS], max_length: 400 },
    'lone',
  );
  const loneId = await idOf(fleet.data, 'lone');
  const ids = [...EXPERIMENT.seeds.map((seed) => `run-${experiment}-${seed}`), `run-${loneId}-0`];
  // All of them have begun: only the version that began a workflow can go on with it.
  await until(async () => {
    const described = await Promise.all(
      ids.map((id) => fleet.client.workflow.getHandle(id).describe()),
    ).catch(() => []);
    return described.length === ids.length && described.every(({ historyLength }) => historyLength > 6);
  });
  // Their next tasks go to the other worker, not to the one that has the workflows in its cache.
  right.process.kill('SIGTERM');
  await right.ended;
  const other = await fleet.worker(['--identity', 'other', '--listen', '0'], {}, wrong.main);
  await untilBlocked(ids.length);
  const [{ status }, cancel] = await Promise.all([
    told(experiment),
    fleet.command(['cancel', loneId, '--wait', '1']).ended,
  ]);
  expect(status).toContain(`${RUNS} runs wait for a worker with the code that they began with: worker other`);
  expect(cancel).toMatchObject({
    code: 4,
    stderr: expect.stringMatching(
      new RegExp(
        `1 run waits for a worker with the code .* It ends then; "temporal workflow terminate --workflow-id run-${loneId}-0" ends it at once\\.`,
      ),
    ) as unknown,
  });

  expect((await readiness(other)).status).toBe(503);
  await until(
    () => watching.stderr().includes(`waiting: ${RUNS} runs wait for a worker with the code`),
    () => watching.stderr(),
  );
  await fleet.worker(['--identity', 'right again']);
  other.process.kill('SIGTERM');
  await other.ended;
  await expect(cancelled.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
  await finishesUndisturbed(fleet.client.workflow.getHandle(`experiment-${experiment}`));
  expect((await watching.ended).code).toBe(0);
});
