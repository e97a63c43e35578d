import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { DATABASE_FILE } from '../../db/layout.js';
import type { experiment as workflow } from '../../workflows/index.js';
import { builtVersion, type BuiltVersion } from '../support/built-version.js';
import { cleanUp, type Running, until } from '../support/cli-process.js';
import { DoctorDocument } from '../support/documents.js';
import { addressOf, attemptsOf, openFleet, openVersionedFleet, samplesOf } from '../support/fleet.js';
import type { Fleet } from '../support/fleet.js';
import { type Gate, gateIn } from '../support/gate.js';
import { httpRequest } from '../support/http-request.js';
import { readJson } from '../support/json.js';
import { experimentFile } from '../support/laboratory.js';
import { digestOf, untilInvocations, violations, withStore } from '../support/store-checks.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { undisturbedDigest } from '../support/undisturbed.js';

const RUNS = 2;

/** Runs that end only after a test has opened the gate. */
const EXPERIMENT = {
  networks: [['DummyT2I', 'GatedI2T']],
  prompts: ['a lighthouse in fog'],
  seeds: Array.from({ length: RUNS }, (_, seed) => seed),
  embedding_models: ['Dummy'],
  max_length: 20,
  on_cycle: 'continue',
  reuse: false,
};

/**
 * One step for an activity, and a workflow task after it. So each step that the gate lets through shows which
 * worker has the workflow.
 */
const ONE_STEP = { PANIC_TDA_ACTIVITY_MS: '1' };

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

let fleet: Fleet;
const fleets: Fleet[] = [];
/** The worker whose code some runs did not fit. */
let rolledBack: Running;
let gate: Gate;
let undisturbed: string;
let later: BuiltVersion;
let wrong: BuiltVersion;
beforeAll(async () => {
  undisturbed = await undisturbedDigest(EXPERIMENT);
  later = builtVersion({ version: '9.8.7', workflows: patched });
  wrong = builtVersion({ version: '9.8.7', workflows: asking });
});
afterAll(async () => {
  for (const opened of fleets) await opened.close();
  await cleanUp();
  later.remove();
  wrong.remove();
});

