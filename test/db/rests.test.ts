import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { contentDigest } from '../../db/index.js';
import type { Driver, RunRow, Store } from '../../db/index.js';
import { commonRests, restedMs, storedRests } from '../../db/tables/rests.js';
import { experimentId } from '../../experiment/ids.js';
import { emptyPlace } from './places.js';
import type { Place } from './place.js';
import { config, finishRun, NOW, step } from '../support/small-experiment.js';

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DRIVER: Driver = { workflowId: 'w', runId: 'first' };
const NEXT: Driver = { workflowId: 'w', runId: 'next' };
const id = experimentId(config);

let place: Place;
let store: Store;

beforeEach(async () => {
  place = await emptyPlace();
  ({ store } = place);
  await store.experiments.plan(id, config, NOW);
  await store.experiments.claim(id, DRIVER, null, NOW);
});
afterEach(() => place.remove());

function run(index: number): Promise<RunRow> {
  return store.runs.get(id, index);
}

/** Makes a step of a run, of a call that took two seconds. */
async function stepAt(index: number, at: number): Promise<void> {
  await store.runs.markRunning(await run(index), at);
  await step(store, await run(index), 'stop');
  await place.unguarded(
    'update invocations set created_at = ?, compute_ms = 2000 where id = (select max(id) from invocations)',
    at,
  );
}

async function hold(index: number, value: 'paused' | 'cancelled' | null, at: number): Promise<void> {
  await store.runs.setHold(await run(index), value, at);
}

async function rests() {
  return (await store.experiments.get(id)).rests;
}

async function rested(): Promise<number> {
  return (await store.summaries.summary(id)).restedMs;
}

describe('rests', () => {
  test('are kept in order and without overlap, and a text that is no list of them gives none', () => {
    const stored = JSON.stringify([
      [30, 40],
      [10, 20],
      [15, 25],
      [25, 26],
      [50, 50],
    ]);
    expect(storedRests(stored)).toEqual([
      [10, 26],
      [30, 40],
    ]);
    for (const none of [null, '', '{}', '[[1]]', '[["1", 2]]', '[[1, null]]']) {
      expect(storedRests(none)).toEqual([]);
    }
  });

  test('count for the part that lies in a span', () => {
    const two = [
      [10, 20],
      [30, 40],
    ] as const;
    expect(restedMs(two, 0, 100)).toBe(20);
    expect(restedMs(two, 15, 32)).toBe(7);
    expect(restedMs(two, 20, 30)).toBe(0);
  });

  test('of two stores are the times when neither was at work', () => {
    const one = { from: 0, to: 100, rests: [[20, 60]] } as const;
    expect(commonRests(one, { from: 30, to: 50, rests: [] })).toEqual([
      [20, 30],
      [50, 60],
    ]);
    const later = { from: 150, to: 200, rests: [[160, 170]] } as const;
    const both = [
      [20, 60],
      [100, 150],
      [160, 170],
    ];
    expect(commonRests(one, later)).toEqual(both);
    expect(commonRests(later, one)).toEqual(both);
    expect(commonRests(null, later)).toEqual(later.rests);
    expect(commonRests(null, null)).toEqual([]);
  });
});

describe('a pause', () => {
  test('is no time of work, however often it is recorded', async () => {
    await stepAt(0, NOW + SECOND);
    expect(await store.experiments.setPaused(id, true, NOW + 2 * SECOND)).toBe(true);
    expect(await store.experiments.setPaused(id, true, NOW + 3 * SECOND)).toBe(false);
    expect(await store.experiments.setPaused(id, false, NOW + HOUR)).toBe(true);
    expect(await store.experiments.setPaused(id, false, NOW + 2 * HOUR)).toBe(false);
    expect(await rests()).toEqual([[NOW + 2 * SECOND, NOW + HOUR]]);
    // The time after the last step is not between steps.
    expect(await rested()).toBe(0);
    await stepAt(0, NOW + HOUR + SECOND);
    expect(await rested()).toBe(HOUR - 2 * SECOND);
  });

  test('that a cancellation ends lasts until then, and the time until the next drive is no time of work either', async () => {
    await stepAt(0, NOW + SECOND);
    await store.experiments.setPaused(id, true, NOW + 2 * SECOND);
    await store.runs.stop(await run(0), { status: 'cancelled' }, NOW + HOUR);
    await store.experiments.release(id, DRIVER, 'cancelled', null, NOW + HOUR);
    expect(await rests()).toEqual([[NOW + 2 * SECOND, NOW + HOUR]]);
    await store.experiments.claim(id, NEXT, null, NOW + 2 * HOUR);
    expect(await rests()).toEqual([[NOW + 2 * SECOND, NOW + 2 * HOUR]]);
  });

  test('is no part of the rate, which begins anew after it', async () => {
    for (let k = 1; k <= 5; k++) await stepAt(2, NOW + 2 * k * SECOND);
    const rate = (at: number) => store.summaries.recentRate(id, at);
    expect(await rate(NOW + 10 * SECOND)).toBeCloseTo(0.5);
    await store.experiments.setPaused(id, true, NOW + 10 * SECOND);
    expect(await rate(NOW + 20 * SECOND)).toBe(0);
    await store.experiments.setPaused(id, false, NOW + 40 * SECOND);
    // The rate is not known yet. Later it is that of the steps after the pause, and the time before their
    // calls does not count.
    expect(await rate(NOW + 44 * SECOND)).toBe(0);
    await stepAt(2, NOW + 45 * SECOND);
    expect(await rate(NOW + 45 * SECOND)).toBeCloseTo(0.5);
    await stepAt(2, NOW + 47 * SECOND);
    expect(await rate(NOW + 47 * SECOND)).toBeCloseTo(0.5);
  });
});

