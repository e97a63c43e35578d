import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { cleanUp, until } from '../cli/cli-process.js';
import { builtVersion, type BuiltVersion } from '../support/built-version.js';
import { openLaboratory, type Laboratory } from '../support/laboratory.js';
import { digestOf, violations } from '../support/store-checks.js';
import { openFleet, type Fleet } from './fleet.js';

// Seconds on a machine that has nothing else to do.
jest.setTimeout(300_000);

const RUNS = 12;

const EXPERIMENT = {
  networks: [['SlowT2I', 'SlowI2T']],
  prompts: ['a lighthouse in fog'],
  seeds: Array.from({ length: RUNS }, (_, seed) => seed),
  embedding_models: ['Dummy'],
  max_length: 20,
  concurrency: RUNS,
  on_cycle: 'continue',
  reuse: false,
};

const STEP = 'advanced = await hold.whileFree(';
const PATCH = 'another-step';

/** A release whose runs look at a patch before each activity, so that their histories have a marker that others do not know. */
const patched = (code: string): string =>
  code.replace(STEP, `(0,_temporalio_workflow__WEBPACK_IMPORTED_MODULE_0__.patched)('${PATCH}'); ${STEP}`);

let calm: Laboratory;
let undisturbed: Promise<string>;
let fleet: Fleet;
let later: BuiltVersion;
beforeAll(async () => {
  calm = await openLaboratory();
  undisturbed = calm.run(EXPERIMENT, 'calm').then(({ experiment }) => digestOf(calm.data, experiment));
  undisturbed.catch(() => undefined);
  later = builtVersion({ version: '9.0.0', workflows: patched });
});
afterEach(async () => await fleet.close());
afterAll(async () => {
  await calm.close();
  await cleanUp();
  later.remove();
});

/** How many workflows of runs the service has of these. */
async function runs(query: string): Promise<number> {
  const { count } = await fleet.client.workflow.count(`WorkflowType = "run" AND ${query}`);
  return count;
}

function versioned(buildId: string): string[] {
  return ['--deployment', 'fleet', '--build-id', buildId];
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

/** Resolves when the service has seen every run's workflow task fail. */
async function untilBlocked(): Promise<void> {
  await until(async () => (await runs('TemporalReportedProblems IS NOT NULL')) === RUNS);
}

async function finishesUndisturbed(handle: Awaited<ReturnType<Fleet['start']>>): Promise<void> {
  const { experiment, ...result } = await handle.result();
  expect(result).toMatchObject({ status: 'completed', finished: RUNS, failed: 0 });
  expect(await runs('ExecutionStatus = "Failed"')).toBe(0);
  expect(await violations(fleet.data)).toEqual([]);
  expect(await digestOf(fleet.data, experiment)).toBe(await undisturbed);
}

test('runs that a later version recorded wait while its workers are rolled back, and go on with it', async () => {
  fleet = await openFleet();
  await fleet.worker([...versioned('earlier'), '--set-current']);
  const handle = await fleet.start(EXPERIMENT, 'rolled-back');
  await fleet.worker(versioned('later'), {}, later.main);
  await makeCurrent('later');
  await until(async () => (await runs(`TemporalChangeVersion = "${PATCH}"`)) === RUNS);

  await makeCurrent('earlier');
  await untilBlocked();

  await makeCurrent('later');
  await finishesUndisturbed(handle);
});