/** Number of workflows of runs that match the query. */
async function runs(query: string): Promise<number> {
  const { count } = await fleet.client.workflow.count(`WorkflowType = "run" AND ${query}`);
  return count;
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

/**
 * Resolves when the worker has given up `count` runs, and the service reports as many. A run meets other code only
 * after a step. The service alone is no proof: it also reports tasks that ran out of time.
 */
async function untilBlocked(worker: Running, count: number): Promise<void> {
  await until(
    gate.lettingThrough(
      async () =>
        (await blockedGauge(worker)) === count &&
        (await runs('TemporalReportedProblems IS NOT NULL')) === count,
    ),
  );
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
  expect(await digestOf(fleet.data, experiment)).toBe(undisturbed);
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

async function untilSaid(worker: Running, words: RegExp): Promise<void> {
  await until(
    () => words.test(worker.stderr()),
    () => worker.stderr(),
  );
}

test('runs follow the current version of the workers, wait while it is rolled back to code that they do not fit, and go on when it is back', async () => {
  gate = gateIn(temporaryFolder());
  fleet = await openVersionedFleet({ ...gate.env, ...ONE_STEP });
  fleets.push(fleet);
  const v1 = ['--deployment', 'fleet', '--build-id', 'v1'];
  const first = await fleet.worker([...v1, '--identity', 'first', '--listen', '0']);
  expect(first.stderr()).toMatch(/set-current-version --deployment-name fleet --build-id v1/);

  // No operator has made v1 current yet.
  const handle = await fleet.start(EXPERIMENT, 'rolling');
  const file = experimentFile(fleet.folder, 'experiment', EXPERIMENT);
  await until(async () =>
    /panic-tda.* is for workers without a version, and first gets none: it is of build v1, which gets work after "temporal worker deployment/.test(
      (await fleet.shortCommand(['plan', file])).stdout,
    ),
  );
  expect((await handle.describe()).historyLength).toBe(2);

  // Other code may not serve the queue of workflows under the same build id; without workflows it may.
  const [beside] = await Promise.all([
    fleet.worker([...v1, '--queues', 'gpu', '--identity', 'beside', '--set-current'], {}, later.main),
    expect(fleet.worker([...v1, '--queues', 'main'], {}, later.main)).rejects.toThrow(
      /^the worker ended with 2: [^]*the build id v1 of fleet stands for the workflow code [0-9a-f]{12} of version \S+, as its first worker recorded at \S+, and this worker has the code [0-9a-f]{12} of version 9\.8\.7\. .*"--build-id auto" makes one/,
    ),
  ]);
  await untilSaid(beside, /Build v1 is the current version of fleet now/);
  await until(async () => (await runs('ExecutionStatus = "Running"')) === RUNS);
  await untilInvocations(fleet.data, 1);
  const second = await fleet.worker(
    ['--deployment', 'fleet', '--build-id', 'auto', '--set-current', '--identity', 'second', '--listen', '0'],
    {},
    later.main,
  );
  await untilSaid(second, /Build 9\.8\.7-[0-9a-f]{12} is the current version of fleet now/);
  const [, ownBuild = ''] = /Build (\S+) is the current/.exec(second.stderr()) ?? [];
  await until(gate.lettingThrough(async () => (await runs(`TemporalChangeVersion = "${PATCH}"`)) === RUNS));
  expect(await readiness(first)).toEqual({ status: 200, problems: [] });

  await makeCurrent('v1');
  await untilBlocked(first, RUNS);
  const experiment = await idOf(fleet.data);
  const unfit = new RegExp(
    `of (${RUNS}|a) workflows?: it could not go on with .*Nondeterminism error.*; nothing of this has failed`,
  );
  expect(await readiness(first)).toEqual({ status: 503, problems: [expect.stringMatching(unfit)] });
  expect(await blockedGauge(first)).toBe(RUNS);
  expect(await readiness(second)).toEqual({ status: 200, problems: [] });
  const [status, json, doctor] = await Promise.all([
    fleet.shortCommand(['status', experiment]),
    fleet.json(['status', experiment]),
    fleet.shortCommand(['doctor', '--json']),
  ]);
  const waiting = new RegExp(
    `${RUNS} runs wait for a worker with the code that they began with: worker first could not go on with run-${experiment}-`,
  );
  expect(status.stdout).toMatch(waiting);
  expect(json).toMatchObject({
    status: 'running',
    blocked: { runs: RUNS, others: 0, atLeast: false, worker: 'first' },
  });
  expect(doctor.code).toBe(1);
  const { findings } = readJson(doctor.stdout, DoctorDocument);
  expect(findings).toContainEqual(
    expect.objectContaining({ level: 'problem', text: expect.stringMatching(waiting) }),
  );
  expect(findings.flatMap(({ builds = [] }) => builds)).toEqual([
    expect.objectContaining({ deployment: 'fleet', buildId: 'v1' }),
    expect.objectContaining({ deployment: 'fleet', buildId: ownBuild, version: '9.8.7' }),
  ]);

  await makeCurrent(ownBuild);
  gate.open();
  await finishesUndisturbed(handle);
  const by = (await attemptsOf(fleet.client, `run-${experiment}-0`)).map((attempt) => attempt.by);
  expect(by[0]).toMatch(/first|beside/);
  expect(by.at(-1)).toBe('second');
  await until(async () => (await blockedGauge(first)) === 0);
  for (const { process } of [beside, second]) process.kill('SIGKILL');
  rolledBack = first;
});

test('runs wait while a worker with other code has their tasks; when it has left, they go on, or end if they were cancelled', async () => {
  gate = gateIn(temporaryFolder());
  fleet = await openFleet(null, { ...gate.env, ...ONE_STEP });
  fleets.push(fleet);
  const right = await fleet.worker(['--identity', 'right', '--listen', '0']);
  expect(right.stderr()).not.toMatch(/different workflow code/);
  const watching = fleet.command(['run', experimentFile(fleet.folder, 'experiment', EXPERIMENT)]);
  const experiment = await idOf(fleet.data);
  const cancelled = await fleet.start({ ...EXPERIMENT, name: 'lone', seeds: [RUNS] }, 'lone');
  const loneId = await idOf(fleet.data, 'lone');
  const ids = [...EXPERIMENT.seeds.map((seed) => `run-${experiment}-${seed}`), `run-${loneId}-0`];
  // All of them have begun: only the version that began a workflow can go on with it.
  await until(
    gate.lettingThrough(async () => {
      const described = await Promise.all(
        ids.map((id) => fleet.client.workflow.getHandle(id).describe()),
      ).catch(() => []);
      return described.length === ids.length && described.every(({ historyLength }) => historyLength > 6);
    }),
  );
  // Their next tasks go to the other worker, not to the one that has the workflows in its cache.
  right.process.kill('SIGTERM');
  await right.ended;
  const other = await fleet.worker(['--identity', 'other', '--listen', '0'], {}, wrong.main);
  await untilBlocked(other, ids.length);
  const [status, cancel] = await Promise.all([
    fleet.shortCommand(['status', experiment]),
    fleet.shortCommand(['cancel', loneId, '--wait', '1']),
  ]);
  expect(status.stdout).toContain(
    `${RUNS} runs wait for a worker with the code that they began with: worker other`,
  );
  expect(cancel).toMatchObject({
    code: 4,
    stderr: expect.stringMatching(
      new RegExp(
        `1 run waits for a worker with the code .* It ends then; "temporal workflow terminate --workflow-id run-${loneId}-0" ends it at once\\.`,
      ),
    ),
  });

  expect((await readiness(other)).status).toBe(503);
  await untilSaid(watching, new RegExp(`waiting: ${RUNS} runs wait for a worker with the code`));
  const again = await fleet.worker(['--identity', 'right again']);
  const mixed =
    /workers without a version have different workflow code: other \(9\.8\.7-[0-9a-f]{12}\), (right \(\S+\), )?right again \(\d\S+-[0-9a-f]{12}\)\. /;
  expect(again.stderr()).toMatch(mixed);
  const { findings } = DoctorDocument.parse(await fleet.json(['doctor']));
  expect(findings).toContainEqual(
    expect.objectContaining({ level: 'warning', text: expect.stringMatching(mixed) }),
  );
  gate.open();
  other.process.kill('SIGTERM');
  await other.ended;
  await expect(cancelled.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
  await finishesUndisturbed(fleet.client.workflow.getHandle(`experiment-${experiment}`));
  expect((await watching.ended).code).toBe(0);
});

test('a worker whose code some runs did not fit is ready again, a while after its last task of them', async () => {
  await until(async () => (await readiness(rolledBack)).status === 200);
  expect(await readiness(rolledBack)).toEqual({ status: 200, problems: [] });
});
