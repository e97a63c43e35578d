import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { BookkeepingActivities, DiagramActivities, ModelActivities } from './contract.js';
import { TASK_QUEUES } from './names.js';

// For an attempt that was cut short: one that fails by itself says when and whether it is tried again (activities/failures.ts). A
// worker that is killed again and again must not make the healthy runs wait longer each time, and each kill counts as an attempt.
const RETRY = {
  initialInterval: '200ms',
  backoffCoefficient: 2,
  maximumInterval: '2s',
  maximumAttempts: 1000,
} as const;

const DURABLE = {
  heartbeatTimeout: '5s',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: RETRY,
} as const;

export const bookkeeping = proxyActivities<BookkeepingActivities>({
  ...DURABLE,
  taskQueue: TASK_QUEUES.main,
  startToCloseTimeout: '5 minutes',
});

// The server's default is 3, and less goes first. What ends runs comes before what prolongs others: a run that waits for its
// vectors keeps its place in the window.
const TO_FINISH = { priority: { priorityKey: 2 } } as const;

/**
 * One invocation may wait for its turn, behind 40 others at a model that takes minutes each, and for another model to give
 * its memory back; the heartbeat, not this timeout, notices a dead worker.
 */
export const gpu = proxyActivities<ModelActivities>({
  ...DURABLE,
  taskQueue: TASK_QUEUES.gpu,
  startToCloseTimeout: '1 day',
});

/** Embedding a run of 10,000 outputs with a neural model on a CPU takes a while and commits as it goes. */
export const embedding = proxyActivities<ModelActivities>({
  ...DURABLE,
  ...TO_FINISH,
  taskQueue: TASK_QUEUES.gpu,
  startToCloseTimeout: '1 day',
});

export const cpu = proxyActivities<DiagramActivities>({
  ...DURABLE,
  taskQueue: TASK_QUEUES.cpu,
  startToCloseTimeout: '7 days',
});
