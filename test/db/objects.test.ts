import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import type { Artifact } from '../../experiment/artifact.js';
import { picture, staged, temporaryStore } from '../support/small-experiment.js';

let place: ReturnType<typeof temporaryStore>;
beforeEach(() => {
  place = temporaryStore();
});
afterEach(() => place.remove());

/** Stores an artifact and returns its id. */
async function put(artifact: Artifact): Promise<number> {
  const content = await staged(place.store, artifact);
  return place.store.db.write(() => place.store.artifacts.idOf(content));
}

const red = picture(8, 6, Uint8Array.of(255, 0, 0));
const blue = picture(8, 6, Uint8Array.of(0, 0, 255));

/** Stores the red picture's object and returns its path. */
async function path(): Promise<string> {
  return place.store.objects.location((await staged(place.store, red)).sha256);
}

describe('contents', () => {
  test('are stored once, in whatever order they come', async () => {
    const ids = [];
    for (const artifact of [red, blue, red]) ids.push(await put(artifact));
    expect(ids[2]).toBe(ids[0]);
    expect(ids[1]).not.toBe(ids[0]);
    const text = await put({ modality: 'text', text: 'a red apple' });
    expect(await put({ modality: 'text', text: 'a red apple' })).toBe(text);
    expect(await put({ modality: 'text', text: 'a red apple ' })).not.toBe(text);
  });

  test.each<[string, Artifact]>([
    ['a picture', picture(5, 3, Uint8Array.of(1, 2, 3))],
    ['one pixel', picture(1, 1, Uint8Array.of(254, 0, 255))],
    ['a text', { modality: 'text', text: 'a red apple' }],
    ['a text with every kind of character', { modality: 'text', text: 'Äpfel\n🍎 \u0001 tail' }],
  ])('%s comes back as it was', async (_, artifact) => {
    expect(await place.store.artifacts.load(await put(artifact))).toEqual(artifact);
  });

  test('a picture of noise keeps every pixel', async () => {
    const pixels = Uint8Array.from({ length: 64 * 64 * 3 }, (_, index) => (index * 2_654_435_761) >>> 24);
    const noise: Artifact = { modality: 'image', width: 64, height: 64, pixels };
    expect(await place.store.artifacts.load(await put(noise))).toEqual(noise);
  });

  test('the name of an object is the SHA-256 of its bytes', async () => {
    const { sha256, byteLength } = await staged(place.store, red);
    const bytes = readFileSync(place.store.objects.location(sha256));
    expect(createHash('sha256').update(bytes).digest()).toEqual(sha256);
    expect(bytes.byteLength).toBe(byteLength);
  });

  test('an unknown id is a conflict', async () => {
    await expect(place.store.artifacts.load(99)).rejects.toMatchObject({ kind: 'StoreConflict' });
  });
});

describe('an object', () => {
  test('is stored in full before a row can point at it', async () => {
    const { sha256, byteLength } = await staged(place.store, red);
    expect(statSync(place.store.objects.location(sha256)).size).toBe(byteLength);
    expect(place.store.db.sqlite.prepare('select count(*) from artifacts').pluck().get()).toBe(0);
  });

  test('leaves no temporary file behind, also when written twice at once', async () => {
    await Promise.all([path(), path(), path()]);
    expect(readdirSync(dirname(await path()))).toHaveLength(1);
  });

  test('that is missing is named', async () => {
    const id = await put(red);
    const file = await path();
    rmSync(file);
    await expect(place.store.artifacts.load(id)).rejects.toMatchObject({
      kind: 'StoreConflict',
      message: expect.stringContaining(file),
    });
  });

  test('whose bytes changed is named', async () => {
    const id = await put(red);
    const file = await path();
    const bytes = readFileSync(file);
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(file, bytes);
    await expect(place.store.artifacts.load(id)).rejects.toMatchObject({
      kind: 'StoreConflict',
      message: expect.stringMatching(new RegExp(`${file} is damaged`)),
    });
  });

  test('that was cut short is written again', async () => {
    const id = await put(red);
    truncateSync(await path(), 3);
    await put(red);
    expect(await place.store.artifacts.load(id)).toEqual(red);
  });
});
