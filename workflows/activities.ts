import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { BookkeepingActivities, DiagramActivities, ModelActivities } from './contract.js';
import { TASK_QUEUES } from './names.js';

// This policy is for an attempt that was cut short; an attempt that fails by itself sets its own delay
// (activities/failures.ts). Each kill of a worker counts as an attempt. A worker that is killed again and again
// must not make the healthy runs wait longer each time.
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

// The server's default priority is 3, and a smaller number goes first. Work that ends a run goes before work
// that prolongs others, since a run that waits for its vectors keeps its place in the window.
const TO_FINISH = { priority: { priorityKey: 2 } } as const;

/**
 * One invocation may wait behind 40 others at a model that takes minutes each, and then for another model to
 * free its memory. The heartbeat notices a dead worker, not this timeout.
 */
export const gpu = proxyActivities<ModelActivities>({
  ...DURABLE,
  taskQueue: TASK_QUEUES.gpu,
  startToCloseTimeout: '1 day',
});

/**
 * To embed a run of 10,000 outputs with a neural model on a CPU takes long. The activity commits as it goes.
 */
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
