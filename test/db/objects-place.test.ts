import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { copyObjects, missingPictures, openStore } from '../../db/index.js';
import type { ObjectsPlace, Store } from '../../db/index.js';
import { createObjectFolder } from '../../db/objects/folder.js';
import { dist, nextLine, runModule } from '../support/child-processes.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { config, finishExperiment, rejection } from '../support/small-experiment.js';

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

test('the first process that writes records the place of the objects, and others find them there', async () => {
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

test('several first processes record one place', async () => {
  const stores = [open(), open(), open()];
  await Promise.all(stores.map(({ objectsPlace }) => objectsPlace.settle()));
  const { placeId } = (await stores[0]!.objectsPlace.recorded())!;
  expect(await stores[0]!.objects.id()).toBe(placeId);
});

test('processes of a new data folder that are the first together at a shared place are all of its database', async () => {
  const shared = join(root, 'shared');
  mkdirSync(shared);
  await open().close();
  opened.pop();
  const gate = join(root, 'gate');
  const module = `
    import { existsSync } from 'node:fs';
    import { setTimeout as sleep } from 'node:timers/promises';
    import { openStore } from ${dist('db/index.js')};
    const [data, shared, gate] = process.argv.slice(1);
    const store = openStore(data, { kind: 'folder', path: shared });
    console.log('ready');
    while (!existsSync(gate)) await sleep(1);
    console.log(await store.objectsPlace.settle().then(() => 'settled', String));
    await store.close();`;
  const processes = Array.from({ length: 6 }, () => runModule(module, [data, shared, gate]));
  for (const one of processes) expect(await nextLine(one)).toBe('ready');
  const told = Promise.all(processes.map(nextLine));
  writeFileSync(gate, '');
  expect(await told).toEqual(processes.map(() => 'settled'));
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
  // A place of another database is not this one's either.
  await open(join(root, 'other'), join(root, 'of-another')).objectsPlace.settle();
  expect(await rejection(open(data, join(root, 'of-another')).objectsPlace.settle())).toContain(shared);
  expect(await own.objects.id()).toBeNull();
});

test('of two processes that are the first in different places one is refused', async () => {
  const [here, there] = [open(data, join(root, 'here')), open(data, join(root, 'there'))];
  const ended = await Promise.allSettled([here.objectsPlace.settle(), there.objectsPlace.settle()]);
  expect(ended.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
});

test('a folder that a user moves, renames or copies continues to work, alone or with its data folder', async () => {
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

test('copied objects are used after a user says so, and the missing ones are counted', async () => {
  const store = open();
  await store.objectsPlace.settle();
  await finishExperiment(store);
  const there = open(data, join(root, 'there'));
  const { pictures, missing } = await missingPictures(there.db, there.objects);
  expect(missing).toBe(pictures);
  expect(pictures).toBeGreaterThan(5);
  await copyObjects(store.objects.list(), store.objects, there.objects, {
    verify: false,
    signal: new AbortController().signal,
    onProgress: () => undefined,
    onDamaged: ({ message }) => {
      throw new Error(message);
    },
  });
  expect(await missingPictures(there.db, there.objects)).toMatchObject({ pictures, missing: 0 });
  let first: Buffer | undefined;
  for await (const { sha256 } of there.objects.list()) first ??= sha256;
  await there.objects.remove(first!);
  expect(await missingPictures(there.db, there.objects)).toMatchObject({ pictures, missing: 1 });
  expect(await rejection(there.objectsPlace.settle())).toContain('objects use');
  await there.objectsPlace.use({ takeOver: false });
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

/** Removes the marks of a place that older versions did not write. */
function forgetOwner(objects: string): void {
  rmSync(join(objects, 'panic-tda-objects.owner.json'));
}

describe('a place belongs to one database', () => {
  let shared: string;
  beforeEach(async () => {
    shared = join(root, 'shared');
    const store = open(data, shared);
    await store.objectsPlace.settle();
    await finishExperiment(store);
    await opened.pop()!.close();
  });

  const OTHER =
    /belong to another database, .*panic-tda\.sqlite on .*is a copy of it, or was restored or moved.*objects use --take-over/;

  test('which may be renamed; a copy of its data folder, or of its file, is refused, and reads', async () => {
    const renamed = join(root, 'renamed');
    renameSync(data, renamed);
    await open(renamed, shared).objectsPlace.settle();
    cpSync(renamed, join(root, 'copy'), { recursive: true });
    mkdirSync(join(root, 'restored'));
    cpSync(join(renamed, 'panic-tda.sqlite'), join(root, 'restored', 'panic-tda.sqlite'));
    for (const folder of ['copy', 'restored']) {
      const { objectsPlace, objects } = open(join(root, folder), shared);
      await objectsPlace.check();
      expect(await objectsPlace.belonging()).toMatchObject({ to: 'another database' });
      for (const refused of ['settle', 'refuseOther', 'requireOwn'] as const) {
        expect([refused, await rejection(objectsPlace[refused]())]).toEqual([
          refused,
          expect.stringMatching(OTHER),
        ]);
      }
      expect(await rejection(objectsPlace.use({ takeOver: false }))).toMatch(OTHER);
      expect(JSON.parse((await objects.owner())!)).toMatchObject({ format: 1 });
    }
    await open(renamed, shared).objectsPlace.requireOwn();
  });

  test('of which another is refused that has the same pictures in a folder of its own', async () => {
    // The process has its own objects at first, and then those of the other database, which name their owner.
    const own = open(join(root, 'own'));
    await own.objectsPlace.settle();
    await finishExperiment(own);
    await opened.pop()!.close();
    mkdirSync(join(root, 'restored'));
    cpSync(join(root, 'own', 'panic-tda.sqlite'), join(root, 'restored', 'panic-tda.sqlite'));
    const restored = open(join(root, 'restored'), join(root, 'own', 'objects'));
    expect(await rejection(restored.objectsPlace.settle())).toMatch(OTHER);
    await open(join(root, 'own')).objectsPlace.requireOwn();
  });

  test('until a restored database takes it over, and then the original is refused', async () => {
    cpSync(data, join(root, 'copy'), { recursive: true });
    const copy = open(join(root, 'copy'), shared);
    await copy.objectsPlace.use({ takeOver: true });
    await copy.objectsPlace.requireOwn();
    await copy.objectsPlace.settle();
    const original = open(data, shared);
    expect(await rejection(original.objectsPlace.settle())).toMatch(OTHER);
    expect(await rejection(original.objectsPlace.requireOwn())).toMatch(OTHER);
  });

  test('also one of an older version, after a writer has recorded it: before, nothing is deleted there', async () => {
    forgetOwner(shared);
    cpSync(data, join(root, 'copy'), { recursive: true });
    const [original, copy] = [open(data, shared), open(join(root, 'copy'), shared)];
    for (const { objectsPlace } of [original, copy]) {
      expect(await rejection(objectsPlace.requireOwn())).toMatch(
        /nothing says to which .*none is deleted there.*objects use/,
      );
    }
    // Of two processes that are the first together one gets the place, and the other is refused.
    const ended = await Promise.allSettled([original.objectsPlace.settle(), copy.objectsPlace.settle()]);
    expect(ended.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const told = ended.find(({ status }) => status === 'fulfilled');
    expect(told).toMatchObject({ value: expect.stringContaining('from now on; until now nothing said') });
  });

  test('and a mark with unknown content is an error that names the file', async () => {
    const file = join(shared, 'panic-tda-objects.owner.json');
    const mark = readFileSync(file, 'utf8');
    for (const text of ['', '[]', '{ "format": 2 }', mark.replace('{', '{ "colour": 1,')]) {
      writeFileSync(file, text);
      expect(await rejection(open(data, shared).objectsPlace.settle())).toContain(`${file} holds what`);
    }
    writeFileSync(file, mark);
    writeFileSync(join(data, 'panic-tda.instance.json'), '{}');
    const told = await rejection(open(data, shared).objectsPlace.settle());
    expect(told).toMatch(/panic-tda\.instance\.json holds what/);
  });
});