describe('a time without a driver', () => {
  test('lasts from the last stored row to the next claim', async () => {
    expect(await rests()).toEqual([]);
    await stepAt(0, NOW + SECOND);
    await stepAt(1, NOW + 3 * SECOND);
    // The driver claims again, because it did not get the answer to its first claim.
    await store.experiments.claim(id, DRIVER, DRIVER, NOW + 4 * SECOND);
    expect(await rests()).toEqual([]);
    await store.experiments.claim(id, NEXT, DRIVER, NOW + HOUR);
    expect(await rests()).toEqual([[NOW + 3 * SECOND, NOW + HOUR]]);
    await stepAt(1, NOW + HOUR + SECOND);
    await store.experiments.forgetDriver(id, NEXT);
    await store.experiments.claim(id, DRIVER, null, NOW + 2 * HOUR);
    expect((await rests()).at(-1)).toEqual([NOW + HOUR + SECOND, NOW + 2 * HOUR]);
  });

  test('ends when the same driver continues, and is not counted twice with a pause', async () => {
    await store.experiments.takeUp(id, NOW + SECOND);
    expect(await rests()).toEqual([]);
    await stepAt(0, NOW + 2 * SECOND);
    await store.experiments.setPaused(id, true, NOW + 3 * SECOND);
    await store.experiments.takeUp(id, NOW + HOUR);
    await store.experiments.setPaused(id, false, NOW + 2 * HOUR);
    expect(await rests()).toEqual([[NOW + 2 * SECOND, NOW + 2 * HOUR]]);
  });

  test('begins with the end of the last run if that was later than its steps', async () => {
    await finishRun(store, await run(0), config);
    await place.sql(`update runs set finished_at = ${NOW + 5 * SECOND} where run_index = 0`);
    await store.experiments.claim(id, NEXT, DRIVER, NOW + HOUR);
    expect(await rests()).toEqual([[NOW + 5 * SECOND, NOW + HOUR]]);
  });

  test('does not change what the experiment is', async () => {
    await stepAt(0, NOW + SECOND);
    const digest = await contentDigest(store.db, id);
    await store.experiments.claim(id, NEXT, DRIVER, NOW + HOUR);
    expect(await rests()).toHaveLength(1);
    expect(await contentDigest(store.db, id)).toBe(digest);
  });
});

describe('runs that are held one by one', () => {
  test('do not count as work that is left to do', async () => {
    await stepAt(0, NOW);
    await hold(0, 'paused', NOW);
    await hold(1, 'cancelled', NOW);
    expect(await store.summaries.progress(id)).toMatchObject({
      invocations: 1,
      invocationsExpected: 48,
      invocationsHeld: 23,
    });
    await finishRun(store, await run(2), config);
    await store.runs.stop(await run(0), { status: 'failed', kind: 'Error', message: 'no' }, NOW);
    expect(await store.summaries.progress(id)).toMatchObject({
      invocations: 13,
      invocationsExpected: 37,
      invocationsHeld: 12,
    });
  });

  test('keep their steps in the counts when a user releases them', async () => {
    await stepAt(0, NOW);
    await hold(0, 'cancelled', NOW);
    await store.runs.stop(await run(0), { status: 'cancelled' }, NOW);
    await hold(0, null, NOW);
    expect(await run(0)).toMatchObject({ status: 'pending', attempt: 1 });
    expect(await store.summaries.progress(id)).toMatchObject({ invocations: 1, invocationsHeld: 0 });
  });

  test('are a rest of the experiment if nothing else of it was at work', async () => {
    await stepAt(0, NOW + SECOND);
    await hold(0, 'paused', NOW + SECOND);
    await hold(0, null, NOW + 2 * SECOND);
    await hold(0, 'paused', NOW + 3 * SECOND);
    expect(await rests()).toEqual([]);
    for (const index of [1, 2, 3]) await finishRun(store, await run(index), config);
    await place.sql(`update runs set finished_at = ${NOW + 9 * SECOND} where run_index = 3`);
    await hold(0, null, NOW + HOUR);
    expect(await rests()).toEqual([[NOW + 9 * SECOND, NOW + HOUR]]);
  });
});
