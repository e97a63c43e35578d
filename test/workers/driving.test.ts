import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { CancelledFailure } from '@temporalio/activity';
import { Client } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { setTimeout as sleep } from 'node:timers/promises';
import { createBookkeeping } from '../../activities/index.js';
import type { Dependencies } from '../../activities/dependencies.js';
import { serviceAt } from '../../db/index.js';
import { experimentId } from '../../experiment/ids.js';
import { createModelPool } from '../../models/index.js';
import { readEnvironment } from '../../workers/settings/environment.js';
import { catalogue, config, NOW, temporaryStore } from '../support/small-experiment.js';

const DRIVER = { workflowId: 'experiment-x', runId: 'run-1' };
const SERVICE = serviceAt({ kind: 'embedded', folder: null, machine: null }, 'service');

let temporary: ReturnType<typeof temporaryStore>;
let id: string;
/** How often the row's driver was looked at. */
let rounds: number;

beforeEach(async () => {
  temporary = temporaryStore();
  rounds = 0;
  id = experimentId(config);
  await temporary.store.experiments.plan(id, config, NOW);
  await temporary.store.experiments.claim(id, { ...DRIVER, service: SERVICE }, null, NOW);
});
afterEach(() => temporary.remove());

const models = await createModelPool(readEnvironment());

function bookkeeping(store: Dependencies['store'] = temporary.store) {
  return createBookkeeping({
    store,
    catalogue,
    models,
    modelsFolder: null,
    servers: { hosts: [] },
    routing: { serves: () => true, queueOf: () => 'panic-tda-gpu' },
    diagrams: { requireMemory: () => undefined, compute: () => Promise.reject(new Error('not asked for')) },
    client: new Client(),
    service: async () => {
      rounds++;
      return SERVICE;
    },
    isIndexed: async () => true,
    askOtherService: async () => 'over',
    activityMs: 1,
    now: () => NOW,
  });
}

function environment(): MockActivityEnvironment {
  return new MockActivityEnvironment({ workflowExecution: DRIVER }, { logger: new DefaultLogger('ERROR') });
}

function finish(activity: MockActivityEnvironment, store?: Dependencies['store']) {
  return activity.run(() => bookkeeping(store).finishExperiment(id, { kind: 'driven' }));
}

test('a driver whose experiment is marked for deletion ends, and leaves its rows to the deletion', async () => {
  const { store } = temporary;
  expect(await store.deletion.begin(id, DRIVER, NOW)).toBe(true);
  const before = await store.experiments.get(id);
  expect(await finish(environment())).toMatchObject({
    status: 'cancelled',
    runs: 4,
    finished: 0,
  });
  expect(await store.experiments.get(id)).toEqual(before);
});

test('a driver whose experiment is marked between its look and its claim ends, too', async () => {
  const { store } = temporary;
  const experiments: typeof store.experiments = {
    ...store.experiments,
    claim: async (...asked) => {
      await store.deletion.begin(id, DRIVER, NOW);
      return await store.experiments.claim(...asked);
    },
  };
  const marking = { ...store, experiments };
  expect(await finish(environment(), marking)).toMatchObject({
    status: 'cancelled',
  });
  expect(rounds).toBeLessThanOrEqual(2);
});

test('an execution whose claim is refused again and again rests between its rounds, and heeds its cancellation', async () => {
  const { store } = temporary;
  const refusing = { ...store, experiments: { ...store.experiments, claim: async () => false } };
  const activity = environment();
  const finishing = finish(activity, refusing);
  const ended = expect(finishing).rejects.toThrow(CancelledFailure);
  await sleep(400);
  activity.cancel('CANCELLED');
  await ended;
  // Pauses of 50, 100, 200 and 400 ms. A busy machine makes fewer rounds, never more.
  expect(rounds).toBeLessThanOrEqual(4);
});

test('an execution that waits for its turn is given back by a worker that stops', async () => {
  const { store } = temporary;
  const refusing = { ...store, experiments: { ...store.experiments, claim: async () => false } };
  const activity = environment();
  const finishing = finish(activity, refusing);
  const ended = expect(finishing).rejects.toMatchObject({ type: 'WorkerShutdown', nonRetryable: false });
  activity.cancel('WORKER_SHUTDOWN');
  await ended;
});
