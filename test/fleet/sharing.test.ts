import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { queueStates } from '../../workers/temporal/queue-states.js';
import { cleanUp, until } from '../support/cli-process.js';
import { openLaboratory, type Laboratory } from '../support/laboratory.js';
import { digestOf, untilInvocations, violations } from '../support/store-checks.js';
import { addressOf, attemptsOf, openFleet, pendingOf, samplesOf, type Fleet } from '../support/fleet.js';

// These tests take seconds on an idle machine.
jest.setTimeout(300_000);

/** Two runs of 16 steps, every second of which takes 100 ms; two embedding models. */
const EXPERIMENT = {
  networks: [['DummyT2I', 'SlowI2T']],
  prompts: ['a lighthouse in fog'],
  seeds: [3, 7],
  embedding_models: ['Dummy', 'HashedNgram'],
  max_length: 16,
  on_cycle: 'continue',
  reuse: false,
};

/** The same experiments run here on one worker, without routes. */
let calm: Laboratory;
let fleet: Fleet;

beforeAll(async () => {
  calm = await openLaboratory({ PANIC_TDA_ACTIVITY_MS: '1000' });
});
afterEach(async () => await fleet.close());
afterAll(async () => {
  await calm.close();
  await cleanUp();
});

async function equalToCalm(experiment: unknown, id: string): Promise<void> {
  await calm.run(experiment, id);
  expect(await violations(fleet.data)).toEqual([]);
  expect(await digestOf(fleet.data, id)).toBe(await digestOf(calm.data, id));
}

test('a network whose models no worker serves together goes from queue to queue, and its rows are the same', async () => {
  fleet = await openFleet({ SlowI2T: 'slow', HashedNgram: 'texts' });
  const [, unrouted, routed] = await Promise.all([
    fleet.worker(['--queues', 'main,cpu', '--identity', 'books']),
    fleet.worker(['--queues', 'gpu', '--models', 'unrouted', '--identity', 'first', '--listen', '0']),
    fleet.worker([
      '--queues',
      'gpu',
      '--models',
      'SlowI2T,HashedNgram',
      '--identity',
      'second',
      '--listen',
      '0',
    ]),
  ]);
  const handle = await fleet.start(EXPERIMENT, 'across');
  const { experiment, status } = await handle.result();
  expect(status).toBe('completed');
  await equalToCalm(EXPERIMENT, experiment);

  const attempts = await attemptsOf(fleet.client, `run-${experiment}-0`);
  const advances = attempts.filter(({ activity }) => activity === 'advanceRun');
  // Each activity makes one step, on the queue of its model, in turns.
  expect(advances.map(({ queue, by }) => `${queue} ${by}`)).toEqual(
    Array.from({ length: 16 }, (_, step) =>
      step % 2 === 0 ? 'panic-tda-gpu first' : 'panic-tda-gpu-slow second',
    ),
  );
  const embedded = attempts.filter(({ activity }) => activity === 'embedRun');
  expect(embedded.map(({ queue, by }) => `${queue} ${by}`)).toEqual(['panic-tda-gpu first']);

  const modelsOf = async (worker: typeof routed) => {
    const text = await (await fetch(`${addressOf(worker)}/metrics`)).text();
    return samplesOf(text, 'panic_tda_invocations_total').filter(({ value }) => value > 0);
  };
  expect(await modelsOf(unrouted)).toEqual([{ labels: 'model="DummyT2I"', value: 16 }]);
  expect(await modelsOf(routed)).toEqual([{ labels: 'model="SlowI2T"', value: 16 }]);
});

test('an experiment follows a route that appears while it runs, without another start', async () => {
  fleet = await openFleet();
  const before = await fleet.worker(['--identity', 'before']);
  const handle = await fleet.start(EXPERIMENT, 'rerouted');
  await untilInvocations(fleet.data, 8);
  writeFileSync(join(fleet.data, 'routes.json'), JSON.stringify({ SlowI2T: 'slow' }));
  before.process.kill('SIGTERM');
  await before.ended;
  await fleet.worker(['--queues', 'main,cpu']);
  await fleet.worker(['--queues', 'gpu', '--models', 'unrouted', '--identity', 'first']);
  await fleet.worker(['--queues', 'gpu', '--models', 'SlowI2T', '--identity', 'second']);
  const { experiment, status } = await handle.result();
  expect(status).toBe('completed');
  await equalToCalm(EXPERIMENT, experiment);
  const attempts = await attemptsOf(fleet.client, `run-${experiment}-1`);
  const models = attempts.filter(({ queue }) => queue.startsWith('panic-tda-gpu'));
  expect(new Set(models.map(({ by }) => by))).toEqual(new Set(['before', 'first', 'second']));
});

