import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { queueStates } from '../../workers/temporal/queue-states.js';
import { cleanUp, type Running, until } from '../support/cli-process.js';
import { gateIn, type Gate } from '../support/gate.js';
import { digestOf, violations } from '../support/store-checks.js';
import { addressOf, attemptsOf, openFleet, samplesOf, type Fleet } from '../support/fleet.js';
import { sharedTemporaryFolder } from '../support/temporary-folder.js';
import { undisturbedDigest } from '../support/undisturbed.js';
import { runsOf } from '../support/run-rows.js';

/**
 * One fleet, whose workers come one after another. Each test begins with the workers of the test before it.
 */

const ROUTES = {
  SlowT2I: 'slow',
  SlowI2T: 'slow',
  GatedI2T: 'slow',
  HashedNgram: 'texts',
  ColourGradient: 'pictures',
};
const SLOW_MODELS = 'SlowT2I,SlowI2T,GatedI2T';
const GPU = ['--queues', 'gpu', '--listen', '0', '--identity'];

/** Two runs of 8 steps. */
const EXPERIMENT = {
  networks: [['DummyT2I', 'SlowI2T']],
  prompts: ['a lighthouse in fog'],
  seeds: [3, 7],
  embedding_models: ['Dummy'],
  max_length: 8,
  on_cycle: 'continue',
  reuse: false,
};

let gate: Gate;
let fleet: Fleet;
let first: Running;
let second: Running;
beforeAll(async () => {
  gate = gateIn(sharedTemporaryFolder());
  fleet = await openFleet(null, gate.env);
});
afterAll(async () => {
  await fleet.close();
  await cleanUp();
});

async function expectUndisturbed(id: string, experiment: unknown): Promise<void> {
  expect(await digestOf(fleet.data, id)).toBe(await undisturbedDigest(experiment));
}

test('an experiment follows a route that appears while it runs, without another start', async () => {
  const experiment = { ...EXPERIMENT, networks: [['DummyT2I', 'GatedI2T']] };
  const before = await fleet.worker(['--identity', 'before']);
  const handle = await fleet.start(experiment, 'rerouted');
  await until(
    gate.lettingThrough(async () => {
      const { experiment: id } = await handle.query<{ experiment: string | null }>('progress');
      const runs = id === null ? [] : await runsOf(fleet.data, id);
      return runs.length === 2 && runs.every(({ invocations }) => invocations > 0);
    }),
  );
  writeFileSync(join(fleet.data, 'routes.json'), JSON.stringify(ROUTES));
  before.process.kill('SIGTERM');
  await before.ended;
  [, first, second] = await Promise.all([
    fleet.worker(['--queues', 'main,cpu', '--identity', 'books']),
    fleet.worker([...GPU, 'first', '--models', 'unrouted']),
    fleet.worker([...GPU, 'second', '--models', `${SLOW_MODELS},HashedNgram`, '--concurrency', '1']),
  ]);
  gate.open();
  const { experiment: id, status } = await handle.result();
  expect(status).toBe('completed');
  await expectUndisturbed(id, experiment);
  const attempts = await attemptsOf(fleet.client, `run-${id}-1`);
  const models = attempts.filter(({ queue }) => queue.startsWith('panic-tda-gpu'));
  expect(new Set(models.map(({ by }) => by))).toEqual(new Set(['before', 'first', 'second']));
});

/** By model, the invocations that a worker has made. */
async function invocationsBy(worker: Running): Promise<Map<string, number>> {
  const text = await (await fetch(`${addressOf(worker)}/metrics`)).text();
  return new Map(samplesOf(text, 'panic_tda_invocations_total').map(({ labels, value }) => [labels, value]));
}

