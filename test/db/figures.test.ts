import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { awaitedMs } from '../../db/index.js';
import type { Driver, RunRow, Store } from '../../db/index.js';
import { experimentId } from '../../experiment/ids.js';
import { emptyPlace } from './places.js';
import type { Place } from './place.js';
import { config, finishExperiment, finishRun, NOW, step } from '../support/small-experiment.js';

const MINUTE = 60_000;
const DRIVER: Driver = { workflowId: 'w', runId: 'first' };
const id = experimentId(config);

let place: Place;
let store: Store;

beforeEach(async () => {
  place = await emptyPlace();
  ({ store } = place);
});
afterEach(() => place.remove());

function run(index: number): Promise<RunRow> {
  return store.runs.get(id, index);
}

/** Makes a step of a run. */
async function stepAt(index: number, at: number): Promise<void> {
  await store.runs.markRunning(await run(index), at);
  await step(store, await run(index), 'stop');
  await place.unguarded(
    'update invocations set created_at = ? where id = (select max(id) from invocations)',
    at,
  );
}

/** The four runs of an experiment that an execution claims now. */
async function begin(): Promise<void> {
  await store.experiments.plan(id, config, NOW);
  await store.experiments.claim(id, DRIVER, null, NOW);
}

async function awaitedSince(): Promise<number | null> {
  const { awaited } = await store.figures.whole();
  expect(awaited.length).toBeLessThanOrEqual(1);
  return awaited[0]?.since ?? null;
}

test('a store counts its experiments and runs by status, and the runs that are still to be done', async () => {
  const none = await store.figures.whole();
  expect(none.runs).toEqual({ pending: 0, running: 0, finished: 0, failed: 0, cancelled: 0 });
  expect(none).toMatchObject({ awaited: [], migrations: store.schemaVersion });
  expect(none.bytes).toBeGreaterThan(0);

  await begin();
  await finishExperiment(store, { ...config, prompts: ['another'] });
  await stepAt(0, NOW);
  await store.runs.stop(await run(1), { status: 'failed', kind: 'DeviceError', message: 'gone' }, NOW);
  const planned = { ...config, prompts: ['planned', 'alone'] };
  await store.experiments.plan(experimentId(planned), planned, NOW);
  const figures = await store.figures.whole();
  expect(figures.experiments).toEqual({
    planned: 1,
    running: 1,
    paused: 0,
    completed: 1,
    completed_with_failures: 0,
    cancelled: 0,
    failed: 0,
  });
  expect(figures.runs).toEqual({ pending: 6, running: 1, finished: 2, failed: 1, cancelled: 0 });
  expect(figures.openRuns).toEqual({ pending: 6, running: 1 });

  // Runs that a user holds, and runs of an experiment that a user deletes, are not to be done.
  await store.experiments.setPaused(id, true, NOW);
  const paused = await store.figures.whole();
  expect(paused.experiments).toMatchObject({ running: 0, paused: 1 });
  expect(paused.openRuns).toEqual({ pending: 4, running: 0 });
  expect(paused.runs).toEqual(figures.runs);
  await place.run('update experiments set deleting_at = 1 where id = ?', id);
  const deleted = await store.figures.whole();
  expect(deleted.experiments).toMatchObject({ running: 0, paused: 0, planned: 1, completed: 1 });
  expect(deleted.runs).toEqual({ pending: 4, running: 0, finished: 2, failed: 0, cancelled: 0 });
});

test('a step is awaited of an experiment at work, since its last step, the end of a run, or its beginning', async () => {
  await store.experiments.plan(id, config, NOW);
  expect(await awaitedSince()).toBeNull();
  await store.experiments.claim(id, DRIVER, null, NOW);
  expect(await awaitedSince()).toBe(NOW);
  await stepAt(0, NOW + MINUTE);
  await stepAt(1, NOW + 2 * MINUTE);
  expect(await awaitedSince()).toBe(NOW + 2 * MINUTE);
  await store.runs.stop(await run(1), { status: 'cancelled' }, NOW + 3 * MINUTE);
  await store.runs.stop(
    await run(2),
    { status: 'failed', kind: 'DeviceError', message: 'gone' },
    NOW + 4 * MINUTE,
  );
  expect(await awaitedSince()).toBe(NOW + 4 * MINUTE);
});

test('no step is awaited while runs are held, and while all that is at work are vectors and diagrams', async () => {
  await begin();
  await stepAt(0, NOW);
  for (const index of [1, 2, 3]) await store.runs.setHold(await run(index), 'paused', NOW);
  expect(await awaitedSince()).not.toBeNull();
  await store.runs.setHold(await run(0), 'paused', NOW);
  expect(await awaitedSince()).toBeNull();

  await store.runs.setHold(await run(0), null, NOW);
  await store.runs.setHold(await run(1), null, NOW);
  while (await step(store, await run(0), 'stop'));
  // Its window may have no room for the run that is pending.
  expect(await awaitedSince()).toBeNull();
  await stepAt(1, NOW);
  expect(await awaitedSince()).not.toBeNull();
  await finishRun(store, await run(0), config);
  await finishRun(store, await run(1), config);
  expect(await awaitedSince()).toBeNull();
});

test('pauses are left out of the time for which a step has been awaited', async () => {
  await begin();
  await stepAt(0, NOW + MINUTE);
  await store.experiments.setPaused(id, true, NOW + 2 * MINUTE);
  expect(await awaitedSince()).toBeNull();
  await store.experiments.setPaused(id, false, NOW + 62 * MINUTE);
  const { awaited } = await store.figures.whole();
  expect(awaitedMs(awaited[0]!, NOW + 64 * MINUTE)).toBe(3 * MINUTE);
  // The clock of this machine is behind that of the machine that made the step.
  expect(awaitedMs(awaited[0]!, NOW)).toBe(0);
});
