import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkInvariants } from '../../db/doctor/index.js';
import type { ObjectStore } from '../../db/index.js';
import { config, finishExperiment, temporaryStore } from '../support/small-experiment.js';

let place: ReturnType<typeof temporaryStore>;
beforeEach(() => {
  place = temporaryStore();
});
afterEach(() => place.remove());

/**
 * The objects of the store, each a few milliseconds late, and the greatest number of them that were asked for
 * at once.
 */
function late(objects: ObjectStore): ObjectStore & { readonly mostAtOnce: () => number } {
  let underWay = 0;
  let most = 0;
  return {
    ...objects,
    mostAtOnce: () => most,
    async get(sha256) {
      most = Math.max(most, ++underWay);
      try {
        // The store answers later requests earlier.
        await sleep(20 - underWay);
        return await objects.get(sha256);
      } finally {
        underWay--;
      }
    },
  };
}

async function damageTwo(): Promise<void> {
  const { store } = place;
  // Twelve steps of each seed, and of each prompt: more than sixteen pictures.
  await finishExperiment(store, {
    ...config,
    seeds: [-1, -1],
    prompts: ['a red apple', 'the sea', 'a hill'],
  });
  const pictures: Buffer[] = [];
  for await (const { sha256 } of store.objects.list()) pictures.push(sha256);
  expect(pictures.length).toBeGreaterThan(16);
  rmSync(store.objects.location(pictures[1]!));
  writeFileSync(store.objects.location(pictures[12]!), 'something else');
}

test('the doctor asks for sixteen objects at a time, and reports their faults in the order of the rows', async () => {
  await damageTwo();
  const objects = late(place.store.objects);
  const told: string[] = [];
  for await (const { message } of checkInvariants(place.store.db, objects)) told.push(message);
  const expected: string[] = [];
  for (const row of place.store.db.sqlite
    .prepare<[], { sha256: Buffer }>(`select sha256 from artifacts where modality = 'image' order by id`)
    .all()) {
    await place.store.objects
      .get(row.sha256)
      .catch((error: Error) => expected.push(`image: ${error.message}`));
  }
  expect(expected).toHaveLength(2);
  expect(told).toEqual(expected);
  expect(objects.mostAtOnce()).toBe(16);
});

test('a caller that stops at the first violation waits for the requests under way', async () => {
  await damageTwo();
  let underWay = 0;
  const { objects, db } = place.store;
  const counted: ObjectStore = {
    ...objects,
    async get(sha256) {
      underWay++;
      await sleep(5);
      return await objects.get(sha256).finally(() => underWay--);
    },
  };
  for await (const { message } of checkInvariants(db, counted)) {
    expect(message).toContain('object');
    break;
  }
  expect(underWay).toBe(0);
});
