import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { contentDigest } from '../../db/content.js';
import { compact } from '../../db/compact.js';
import type { Connection, Store } from '../../db/index.js';
import { OBJECTS_FOLDER } from '../../db/layout.js';
import { violations } from '../support/store-checks.js';
import {
  config,
  finishExperiment,
  NOW,
  picture,
  rejection,
  staged,
  temporaryStore,
} from './small-experiment.js';

/** Shares its first prompt, and with it every output of those runs, with `config`. */
const other = { ...config, name: 'other', prompts: ['a red apple', 'a blue pear'] };

let folder: string;
let store: Store<Connection>;
let place: ReturnType<typeof temporaryStore>;

beforeEach(() => {
  place = temporaryStore();
  ({ folder, store } = place);
});
afterEach(async () => {
  await place.remove();
});

function count(query: string): number {
  return Number(store.db.sqlite.prepare(`select count(*) from ${query}`).pluck().get());
}

/** Rows that nothing points at, and pictures that are in one of database and folder only. */
function orphans() {
  const rows = store.db.sqlite
    .prepare("select lower(hex(sha256)) from artifacts where modality = 'image'")
    .pluck()
    .all();
  const files = readdirSync(join(folder, OBJECTS_FOLDER), { recursive: true, withFileTypes: true });
  const names = files.filter((file) => file.isFile()).map((file) => file.name);
  return {
    vectors: count('vectors where id not in (select vector_id from embeddings)'),
    artifacts: count(
      `artifacts where id not in (select output_id from invocations union select input_id from invocations
         union select prompt_id from runs)`,
    ),
    objects: names.filter((name) => !rows.includes(name)),
    missing: rows.filter((name) => !names.includes(String(name))),
  };
}

const NONE = { vectors: 0, artifacts: 0, objects: [], missing: [] };

async function deleteWhole(id: string): Promise<void> {
  expect(await store.deletion.begin(id, null, NOW)).toBe(true);
  while (!(await store.deletion.step(id)).done);
  await store.deletion.removeObjects(Date.now);
  await store.deletion.end(id);
}

test('what only one experiment has goes as it was told, and what another has too stays as it was', async () => {
  const first = await finishExperiment(store);
  const second = await finishExperiment(store, other);
  const digest = await contentDigest(store.db, second);
  const tables = ['runs', 'invocations', 'embeddings', 'diagrams', 'vectors', 'artifacts'];
  const before = tables.map(count);
  const told = await store.deletion.preview(first);
  expect(told.vectors.shared).toBeGreaterThan(0);
  expect(told.objects.shared).toBeGreaterThan(0);
  expect(told.texts.shared).toBeGreaterThan(0);
  expect(told.objects.removed).toBeGreaterThan(0);

  await deleteWhole(first);
  const gone = tables.map((table, index) => before[index]! - count(table));
  expect(gone).toEqual([
    told.runs,
    told.invocations,
    told.embeddings,
    told.diagrams,
    told.vectors.removed,
    told.texts.removed + told.objects.removed,
  ]);
  expect(orphans()).toEqual(NONE);
  expect(await store.experiments.find(first)).toBeNull();
  expect(await contentDigest(store.db, second)).toBe(digest);
  expect(await violations(folder)).toEqual([]);

  await deleteWhole(second);
  expect([...tables, 'experiments', 'failures', 'surrogates', 'diagram_dimensions'].map(count)).toEqual(
    Array(10).fill(0),
  );
  expect(orphans()).toEqual(NONE);
});

test('cut off after any step it leaves the others sound, is known as being deleted, and can be gone on with', async () => {
  const first = await finishExperiment(store);
  const second = await finishExperiment(store, other);
  const digest = await contentDigest(store.db, second);
  await store.deletion.begin(first, null, NOW);
  for (let done = false; !done;) {
    ({ done } = await store.deletion.step(first));
    expect(await violations(folder)).toEqual([]);
    expect(orphans()).toMatchObject({ vectors: 0, artifacts: 0, missing: [] });
    expect(await contentDigest(store.db, second)).toBe(digest);
    expect((await store.experiments.find(first))!.deletingAt).toBe(NOW);
  }
  // The objects are still there, on the list of those to remove.
  expect(await store.deletion.objectsLeft()).toBe(orphans().objects.length);
  await deleteWhole(first);
  expect(orphans()).toEqual(NONE);
});

test('nobody drives an experiment that is being deleted, and one that somebody drives is not', async () => {
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
  expect(await violations(folder)).toEqual([]);
});

test('a picture that is stored again while its object is to be removed keeps it', async () => {
  const id = await finishExperiment(store);
  const same = await store.artifacts.load(
    Number(
      store.db.sqlite.prepare("select id from artifacts where modality = 'image' limit 1").pluck().get(),
    ),
  );
  // Staged before the rows go: the object that it relies on is on the list by the time its row is to be written.
  const content = await staged(store, same);
  await store.deletion.begin(id, null, NOW);
  while (!(await store.deletion.step(id)).done);
  const write = () => store.db.write(() => store.artifacts.idOf(content));
  expect(await rejection(write())).toMatch(
    /is being removed with a deleted experiment; the step is tried again/,
  );
  // The next attempt stages it anew, and from then on it is nobody's to remove.
  await staged(store, same);
  await write();
  await store.deletion.removeObjects(Date.now);
  expect(await store.objects.get(content.sha256)).toHaveLength(content.byteLength);
  expect(orphans()).toMatchObject({ objects: [], missing: [] });
});

test('a picture that was staged before its object was removed has to be staged again', async () => {
  const id = await finishExperiment(store);
  const image = picture(8, 6, Uint8Array.of(1, 2, 3));
  const mine = await staged(store, image);
  const [sha256] = store.db.sqlite
    .prepare("select sha256 from artifacts where modality = 'image'")
    .pluck()
    .all() as Buffer[];
  const content = { ...mine, sha256: sha256! };
  await deleteWhole(id);
  const write = () => store.db.write(() => store.artifacts.idOf(content));
  expect(await rejection(write())).toMatch(/is being removed/);
  // One that was never stored is not concerned.
  expect(await store.db.write(() => store.artifacts.idOf(mine))).toBeGreaterThan(0);
});

test('while somebody is about to remove an object, nobody stores it; who died over it is waited for a minute', async () => {
  const image = picture(8, 6, Uint8Array.of(9, 9, 9));
  const { sha256, byteLength } = await staged(store, image);
  const claim = store.db.sqlite.prepare('insert or replace into removed_objects values (?, ?, ?, null)');
  claim.run(sha256, byteLength, Date.now());
  expect(await rejection(staged(store, image))).toMatch(/is being removed/);
  expect(await store.objects.get(sha256)).toHaveLength(byteLength);
  claim.run(sha256, byteLength, Date.now() - 60_001);
  await staged(store, image);
  expect(count('removed_objects')).toBe(0);
});

test('compacting gives the room back', async () => {
  const id = await finishExperiment(store);
  const filler = store.db.sqlite.prepare('insert into hosts (fingerprint) values (?)');
  for (let index = 0; index < 2000; index++) filler.run(`${index}${'x'.repeat(1000)}`);
  store.db.sqlite.exec('delete from hosts where length(fingerprint) > 1000; pragma wal_checkpoint(TRUNCATE)');
  const { bytesBefore, bytesAfter } = compact(store.db);
  expect(bytesBefore - bytesAfter).toBeGreaterThan(1_500_000);
  expect(await violations(folder)).toEqual([]);
  expect(await store.experiments.find(id)).not.toBeNull();
});
