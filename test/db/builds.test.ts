import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { contentDigest } from '../../db/index.js';
import type { Store } from '../../db/index.js';
import { mergeStores } from '../../db/merge/index.js';
import { emptyPlace } from './places.js';
import type { Place } from './place.js';
import { finishExperiment, NOW, temporaryStore } from '../support/small-experiment.js';

let place: Place;
let store: Store;
beforeEach(async () => {
  place = await emptyPlace();
  ({ store } = place);
});
afterEach(() => place.remove());

const JULY = { deployment: 'panic-tda', buildId: '2026-07-01' };
const code = (byte: number, version: string) => ({ bundleSha256: Buffer.alloc(32, byte), version });

test('a build id stands for the code that its first worker recorded; later workers get that code', async () => {
  const first = { ...JULY, ...code(1, '0.2.0'), recordedAt: NOW };
  expect(await store.builds.recordOnce(JULY, code(1, '0.2.0'), NOW)).toEqual(first);
  expect(await store.builds.recordOnce(JULY, code(1, '0.2.1'), NOW + 1)).toEqual(first);
  expect(await store.builds.recordOnce(JULY, code(2, '0.3.0'), NOW + 2)).toEqual(first);
  const other = { deployment: 'another', buildId: JULY.buildId };
  expect(await store.builds.recordOnce(other, code(2, '0.3.0'), NOW + 3)).toMatchObject(code(2, '0.3.0'));
  expect(await store.builds.list()).toEqual([first, { ...other, ...code(2, '0.3.0'), recordedAt: NOW + 3 }]);
});

test('workers that state a new build id together all get the code of one of them', async () => {
  const bytes = [1, 2, 3, 4];
  const told = await Promise.all(
    bytes.map((byte) => store.builds.recordOnce(JULY, code(byte, '0.2.0'), NOW)),
  );
  const recorded = await store.builds.list();
  expect(recorded).toHaveLength(1);
  expect(told).toEqual(bytes.map(() => recorded[0]));
});

test('builds are no content of an experiment: they are not merged, and stay when it is deleted', async () => {
  const from = temporaryStore();
  try {
    const id = await finishExperiment(from.store);
    await from.store.builds.recordOnce(JULY, code(1, '0.2.0'), NOW);
    const merging = mergeStores({
      source: from.store,
      target: store,
      dryRun: false,
      busy: async () => null,
      now: () => NOW,
    });
    for await (const { outcome } of merging) expect(outcome).toBe('new');
    expect(await store.builds.list()).toEqual([]);
    expect(await contentDigest(store.db, id)).toBe(await contentDigest(from.store.db, id));

    const kept = await store.builds.recordOnce(JULY, code(2, '0.2.0'), NOW);
    await store.deletion.begin(id, null, NOW);
    while (!(await store.deletion.step(id)).done);
    await store.deletion.end(id);
    expect(await store.builds.list()).toEqual([kept]);
  } finally {
    await from.remove();
  }
});
