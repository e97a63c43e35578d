import { defineQuery } from '@temporalio/workflow';
import type { FanOutCounts } from './fan-out.js';

export interface ExperimentProgress extends FanOutCounts {
  readonly experiment: string | null;
  readonly stage: 'planning' | 'running' | 'finishing' | 'done';
  /** All runs of the experiment. */
  readonly runs: number;
  /** Those runs that were unfinished when this execution began. */
  readonly toDo: number;
  /** Whether an operator paused the experiment. */
  readonly paused: boolean;
}

/**
 * Where an experiment stands, counted by run; with shards, by finished shard. The database has the exact
 * counts.
 */
export const progress = defineQuery<ExperimentProgress>('progress');

/** The same counts for one shard. */
export const shardProgress = defineQuery<FanOutCounts>('progress');
