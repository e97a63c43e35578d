import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { contentDigest } from '../../db/read/content.js';
import type { Store } from '../../db/index.js';
import { OBJECTS_FOLDER } from '../../db/layout.js';
import { removedObjects } from '../../db/schema.js';
import { run } from '../../db/connection/work.js';
import { violationsIn } from '../support/store-checks.js';
import { emptyPlace } from './places.js';
import type { Place } from './place.js';
import { config, finishExperiment, NOW, picture, rejection, staged } from '../support/small-experiment.js';
import { storedBytes } from '../support/stored-bytes.js';

/** This experiment shares its first prompt, and with it every output of those runs, with `config`. */
const other = { ...config, name: 'other', prompts: ['a red apple', 'a blue pear'] };

let store: Store;
let place: Place;

beforeEach(async () => {
  place = await emptyPlace();
  ({ store } = place);
});
afterEach(async () => {
  await place.remove();
});

async function count(query: string): Promise<number> {
  return Number(await place.one(`select count(*) from ${query}`));
}

function counts(tables: readonly string[]): Promise<number[]> {
  return Promise.all(tables.map(count));
}

/** Rows that no row points at, and pictures that only the database or only the folder has. */
async function orphans() {
  const digests = await place.column("select sha256 from artifacts where modality = 'image'");
  const rows = digests.map((digest) => storedBytes(digest).toString('hex'));
  const files = readdirSync(join(place.folder, OBJECTS_FOLDER), { recursive: true, withFileTypes: true });
  const names = files.filter((file) => file.isFile()).map((file) => file.name);
  return {
    vectors: await count(
      'vectors where id not in (select vector_id from embeddings union select vector_id from prompt_vectors)',
    ),
    promptVectors: await count('prompt_vectors where artifact_id not in (select prompt_id from runs)'),
    artifacts: await count(
      `artifacts where id not in (select output_id from invocations union select input_id from invocations
         union select prompt_id from runs)`,
    ),
    objects: names.filter((name) => !rows.includes(name)),
    missing: rows.filter((name) => !names.includes(name)),
  };
}

const NONE = { vectors: 0, promptVectors: 0, artifacts: 0, objects: [], missing: [] };

async function deleteWhole(id: string): Promise<void> {
  expect(await store.deletion.begin(id, null, NOW)).toBe(true);
  while (!(await store.deletion.step(id)).done);
  await store.deletion.removeObjects(Date.now);
  await store.deletion.end(id);
}

test('rows of only one experiment go as the preview said, and rows that another has too stay as they were', async () => {
  const first = await finishExperiment(store);
  const second = await finishExperiment(store, other);
  const digest = await contentDigest(store.db, second);
  const tables = ['runs', 'invocations', 'embeddings', 'diagrams', 'vectors', 'artifacts'];
  const before = await counts(tables);
  const told = await store.deletion.preview(first);
  const routes = await store.routes.recordFirst(new Map([['Painter', 'large']]), { by: 'a worker', at: 1 });
  expect(told.vectors.shared).toBeGreaterThan(0);
  expect(told.objects.shared).toBeGreaterThan(0);
  expect(told.texts.shared).toBeGreaterThan(0);
  expect(told.objects.removed).toBeGreaterThan(0);

  await deleteWhole(first);
  expect(await store.routes.recorded()).toEqual(routes);
  const after = await counts(tables);
  const gone = before.map((rows, index) => rows - after[index]!);
  expect(gone).toEqual([
    told.runs,
    told.invocations,
    told.embeddings,
    told.diagrams,
    told.vectors.removed,
    told.texts.removed + told.objects.removed,
  ]);
  expect(await orphans()).toEqual(NONE);
  expect(await store.experiments.find(first)).toBeNull();
  expect(await contentDigest(store.db, second)).toBe(digest);
  expect(await violationsIn(store)).toEqual([]);

  await deleteWhole(second);
  const all = [...tables, 'prompt_vectors', 'experiments', 'failures', 'surrogates', 'diagram_dimensions'];
  expect(await counts(all)).toEqual(Array(11).fill(0));
  expect(await orphans()).toEqual(NONE);
});