test('a network whose models no worker serves together goes from queue to queue, and its rows are the same', async () => {
  const experiment = { ...EXPERIMENT, embedding_models: ['Dummy', 'HashedNgram'] };
  const earlier = await Promise.all([first, second].map(invocationsBy));
  const handle = await fleet.start(experiment, 'across');
  const { experiment: id, status } = await handle.result();
  expect(status).toBe('completed');
  await expectUndisturbed(id, experiment);

  const attempts = await attemptsOf(fleet.client, `run-${id}-0`);
  const advances = attempts.filter(({ activity }) => activity === 'advanceRun');
  // Each activity makes one step, on the queue of its model, in turns.
  expect(advances.map(({ queue, by }) => `${queue} ${by}`)).toEqual(
    Array.from({ length: 8 }, (_, step) =>
      step % 2 === 0 ? 'panic-tda-gpu first' : 'panic-tda-gpu-slow second',
    ),
  );
  // The worker of the last step has made the vectors of the model that it serves.
  const embedded = attempts.filter(({ activity }) => activity === 'embedRun');
  expect(embedded.map(({ queue, by }) => `${queue} ${by}`)).toEqual(['panic-tda-gpu first']);

  const later = await Promise.all([first, second].map(invocationsBy));
  const made = later.map((totals, index) =>
    [...totals].flatMap(([model, total]) => {
      const count = total - (earlier[index]!.get(model) ?? 0);
      return count === 0 ? [] : [[model, count]];
    }),
  );
  expect(made).toEqual([[['model="DummyT2I"', 8]], [['model="SlowI2T"', 8]]]);
});

test('a worker that serves only embedding models of an experiment continues it, cancelled when only its vectors were missing', async () => {
  const experiment = {
    ...EXPERIMENT,
    networks: [['DummyT2I', 'DummyI2T']],
    embedding_models: ['ColourGradient'],
    max_length: 4,
  };
  const handle = await fleet.start(experiment, 'in-two-parts');
  await until(async () => {
    const [vectors] = await queueStates(fleet.client, ['panic-tda-gpu-pictures']);
    return vectors?.backlog === 2;
  });
  await handle.cancel();
  await expect(handle.result()).rejects.toThrow();

  await fleet.worker([...GPU, 'third', '--models', `${SLOW_MODELS},ColourGradient`, '--concurrency', '1']);
  const again = await fleet.start(experiment, 'in-two-parts-again');
  const { experiment: id, status } = await again.result();
  expect(status).toBe('completed');
  await expectUndisturbed(id, experiment);
  const attempts = await attemptsOf(fleet.client, `run-${id}-0`);
  expect(attempts.filter(({ activity }) => activity === 'advanceRun')).toMatchObject([
    { queue: 'panic-tda-gpu-pictures', by: 'third' },
  ]);
});

test('two workers of the same models share the runs; a killed worker loses only time', async () => {
  gate.close();
  const experiment = { ...EXPERIMENT, networks: [['SlowT2I', 'GatedI2T']], max_length: 20 };
  const handle = await fleet.start(experiment, 'shared');
  let id: string | null = null;
  const advancesOfAll = async () => {
    id ??= (await handle.query<{ experiment: string | null }>('progress')).experiment;
    const attempts = await Promise.all(
      [0, 1].map((run) => attemptsOf(fleet.client, `run-${id}-${run}`).catch(() => [])),
    );
    return attempts.flat().filter(({ activity }) => activity === 'advanceRun');
  };
  // For work that was lost, the history names only the worker that repeated it. A named worker did its work.
  await until(
    gate.lettingThrough(async () => new Set((await advancesOfAll()).map(({ by }) => by)).size === 2),
  );
  // Each worker has one activity at a time, so the victim is in the middle of one.
  await until(() => gate.waiting() === 2);
  second.process.kill('SIGKILL');
  gate.open();
  expect((await handle.result()).status).toBe('completed');
  await expectUndisturbed(id!, experiment);
  const advances = await advancesOfAll();
  expect(new Set(advances.map(({ by }) => by))).toEqual(new Set(['second', 'third']));
  expect(advances.some(({ by, after }) => by === 'third' && after === 'Timeout')).toBe(true);
  expect(await violations(fleet.data)).toEqual([]);
});
