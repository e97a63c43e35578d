import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { contentDigest } from '../../db/index.js';
import type { RouteRecord, Store } from '../../db/index.js';
import { experimentId } from '../../experiment/ids.js';
import { emptyPlace } from './places.js';
import type { Place } from './place.js';
import { config, NOW } from '../support/small-experiment.js';

let place: Place;
let store: Store;
beforeEach(async () => {
  place = await emptyPlace();
  ({ store } = place);
});
afterEach(() => place.remove());

const FIRST: RouteRecord = { by: 'first', at: 1 };
const NEXT: RouteRecord = { by: 'next', at: 2 };

function routes(...pairs: readonly (readonly [string, string])[]): ReadonlyMap<string, string> {
  return new Map(pairs);
}

test('routes that one worker recorded stand against those of another, and are no content', async () => {
  const id = experimentId(config);
  await store.experiments.plan(id, config, NOW);
  const digest = await contentDigest(store.db, id);
  expect(await store.routes.recorded()).toBeNull();
  const recorded = {
    byModel: new Map([['Flux', { route: 'large', ...FIRST }]]),
    last: expect.objectContaining(FIRST),
  };
  expect(await store.routes.recordFirst(routes(['Flux', 'large']), FIRST)).toEqual(recorded);
  expect(await store.routes.recordFirst(routes(['Flux', 'other'], ['SD', 'other']), NEXT)).toEqual(recorded);
  expect(await store.routes.recorded()).toEqual(recorded);
  expect(await contentDigest(store.db, id)).toBe(digest);
});

test('of workers that begin at the same time the routes of one are recorded, and all of them are', async () => {
  const all = ['a', 'b', 'c', 'd'].map((name) =>
    store.routes.recordFirst(routes([`${name}1`, name], [`${name}2`, name]), { by: name, at: 1 }),
  );
  const [first, ...others] = await Promise.all(all);
  for (const other of others) expect(other).toEqual(first);
  const { by } = first!.last;
  expect([...first!.byModel]).toEqual([
    [`${by}1`, { route: by, by, at: 1 }],
    [`${by}2`, { route: by, by, at: 1 }],
  ]);
});

test('routes that replace others leave none of them, and an unchanged route keeps its record', async () => {
  await store.routes.recordFirst(routes(['Flux', 'large'], ['SD', 'large'], ['Blip', 'words']), FIRST);
  const { byModel } = await store.routes.replace(routes(['Flux', 'large'], ['Blip', 'captions']), NEXT);
  expect([...byModel]).toEqual([
    ['Blip', { route: 'captions', ...NEXT }],
    ['Flux', { route: 'large', ...FIRST }],
  ]);
  // The same routes once more are no change.
  const again = await store.routes.replace(routes(['Flux', 'large'], ['Blip', 'captions']), {
    by: 'last',
    at: 3,
  });
  expect(again.last).toMatchObject(NEXT);
});

test('routes that a user took back differ from routes that never existed: an old file does not bring them back', async () => {
  await store.routes.recordFirst(routes(['Flux', 'large']), FIRST);
  const none = { byModel: new Map(), last: expect.objectContaining(NEXT) };
  expect(await store.routes.replace(routes(), NEXT)).toEqual(none);
  expect(await store.routes.recordFirst(routes(['Flux', 'large']), FIRST)).toEqual(none);
});
