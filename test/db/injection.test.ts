import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mergeStores } from '../../db/merge/index.js';
import { violationsIn } from '../support/store-checks.js';
import { emptyPlace } from './places.js';
import type { Place } from './place.js';
import { config, finishExperiment, NOW, temporaryStore } from '../support/small-experiment.js';

/**
 * Characters that end a literal, a name, a comment or a statement in one dialect or the other, and marks for
 * values.
 */
const HOSTILE = [
  `'; drop table runs; --`,
  `\\'; drop table runs; --`,
  `"; drop table runs; --`,
  `$1 $$; drop table runs; $$`,
  `? ?1 :name @name`,
  `*/ drop table runs /*`,
  `' union select config from experiments --`,
  `%'; delete from runs where '1' like '%`,
];
const hostile = { ...config, name: HOSTILE.join(' '), prompts: HOSTILE, seeds: [7] };

let place: Place;
beforeEach(async () => {
  place = await emptyPlace();
});
afterEach(async () => place.remove());

test('texts that are SQL are stored, read, checked and merged as texts', async () => {
  const { store } = place;
  const id = await finishExperiment(store, hostile);
  expect((await store.experiments.get(id)).name).toBe(hostile.name);
  const prompts = await place.column(
    `select distinct text from artifacts join runs on prompt_id = artifacts.id`,
  );
  expect(new Set(prompts)).toEqual(new Set(HOSTILE));
  expect(await violationsIn(store)).toEqual([]);
  const source = temporaryStore();
  try {
    await finishExperiment(source.store, hostile);
    await finishExperiment(source.store, config);
    const options = { dryRun: false, busy: async () => null, now: () => NOW };
    const outcomes: string[] = [];
    for await (const merged of mergeStores({ source: source.store, target: store, ...options })) {
      outcomes.push(merged.outcome);
    }
    expect(outcomes.toSorted()).toEqual(['equal', 'new']);
  } finally {
    await source.remove();
  }
  expect(await violationsIn(store)).toEqual([]);
});

test('the message of a failure that is SQL is logged as it is', async () => {
  const { store } = place;
  const id = await finishExperiment(store, { ...hostile, max_length: 2 });
  const before = await place.rows();
  const run = await store.runs.get(id, 0);
  for (const message of HOSTILE) {
    await store.runs.logFailure(run, { stage: 'invocation', sequence: 0, kind: message, message }, NOW);
  }
  expect(await place.column('select message from failures order by id')).toEqual(HOSTILE);
  await place.sql('delete from failures');
  expect(await place.rows()).toEqual(before);
});

test.each(HOSTILE)('the id %j is that of no experiment', async (id) => {
  const { store } = place;
  await finishExperiment(store, { ...config, max_length: 2 });
  const before = await place.rows();
  expect(await store.experiments.find(id)).toBeNull();
  expect(await store.experiments.resetFailedRuns(id)).toBe(0);
  expect(await store.experiments.setPaused(id, true, NOW)).toBe(false);
  expect(await store.summaries.recentRate(id, NOW)).toBe(0);
  expect(await place.rows()).toEqual(before);
});
