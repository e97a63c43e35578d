import { afterAll, afterEach, expect, test } from '@jest/globals';
import { cleanUp, type Running, until } from '../support/cli-process.js';
import { gateIn } from '../support/gate.js';
import { allRows, digestOf, invocationCount, violations } from '../support/store-checks.js';
import { suiteAddress } from '../support/suite-server.js';
import { openLink } from '../../faults/common/link.js';
import { addressOf, attemptsOf, openFleet, pendingOf, type Fleet } from '../support/fleet.js';
import { sharedTemporaryFolder } from '../support/temporary-folder.js';
import { undisturbedDigest } from '../support/undisturbed.js';

let fleet: Fleet;
afterEach(async () => await fleet.close());
afterAll(cleanUp);

/** A run whose painter takes an hour for its first step. */
const ENDLESS = {
  networks: [['HostedT2I', 'DummyI2T']],
  prompts: ['slow 3600000'],
  seeds: [3],
  embedding_models: ['Dummy'],
  max_length: 4,
};

/** A run whose diagram, with its surrogates, takes a minute or more. */
const LONG_DIAGRAM = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a lighthouse in fog'],
  seeds: [-1],
  embedding_models: ['Dummy'],
  max_length: 200,
  null_model: { surrogates: 999 },
};

/** Runs that end only after the test has opened the gate. */
const RELAY = {
  networks: [['DummyT2I', 'GatedI2T']],
  prompts: ['a lighthouse in fog'],
  seeds: [3, 7],
  embedding_models: ['Dummy', 'HashedNgram'],
  max_length: 20,
  on_cycle: 'continue',
  reuse: false,
};

async function isComputing(worker: Running): Promise<boolean> {
  const text = await (await fetch(`${addressOf(worker)}/metrics`)).text();
  return text.includes('panic_tda_pool_computing{model="HostedT2I"} 1');
}

test('a worker that stops gives back a long step, a long diagram and the steps of runs, and nothing is lost or made twice', async () => {
  const gate = gateIn(sharedTemporaryFolder());
  fleet = await openFleet(null, gate.env);
  await fleet.worker(['--queues', 'main']);
  const start = (identity: string): Promise<Running> =>
    fleet.worker(['--queues', 'gpu,cpu', '--device', 'cpu', '--identity', identity, '--listen', '0']);
  const first = await start('first');
  const diagram = await fleet.start(LONG_DIAGRAM, 'diagram');
  const idOf = async (handle: typeof diagram): Promise<string | null> =>
    (await handle.query<{ experiment: string | null }>('progress')).experiment;
  /** The activity of the only run of an experiment that a worker has. */
  const under = async (handle: typeof diagram, activity: string, identity: string) =>
    (await pendingOf(fleet.client, `run-${await idOf(handle)}-0`).catch(() => [])).find(
      ({ activityType, lastWorkerIdentity }) =>
        activityType?.name === activity && lastWorkerIdentity === identity,
    );
  const has = async (handle: typeof diagram, activity: string, worker: Running, identity: string) =>
    await until(
      async () => (await under(handle, activity, identity)) !== undefined,
      () => worker.stderr(),
    );
  await has(diagram, 'diagramRun', first, 'first');
  const endless = await fleet.start(ENDLESS, 'endless');
  await until(
    () => isComputing(first),
    () => first.stderr(),
  );
  const others = invocationCount(fleet.data);
  const untilRelayHas = (count: number) =>
    until(gate.lettingThrough(() => invocationCount(fleet.data) >= count));
  const relay = await fleet.start(RELAY, 'relay');
  await untilRelayHas(others + 3);

  const starting = start('second');
  first.process.kill('SIGTERM');
  const { code, stderr } = await first.ended;
  expect([code, stderr]).toEqual([0, expect.stringMatching(/given back, within 10 s/)]);
  // Nothing failed, neither by the worker's log nor by the rows.
  expect(stderr).not.toMatch(/WARN|ERROR|failed/);
  expect(allRows(fleet.data)['failures']).toEqual([]);
  const made = invocationCount(fleet.data);
  const second = await starting;
  for (const [handle, activity] of [
    [endless, 'advanceRun'],
    [diagram, 'diagramRun'],
  ] as const) {
    await has(handle, activity, second, 'second');
    // Its first worker gave it back: the service did not wait for a heartbeat.
    expect(await under(handle, activity, 'second')).toMatchObject({
      attempt: 2,
      lastFailure: { applicationFailureInfo: { type: 'WorkerShutdown' } },
    });
    await handle.terminate();
  }

  expect(made).toBeLessThan(others + 40);
  gate.open();
  const { experiment: id, status } = await relay.result();
  expect(status).toBe('completed');
  expect(await violations(fleet.data)).toEqual([]);
  expect(await digestOf(fleet.data, id)).toBe(await undisturbedDigest(RELAY));
  expect(invocationCount(fleet.data)).toBe(others + 40);
  const attempts = (
    await Promise.all([0, 1].map((run) => attemptsOf(fleet.client, `run-${id}-${run}`)))
  ).flat();
  expect(new Set(attempts.map(({ by }) => by))).toEqual(new Set(['first', 'second']));
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
