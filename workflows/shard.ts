import { isCancellation, setCurrentDetails, setHandler } from '@temporalio/workflow';
import { setAttributes } from './attributes.js';
import { bookkeeping } from './activities.js';
import { judge, requireKnown } from './fit.js';
import { driveRuns } from './fan-out.js';
import { FREE, Hold } from './hold.js';
import type { FanOutCounts } from './fan-out.js';
import type { SharedByRuns } from './run.js';
import { SEARCH_ATTRIBUTES } from './names.js';
import type { Indexing } from './names.js';
import { shardProgress } from './queries.js';

export interface ShardInput extends SharedByRuns {
  /** The shard drives the runs with an index in [from, to): `shardSize` of them, or fewer in the last shard. */
  readonly from: number;
  readonly to: number;
  readonly window: number;
}

const KNOWN_INPUT: Readonly<Record<keyof ShardInput, true>> = {
  experiment: true,
  embeddingModels: true,
  routed: true,
  unindexed: true,
  from: true,
  to: true,
  window: true,
};

/**
 * Drives a range of a large experiment's runs in a sliding window. Never continues as new: 250 runs make about
 * 1,100 events, and larger shards (see `shardSize`) make more in proportion.
 */
export async function shard(input: ShardInput): Promise<FanOutCounts> {
  requireKnown(input, KNOWN_INPUT);
  const counts: FanOutCounts = { running: 0, finished: 0, failed: 0 };
  setHandler(shardProgress, () => counts);
  const { experiment, from, to, window } = input;
  const hold = new Hold(
    FREE,
    (paused) => setStatus(input, paused ? 'paused' : 'running'),
    // The rows know experiments and runs, and no shards.
    () => Promise.resolve(),
  );
  const offsets = await bookkeeping.unfinishedRuns({ experiment, from, to });
  setCurrentDetails(`runs ${from} to ${to - 1}: ${offsets.length} still to do`);
  const indices = offsets.map((offset) => from + offset);
  try {
    await driveRuns(input, indices, window, counts, hold);
  } catch (error) {
    judge(error);
    if (isCancellation(error)) setStatus(input, 'cancelled');
    throw error;
  }
  setStatus(input, counts.failed > 0 ? 'completed_with_failures' : 'completed');
  return counts;
}

function setStatus(indexing: Indexing, status: string): void {
  setAttributes(indexing, [{ key: SEARCH_ATTRIBUTES.status, value: status }]);
}