test('a deletion that is cut off after any step leaves the others sound, is recognised, and can be continued', async () => {
  const first = await finishExperiment(store);
  const second = await finishExperiment(store, other);
  const digest = await contentDigest(store.db, second);
  await store.deletion.begin(first, null, NOW);
  for (let done = false; !done;) {
    ({ done } = await store.deletion.step(first));
    expect(await violationsIn(store)).toEqual([]);
    expect(await orphans()).toMatchObject({ vectors: 0, promptVectors: 0, artifacts: 0, missing: [] });
    expect(await contentDigest(store.db, second)).toBe(digest);
    expect((await store.experiments.find(first))!.deletingAt).toBe(NOW);
  }
  // The objects still exist, on the list of those to remove.
  expect(await store.deletion.objectsLeft()).toBe((await orphans()).objects.length);
  await deleteWhole(first);
  expect(await orphans()).toEqual(NONE);
});

test('no execution claims an experiment during its deletion, and an experiment with a driver is not deleted', async () => {
  const id = await finishExperiment(store);
  const driver = { workflowId: 'w', runId: 'r' };
  expect(await store.experiments.claim(id, driver, null, NOW)).toBe(true);
  expect(await store.deletion.begin(id, null, NOW)).toBe(false);
  expect(await store.deletion.begin(id, driver, NOW)).toBe(true);
  expect(await store.experiments.claim(id, { ...driver, runId: 'next' }, driver, NOW)).toBe(false);
});

test('the same experiment can be run again after it was deleted, with the same results', async () => {
  const id = await finishExperiment(store);
  const digest = await contentDigest(store.db, id);
  await deleteWhole(id);
  await finishExperiment(store);
  expect(await contentDigest(store.db, id)).toBe(digest);
  expect(await violationsIn(store)).toEqual([]);
});

test('a picture that is stored again while its object is on the list of those to remove keeps the object', async () => {
  const id = await finishExperiment(store);
  const same = await store.artifacts.load(
    Number(await place.one("select min(id) from artifacts where modality = 'image'")),
  );
  // The write is staged before the rows are deleted: when it writes its row, its object is on the list.
  const content = await staged(store, same);
  await store.deletion.begin(id, null, NOW);
  while (!(await store.deletion.step(id)).done);
  const write = () => store.db.write(() => store.artifacts.idOf(content));
  expect(await rejection(write())).toMatch(
    /is being removed with a deleted experiment; the step is tried again/,
  );
  // The next attempt stages the object anew, and takes it off the list of those to remove.
  await staged(store, same);
  await write();
  await store.deletion.removeObjects(Date.now);
  expect(await store.objects.get(content.sha256)).toHaveLength(content.byteLength);
  expect(await orphans()).toMatchObject({ objects: [], missing: [] });
});

test('a picture that was staged before its object was removed has to be staged again', async () => {
  const id = await finishExperiment(store);
  const image = picture(8, 6, Uint8Array.of(1, 2, 3));
  const mine = await staged(store, image);
  const sha256 = storedBytes(await place.one("select sha256 from artifacts where modality = 'image'"));
  const content = { ...mine, sha256 };
  await deleteWhole(id);
  const write = () => store.db.write(() => store.artifacts.idOf(content));
  expect(await rejection(write())).toMatch(/is being removed/);
  // A picture that was never stored is not affected.
  expect(await store.db.write(() => store.artifacts.idOf(mine))).toBeGreaterThan(0);
});

test('while one process is about to remove an object, no other stores it; the claim of a dead process lasts a minute', async () => {
  const image = picture(8, 6, Uint8Array.of(9, 9, 9));
  const { sha256, byteLength } = await staged(store, image);
  const { build, write } = store.db;
  const claim = (claimedAt: number) =>
    write(function* () {
      yield* run(build.delete(removedObjects));
      yield* run(build.insert(removedObjects).values({ sha256, byteLength, claimedAt }));
    });
  await claim(Date.now());
  expect(await rejection(staged(store, image))).toMatch(/is being removed/);
  expect(await store.objects.get(sha256)).toHaveLength(byteLength);
  if (store.db.dialect === 'postgres') {
    // The clock of the database counts, and not that of a machine which is five minutes ahead.
    const ahead = jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 300_000);
    expect(await rejection(staged(store, image))).toMatch(/is being removed/);
    ahead.mockRestore();
  }
  await claim(Date.now() - 60_001);
  await staged(store, image);
  expect(await count('removed_objects')).toBe(0);
});
