import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { cpSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { copyObjects, missingPictures, openStore } from '../../db/index.js';
import type { ObjectsPlace, Store } from '../../db/index.js';
import { createObjectFolder } from '../../db/objects/folder.js';
import { temporaryFolder } from '../workers/temporary-folder.js';
import { config, finishExperiment, rejection } from './small-experiment.js';

let root: string;
let data: string;
const opened: Store[] = [];
beforeEach(() => {
  root = temporaryFolder();
  data = join(root, 'data');
});
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
});

function open(folder = data, objects: string | null = null): Store {
  const place: ObjectsPlace | null = objects === null ? null : { kind: 'folder', path: objects };
  const store = openStore(folder, place);
  opened.push(store);
  return store;
}

test('the first one to write records where the objects are, and others there find them', async () => {
  const first = open();
  await first.objectsPlace.check();
  expect(await first.objectsPlace.recorded()).toBeNull();
  await first.objectsPlace.settle();
  const recorded = await first.objectsPlace.recorded();
  expect(recorded).toEqual({
    placeId: await first.objects.id(),
    place: 'the folder "objects" of its data folder',
  });
  const other = open();
  await other.objectsPlace.settle();
  await other.objectsPlace.check();
  expect(await other.objectsPlace.recorded()).toEqual(recorded);
});

test('processes that are the first together record one place', async () => {
  const stores = [open(), open(), open()];
  await Promise.all(stores.map(({ objectsPlace }) => objectsPlace.settle()));
  const { placeId } = (await stores[0]!.objectsPlace.recorded())!;
  expect(await stores[0]!.objects.id()).toBe(placeId);
});

test('a process whose objects are elsewhere is refused, with both places and what to do', async () => {
  const shared = join(root, 'shared');
  await open(data, shared).objectsPlace.settle();
  const own = open();
  for (const asked of [own.objectsPlace.check(), own.objectsPlace.settle()]) {
    const told = await rejection(asked);
    expect(told).toContain(`${shared} on `);
    expect(told).toContain(
      'would keep them in the folder "objects" of its data folder, since PANIC_TDA_OBJECTS is not set',
    );
    expect(told).toContain('"panic-tda objects use"');
  }
  // Another database's place is none of this one either.
  await open(join(root, 'other'), join(root, 'of-another')).objectsPlace.settle();
  expect(await rejection(open(data, join(root, 'of-another')).objectsPlace.settle())).toContain(shared);
  expect(await own.objects.id()).toBeNull();
});

test('of two processes that are the first in different places one is refused', async () => {
  const [here, there] = [open(data, join(root, 'here')), open(data, join(root, 'there'))];
  const ended = await Promise.allSettled([here.objectsPlace.settle(), there.objectsPlace.settle()]);
  expect(ended.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
});

test('a folder that is moved, renamed or copied goes on working, alone or with its data folder', async () => {
  const store = open();
  await store.objectsPlace.settle();
  await finishExperiment(store);
  await opened.pop()!.close();
  const renamed = join(root, 'renamed');
  renameSync(data, renamed);
  await open(renamed).objectsPlace.settle();
  cpSync(renamed, join(root, 'copy'), { recursive: true });
  await open(join(root, 'copy')).objectsPlace.settle();

  const apart = join(root, 'apart');
  renameSync(join(renamed, 'objects'), apart);
  const moved = open(renamed, apart);
  await moved.objectsPlace.check();
  await moved.objectsPlace.settle();
  expect((await moved.objectsPlace.recorded())!.place).toContain(apart);
});

test('objects that were copied are used once somebody says so, and what is missing there is counted', async () => {
  const store = open();
  await store.objectsPlace.settle();
  await finishExperiment(store);
  const there = open(data, join(root, 'there'));
  const { pictures, missing } = await missingPictures(there.db, there.objects);
  expect(missing).toBe(pictures);
  expect(pictures).toBeGreaterThan(5);
  await copyObjects(store.objects, there.objects, {
    verify: false,
    signal: new AbortController().signal,
    onProgress: () => undefined,
    onDamaged: (message) => {
      throw new Error(message);
    },
  });
  expect(await missingPictures(there.db, there.objects)).toEqual({ pictures, missing: 0 });
  let first: Buffer | undefined;
  for await (const { sha256 } of there.objects.list()) first ??= sha256;
  await there.objects.remove(first!);
  expect(await missingPictures(there.db, there.objects)).toEqual({ pictures, missing: 1 });
  expect(await rejection(there.objectsPlace.settle())).toContain('objects use');
  await there.objectsPlace.use();
  await there.objectsPlace.settle();
  expect(await rejection(store.objectsPlace.settle())).toContain(join(root, 'there'));
});

test('a database that has pictures and no record takes no place that has none of the newest', async () => {
  const store = open();
  await finishExperiment(store, config);
  const empty = join(root, 'empty');
  mkdirSync(empty);
  expect(await rejection(open(data, empty).objectsPlace.settle())).toMatch(/newest pictures .* are not in/);
  await store.objectsPlace.settle();
  expect((await store.objectsPlace.recorded())!.place).toContain('"objects"');
});

test('a mark that was deleted where the objects were last is made again', async () => {
  const store = open();
  await store.objectsPlace.settle();
  const id = await store.objects.id();
  rmSync(join(data, 'objects', 'panic-tda-objects.id'));
  await store.objectsPlace.settle();
  expect(await createObjectFolder(join(data, 'objects')).id()).toBe(id);
});
