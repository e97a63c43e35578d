import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { contentDigest } from '../../db/content.js';
import { mergeStores } from '../../db/index.js';
import type { Connection, MergedExperiment, Store } from '../../db/index.js';
import { experimentId } from '../../experiment/ids.js';
import { allRows, violations } from '../support/store-checks.js';
import {
  config,
  configWithSurrogates,
  finishExperiment,
  NOW,
  step,
  temporaryStore,
} from './small-experiment.js';

let places: ReturnType<typeof temporaryStore>[];
let source: Store<Connection>;
let target: Store<Connection>;
let targetFolder: string;

beforeEach(() => {
  places = [temporaryStore(), temporaryStore()];
  [source, target] = [places[0]!.store, places[1]!.store];
  targetFolder = places[1]!.folder;
});
afterEach(async () => {
  for (const place of places) await place.remove();
});

async function merge(more: { dryRun?: boolean; busy?: string } = {}): Promise<MergedExperiment[]> {
  const merged: MergedExperiment[] = [];
  const { dryRun = false, busy = null } = more;
  for await (const one of mergeStores({ source, target, dryRun, busy: async () => busy, now: () => NOW })) {
    merged.push(one);
  }
  return merged;
}

/** Plans the experiment with the seeds that `finishExperiment` draws, and makes some steps of its first run. */
async function begin(store: Store<Connection>, steps: number): Promise<string> {
  const id = experimentId(config);
  await store.experiments.plan(id, config, NOW);
  store.db.sqlite.prepare('update runs set drawn_seed = 1000 + run_index where seed = -1').run();
  await store.experiments.claim(id, { workflowId: 'w', runId: 'r' }, null, NOW);
  const run = await store.runs.get(id, 0);
  await store.runs.markRunning(run, NOW);
  for (let made = 0; made < steps; made++) await step(store, run, config.on_cycle);
  return id;
}

test('what the target has not had is copied whole, with its pictures, and again is nothing to do', async () => {
  const id = await finishExperiment(source, configWithSurrogates);
  const other = await finishExperiment(target, { ...config, name: 'other' });
  const digest = await contentDigest(target.db, other);
  const before = allRows(targetFolder);
  const trial = await merge({ dryRun: true });
  expect(allRows(targetFolder)).toEqual(before);

  const done = await merge();
  expect(done).toEqual(trial);
  expect(done).toMatchObject([{ experiment: id, outcome: 'new', added: { run: 4 }, conflicts: [] }]);
  expect(done[0]!.added.invocation).toBeGreaterThan(20);
  expect(await contentDigest(target.db, id)).toBe(await contentDigest(source.db, id));
  expect(await contentDigest(target.db, other)).toBe(digest);
  expect(await violations(targetFolder)).toEqual([]);

  const after = allRows(targetFolder);
  expect(await merge()).toMatchObject([{ outcome: 'equal', objects: 0, added: { run: 0, invocation: 0 } }]);
  expect(allRows(targetFolder)).toEqual(after);
});

test.each([0, 1, 4])('a target that is %i steps on gets the rest', async (steps) => {
  const id = await finishExperiment(source);
  expect(await begin(target, steps)).toBe(id);
  expect(await merge()).toMatchObject([{ outcome: 'extended', added: { run: 0 } }]);
  expect(await contentDigest(target.db, id)).toBe(await contentDigest(source.db, id));
  expect(await target.experiments.get(id)).toMatchObject({ status: 'completed', driverWorkflowId: null });
  expect(await violations(targetFolder)).toEqual([]);
});

test('a source that is less complete adds nothing, and takes nothing away', async () => {
  await begin(source, 3);
  await finishExperiment(target);
  const before = allRows(targetFolder);
  expect(await merge()).toMatchObject([{ outcome: 'equal' }]);
  expect(allRows(targetFolder)).toEqual(before);
});

test('what was interrupted in the source is to be resumed in the target, and what comes after it is added', async () => {
  const id = await begin(source, 3);
  await source.runs.logFailure(
    await source.runs.get(id, 0),
    { stage: 'invocation', sequence: 3, kind: 'DeviceError', message: 'lost' },
    NOW,
  );
  expect(await merge()).toMatchObject([{ outcome: 'new', added: { invocation: 3 } }]);
  expect(await target.experiments.get(id)).toMatchObject({ status: 'cancelled', driverWorkflowId: null });
  expect(await target.runs.get(id, 0)).toMatchObject({ status: 'cancelled' });
  expect(await violations(targetFolder)).toEqual([]);
  expect(await merge()).toMatchObject([{ outcome: 'equal' }]);

  const run = await source.runs.get(id, 0);
  await step(source, run, config.on_cycle);
  expect(await merge()).toMatchObject([{ outcome: 'extended', added: { invocation: 1 } }]);
  expect(await target.runs.failuresOf(await target.runs.get(id, 0))).toHaveLength(1);
  expect(await violations(targetFolder)).toEqual([]);
});

test('runs that were planned with other seeds, and other outputs, are named; nothing of the experiment is changed', async () => {
  const id = await finishExperiment(source);
  await begin(target, 2);
  target.db.sqlite.prepare('update runs set drawn_seed = 7 where run_index = 2').run();
  const before = allRows(targetFolder);
  const [planned] = await merge();
  expect(planned).toMatchObject({ experiment: id, outcome: 'conflict', conflictCount: 1 });
  expect(planned!.conflicts[0]).toMatch(/^run 2: drawnSeed is 1002 in the source and 7 in the target$/);
  expect(allRows(targetFolder)).toEqual(before);

  target.db.sqlite.exec(`
    update runs set drawn_seed = 1002 where run_index = 2;
    drop trigger invocations_are_immutable;
    update invocations set seed = 8 where sequence = 1`);
  expect((await merge())[0]!.conflicts).toEqual([
    'run 0, invocation 1: seed is 7 in the source and 8 in the target',
  ]);
});

test('an experiment that is running in the target is left alone', async () => {
  await finishExperiment(source);
  await begin(target, 2);
  const before = allRows(targetFolder);
  expect(await merge({ busy: 'it is running in the target' })).toMatchObject([
    { outcome: 'conflict', conflicts: ['it is running in the target'] },
  ]);
  expect(allRows(targetFolder)).toEqual(before);
});

test('a picture whose object is damaged in the source is not copied, nor is its experiment', async () => {
  const id = await finishExperiment(source);
  const [sha256] = source.db.sqlite
    .prepare("select sha256 from artifacts where modality = 'image'")
    .pluck()
    .all() as Buffer[];
  await source.objects.remove(sha256!);
  await source.objects.put(sha256!, Buffer.from('something else'));
  await expect(merge()).rejects.toThrow(/is damaged/);
  expect(await target.experiments.find(id)).toBeNull();
  expect(await violations(targetFolder)).toEqual([]);
});