/** Resolves when a worker has an activity of these workflows that it did not have a moment before. */
async function untilJustGiven(worker: string, workflowIds: readonly string[]): Promise<void> {
  let before: ReadonlySet<string> | null = null;
  await until(async () => {
    const pending = await Promise.all(
      workflowIds.map(async (workflowId) =>
        (await pendingOf(fleet.client, workflowId))
          .filter(({ lastWorkerIdentity }) => lastWorkerIdentity === worker)
          .map(({ activityId }) => `${workflowId} ${activityId}`),
      ),
    );
    const earlier = before;
    before = new Set(pending.flat());
    return earlier !== null && [...before].some((activity) => !earlier.has(activity));
  });
}

test('two workers of the same models share the runs; a killed worker loses only time', async () => {
  fleet = await openFleet();
  const experiment = { ...EXPERIMENT, seeds: [3, 7, 11, 13], max_length: 60 };
  await fleet.worker(['--queues', 'main,cpu']);
  const victim = await fleet.worker(['--queues', 'gpu', '--identity', 'victim', '--concurrency', '2']);
  await fleet.worker(['--queues', 'gpu', '--identity', 'survivor', '--concurrency', '2']);
  const handle = await fleet.start(experiment, 'shared');
  await untilInvocations(fleet.data, 1);
  const { experiment: id } = await handle.query<{ experiment: string }>('progress');
  const advancesOfAll = async () => {
    const attempts = await Promise.all(
      [0, 1, 2, 3].map((run) => attemptsOf(fleet.client, `run-${id}-${run}`).catch(() => [])),
    );
    return attempts.flat().filter(({ activity }) => activity === 'advanceRun');
  };
  // For work that was lost, the history names only the worker that repeated it. A named worker did its work.
  await until(async () => new Set((await advancesOfAll()).map(({ by }) => by)).size === 2);
  // An activity takes a second, so the victim is in the middle of one.
  await untilJustGiven(
    'victim',
    [0, 1, 2, 3].map((run) => `run-${id}-${run}`),
  );
  victim.process.kill('SIGKILL');
  expect((await handle.result()).status).toBe('completed');
  await equalToCalm(experiment, id);
  const advances = await advancesOfAll();
  expect(new Set(advances.map(({ by }) => by))).toEqual(new Set(['victim', 'survivor']));
  expect(advances.some(({ by, after }) => by === 'survivor' && after === 'Timeout')).toBe(true);
});

test('a worker that serves only embedding models continues an experiment that was cancelled when only its vectors were missing', async () => {
  fleet = await openFleet({ DummyT2I: 'loop', SlowI2T: 'loop', Dummy: 'vectors', HashedNgram: 'vectors' });
  await fleet.worker(['--queues', 'main,cpu']);
  const loop = await fleet.worker(['--queues', 'gpu', '--models', 'DummyT2I,SlowI2T', '--identity', 'loop']);
  const handle = await fleet.start(EXPERIMENT, 'in-two-parts');
  const waiting = async (): Promise<boolean> => {
    const [vectors] = await queueStates(fleet.client, ['panic-tda-gpu-vectors']);
    // Two runs with two models each.
    return vectors?.backlog === 4;
  };
  await until(waiting);
  await handle.cancel();
  await expect(handle.result()).rejects.toThrow();
  loop.process.kill('SIGTERM');
  await loop.ended;

  await fleet.worker(['--queues', 'gpu', '--models', 'Dummy,HashedNgram', '--identity', 'vectors']);
  const again = await fleet.start(EXPERIMENT, 'in-two-parts-again');
  const { experiment, status } = await again.result();
  expect(status).toBe('completed');
  await equalToCalm(EXPERIMENT, experiment);
  const attempts = await attemptsOf(fleet.client, `run-${experiment}-0`);
  expect(attempts.filter(({ activity }) => activity === 'advanceRun')).toMatchObject([
    { queue: 'panic-tda-gpu-vectors', by: 'vectors' },
  ]);
});
