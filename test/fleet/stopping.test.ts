import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { cleanUp, type Running, until } from '../support/cli-process.js';
import { openLaboratory, type Laboratory } from '../support/laboratory.js';
import { allRows, digestOf, invocationCount, untilInvocations, violations } from '../support/store-checks.js';
import { suiteAddress } from '../support/suite-server.js';
import { openLink } from '../../faults/common/link.js';
import { addressOf, attemptsOf, openFleet, pendingOf, type Fleet } from '../support/fleet.js';

// These tests take seconds on an idle machine.
jest.setTimeout(300_000);

let calm: Laboratory;
let fleet: Fleet;
beforeAll(async () => {
  calm = await openLaboratory();
});
afterEach(async () => await fleet.close());
afterAll(async () => {
  await calm.close();
  await cleanUp();
});

/** A run whose painter takes an hour for its first step. */
const ENDLESS = {
  networks: [['HostedT2I', 'DummyI2T']],
  prompts: ['slow 3600000'],
  seeds: [3],
  embedding_models: ['Dummy'],
  max_length: 4,
};

async function isComputing(worker: Running): Promise<boolean> {
  const text = await (await fetch(`${addressOf(worker)}/metrics`)).text();
  return text.includes('panic_tda_pool_computing{model="HostedT2I"} 1');
}

test('SIGTERM gives a step that takes long to another worker, which does not wait for a heartbeat', async () => {
  fleet = await openFleet();
  await fleet.worker(['--queues', 'main,cpu']);
  const first = await fleet.worker([
    '--queues',
    'gpu',
    '--device',
    'cpu',
    '--identity',
    'first',
    '--listen',
    '0',
  ]);
  const handle = await fleet.start(ENDLESS, 'endless');
  await until(
    () => isComputing(first),
    () => first.stderr(),
  );
  const second = await fleet.worker(['--queues', 'gpu', '--device', 'cpu', '--identity', 'second']);
  first.process.kill('SIGTERM');
  const { code, stderr } = await first.ended;
  expect([code, stderr]).toEqual([0, expect.stringMatching(/given back, within 10 s/)]);
  // Nothing failed, neither by the worker's log nor by the rows.
  expect(stderr).not.toMatch(/WARN|ERROR|failed/);
  expect(allRows(fleet.data)['failures']).toEqual([]);
  const { experiment } = await handle.query<{ experiment: string }>('progress');
  const takenOver = async (): Promise<boolean> =>
    (await pendingOf(fleet.client, `run-${experiment}-0`)).some(
      ({ lastWorkerIdentity }) => lastWorkerIdentity === 'second',
    );
  await until(takenOver, () => second.stderr());
  const [pending] = await pendingOf(fleet.client, `run-${experiment}-0`);
  expect(pending).toMatchObject({
    attempt: 2,
    lastFailure: { applicationFailureInfo: { type: 'WorkerShutdown' } },
  });
  await handle.terminate();
});

test('workers that stop one after another in the middle of steps lose nothing and make nothing twice', async () => {
  const experiment = {
    networks: [['SlowT2I', 'SlowI2T']],
    prompts: ['a lighthouse in fog', 'two hares on a hill'],
    seeds: [3, 7],
    embedding_models: ['Dummy', 'HashedNgram'],
    max_length: 20,
    on_cycle: 'continue',
    reuse: false,
  };
  const undisturbed = calm.run(experiment, 'calm');
  fleet = await openFleet();
  await fleet.worker(['--queues', 'main,cpu']);
  const handle = await fleet.start(experiment, 'relay');
  let worker = await fleet.worker(['--queues', 'gpu']);
  for (const count of [9, 21, 33, 50]) {
    await untilInvocations(fleet.data, count);
    const next = fleet.worker(['--queues', 'gpu']);
    worker.process.kill('SIGTERM');
    expect(await worker.ended).toMatchObject({ code: 0 });
    worker = await next;
  }
  const { experiment: id, status } = await handle.result();
  expect(status).toBe('completed');
  await undisturbed;
  expect(await violations(fleet.data)).toEqual([]);
  expect(await digestOf(fleet.data, id)).toBe(await digestOf(calm.data, id));
  expect(invocationCount(fleet.data)).toBe(80);
  const attempts = (
    await Promise.all([0, 1, 2, 3].map((run) => attemptsOf(fleet.client, `run-${id}-${run}`)))
  ).flat();
  expect(new Set(attempts.map(({ by }) => by)).size).toBeGreaterThan(2);
});

test('a stopping worker gives back a diagram that takes long, too', async () => {
  fleet = await openFleet();
  const experiment = {
    networks: [['ProceduralPainter', 'ProceduralDescriber']],
    prompts: ['a lighthouse in fog'],
    seeds: [-1],
    embedding_models: ['Dummy'],
    max_length: 300,
    null_model: { surrogates: 999 },
  };
  await fleet.worker(['--queues', 'main,gpu']);
  const first = await fleet.worker(['--queues', 'cpu', '--identity', 'first']);
  const handle = await fleet.start(experiment, 'diagram');
  let name: string | null = null;
  const at = async (identity: string): Promise<boolean> => {
    name ??= (await handle.query<{ experiment: string | null }>('progress')).experiment;
    if (name === null) return false;
    return (await pendingOf(fleet.client, `run-${name}-0`).catch(() => [])).some(
      ({ activityType, lastWorkerIdentity }) =>
        activityType?.name === 'diagramRun' && lastWorkerIdentity === identity,
    );
  };
  await until(
    () => at('first'),
    () => first.stderr(),
  );
  await fleet.worker(['--queues', 'cpu', '--identity', 'second']);
  first.process.kill('SIGTERM');
  expect(await first.ended).toMatchObject({ code: 0 });
  await until(() => at('second'));
  const [pending] = await pendingOf(fleet.client, `run-${name}-0`);
  expect(pending?.lastFailure?.applicationFailureInfo?.type).toBe('WorkerShutdown');
  await handle.terminate();
});

test('workers that can no longer reach the service are not ready, and end when their time is over, or at a second signal', async () => {
  const link = await openLink(suiteAddress());
  fleet = await openFleet(null, { TEMPORAL_ADDRESS: link.address });
  const [hasty, patient] = await Promise.all([
    fleet.worker(['--device', 'cpu', '--concurrency', '1', '--listen', '0', '--drain-seconds', '2']),
    fleet.worker(['--device', 'cpu', '--concurrency', '1', '--listen', '0', '--drain-seconds', '600']),
  ]);
  const ready = async () => {
    const response = await fetch(`${addressOf(hasty)}/ready`);
    return { status: response.status, body: await response.json() };
  };
  expect(await ready()).toMatchObject({ status: 200, body: { problems: [] } });
  const handles = await Promise.all(
    [1, 2].map((seed) => fleet.start({ ...ENDLESS, seeds: [seed] }, `cut-${seed}`)),
  );
  await until(async () => (await isComputing(hasty)) && (await isComputing(patient)));
  link.cut();
  expect(await ready()).toMatchObject({
    status: 503,
    body: { problems: [expect.stringMatching(/^Temporal does not answer/)] },
  });
  hasty.process.kill('SIGTERM');
  patient.process.kill('SIGTERM');
  expect(await hasty.ended).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/work was still under way 2 s after the worker was asked to stop/),
  });
  expect(patient.process.exitCode).toBeNull();
  patient.process.kill('SIGTERM');
  expect(await patient.ended).toMatchObject({ code: 143 });
  await link.close();
  await Promise.all(handles.map((handle) => handle.terminate()));
});
