// Import this one file of the package: clients and light commands load these names, and the whole package loads
// more slowly than they do.
import { defineSearchAttributeKey } from '@temporalio/common/lib/search-attributes.js';
import type { Priority, SearchAttributePair } from '@temporalio/common';

/**
 * Names that workflows, workers and clients must agree on. This file is in the workflow bundle, so it stays
 * pure.
 */

export const TASK_QUEUES = {
  /** Workflows, and the small activities that plan and keep the books. */
  main: 'panic-tda',
  /** Model calls: invocations and embeddings. */
  gpu: 'panic-tda-gpu',
  /** Persistence diagrams. */
  cpu: 'panic-tda-cpu',
} as const;

/** The task queue of the models with this route. */
export function routeQueue(route: string): string {
  return `${TASK_QUEUES.gpu}-${route}`;
}

export const SEARCH_ATTRIBUTES = {
  experiment: defineSearchAttributeKey('PanicTdaExperiment', 'KEYWORD'),
  network: defineSearchAttributeKey('PanicTdaNetwork', 'KEYWORD'),
  status: defineSearchAttributeKey('PanicTdaStatus', 'KEYWORD'),
} as const;

/** Whether workflows set search attributes. */
export interface Indexing {
  /**
   * The namespace lacks the search attributes: a workflow that set one would never continue. Absent: workflows
   * set them.
   */
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
 * Experiments on the same workers get turns in proportion to their weights, however many runs each has open: a
 * server with fairness hands out tasks by this key. Child workflows and activities inherit it.
 */
export function sharePriority({ experiment, weight }: ExperimentShare): Priority {
  return { fairnessKey: experiment, fairnessWeight: weight ?? 1 };
}

interface ExperimentShare {
  readonly experiment: string;
  /** Absent if a version without weights planned the experiment. */
  readonly weight?: number;
}

/**
 * How many runs one workflow starts by itself: 250 children make about 1,100 of the 51,200 events that a
 * history may have.
 */
export const SHARD_SIZE = 250;

/** How many shards one experiment starts: so many children fit into its history without a warning. */
const MOST_SHARDS = 1500;

/**
 * The number of runs in each shard of an experiment with so many runs: 250, or more if the shards would be too
 * many.
 */
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
