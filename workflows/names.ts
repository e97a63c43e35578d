// This file of the package alone: clients and light commands load these names, and the whole package takes longer than they do.
import { defineSearchAttributeKey } from '@temporalio/common/lib/search-attributes.js';
import type { Priority, SearchAttributePair } from '@temporalio/common';

/** Names that workflows, workers and clients must agree on. Pure: this file is in the workflow bundle. */

export const TASK_QUEUES = {
  /** Workflows, and the small activities that plan and keep the books. */
  main: 'panic-tda',
  /** Model calls: invocations and embeddings. */
  gpu: 'panic-tda-gpu',
  /** Persistence diagrams. */
  cpu: 'panic-tda-cpu',
} as const;

/** The task queue of the models that have this route, a queue of their own. */
export function routeQueue(route: string): string {
  return `${TASK_QUEUES.gpu}-${route}`;
}

export const SEARCH_ATTRIBUTES = {
  experiment: defineSearchAttributeKey('PanicTdaExperiment', 'KEYWORD'),
  network: defineSearchAttributeKey('PanicTdaNetwork', 'KEYWORD'),
  status: defineSearchAttributeKey('PanicTdaStatus', 'KEYWORD'),
} as const;

/** Absent: workflows set their search attributes. */
export interface Indexing {
  /** The namespace lacks them: a workflow that set one would never get further. */
  readonly unindexed?: true;
}

/** The search attributes that a workflow of an experiment starts with. */
export function startAttributes(
  experiment: string,
  status: string,
  { unindexed }: Indexing = {},
): SearchAttributePair[] {
  if (unindexed === true) return [];
  return [
    { key: SEARCH_ATTRIBUTES.experiment, value: experiment },
    { key: SEARCH_ATTRIBUTES.status, value: status },
  ];
}

/**
 * Several experiments on the same workers get their turns in proportion to their weights, however many runs each has open: a
 * server with fairness hands out tasks by this key. Child workflows and activities inherit it.
 */
export function sharePriority({ experiment, weight }: ExperimentShare): Priority {
  return { fairnessKey: experiment, fairnessWeight: weight ?? 1 };
}

interface ExperimentShare {
  readonly experiment: string;
  /** Absent where a version without weights planned the experiment. */
  readonly weight?: number;
}

/** Runs that one workflow fans out by itself: 250 children are about 1,100 events of the 51,200 a history may have. */
export const SHARD_SIZE = 250;

/** Shards that one experiment fans out to: as its children, they may be no more than its history holds without a warning. */
const MOST_SHARDS = 1500;

/** Runs of each shard of an experiment with so many: 250, and more only where the shards would be too many. */
export function shardSize(runs: number): number {
  return Math.max(SHARD_SIZE, Math.ceil(runs / MOST_SHARDS));
}

export function experimentWorkflowId(experiment: string): string {
  return `experiment-${experiment}`;
}

export function shardWorkflowId(experiment: string, shard: number): string {
  return `shard-${experiment}-${shard}`;
}

export function runWorkflowId(experiment: string, index: number): string {
  return `run-${experiment}-${index}`;
}
