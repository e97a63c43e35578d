import { expect, test } from '@jest/globals';
import { MAX_RUNS } from '../../experiment/config.js';
import { SHARD_SIZE, shardSize } from '../../workflows/names.js';

/** A fifth of what a history may have; above it the server warns. */
const WARNED_EVENTS = 10_240;
/** The most that a child costs its parent, of those recorded in test/histories. */
const EVENTS_PER_CHILD = 6;

test.each([251, 5000, 100_000, 374_999, 375_001, MAX_RUNS])(
  'neither an experiment of %d runs nor one of its shards comes near the limits of a history',
  (runs) => {
    const size = shardSize(runs);
    expect(size * EVENTS_PER_CHILD).toBeLessThan(WARNED_EVENTS);
    expect(Math.ceil(runs / size) * EVENTS_PER_CHILD).toBeLessThan(WARNED_EVENTS);
  },
);

test('shards have 250 runs unless there are too many of them', () => {
  expect([251, 5000, 375_000].map(shardSize)).toEqual([SHARD_SIZE, SHARD_SIZE, SHARD_SIZE]);
});
