import { WorkflowFailedError } from '@temporalio/client';
import type { Client, WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExperimentResult } from '../activities/index.js';
import type { Store } from '../db/index.js';
import type { ExperimentConfig } from '../experiment/config.js';
import { runCount } from '../experiment/config.js';
import { PanicError } from '../experiment/errors.js';
import type { experiment } from '../workflows/index.js';
import { experimentWorkflowId, SEARCH_ATTRIBUTES, startAttributes, TASK_QUEUES } from '../workflows/names.js';
import { note } from './output.js';
import { progressDisplay } from './progress.js';

const POLL_MS = 500;

export type ExperimentHandle = WorkflowHandleWithFirstExecutionRunId<typeof experiment>;

/** Starts the experiment's workflow, or finds it running. The rows decide what there is left to do. */
export function startExperiment(
  client: Client,
  id: string,
  config: ExperimentConfig,
): Promise<ExperimentHandle> {
  return client.workflow.start<typeof experiment>('experiment', {
    taskQueue: TASK_QUEUES.main,
    workflowId: experimentWorkflowId(id),
    args: [config],
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    workflowIdConflictPolicy: 'USE_EXISTING',
    typedSearchAttributes: startAttributes(id, 'planning'),
    staticSummary: `experiment ${id}${config.name === null ? '' : ` "${config.name}"`}: ${runCount(config)} runs`,
  });
}

/** Shows progress until the workflow ends. A server that is away for a while is waited for. */
export async function follow(
  handle: ExperimentHandle,
  store: Store,
  id: string,
  options: { readonly silent: boolean; readonly diagramsExpected: number; readonly signal: AbortSignal },
): Promise<ExperimentResult> {
  const display = progressDisplay(options);
  const ended = { now: false };
  const result = resultOf(handle, options.signal).finally(() => {
    ended.now = true;
  });
  // Its rejection is met below; until then it must not count as unhandled.
  result.catch(() => undefined);
  try {
    while (!ended.now) {
      if (store.experiments.find(id) !== null) display.show(store.summaries.progress(id));
      await Promise.race([sleep(POLL_MS, undefined, { signal: options.signal }), result]);
    }
    const outcome = await result;
    display.show(store.summaries.progress(id));
    return outcome;
  } finally {
    display.done();
  }
}

async function resultOf(handle: ExperimentHandle, signal: AbortSignal): Promise<ExperimentResult> {
  for (;;) {
    try {
      return await handle.result();
    } catch (error) {
      signal.throwIfAborted();
      if (!isConnectionLoss(error)) throw error;
      await sleep(POLL_MS, undefined, { signal });
    }
  }
}

/** gRPC UNAVAILABLE and its kin: the server is being restarted. */
function isConnectionLoss(error: unknown): boolean {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && [1, 4, 14].includes(Number(cause.code))) return true;
  }
  return false;
}

/** A workflow's failure as the error that caused it. */
export function rootCause(error: unknown): Error {
  let cause: unknown = error;
  while (cause instanceof Error && cause.cause instanceof Error) cause = cause.cause;
  if (cause instanceof Error) {
    const type = 'type' in cause ? cause.type : undefined;
    return type === 'InvalidInput' || type === 'AlreadyRunning' || type === 'ModelFilesMissing'
      ? new PanicError('InvalidInput', cause.message)
      : cause;
  }
  return new Error(String(error));
}

export function isWorkflowFailure(error: unknown): boolean {
  return error instanceof WorkflowFailedError;
}

/**
 * Ends workflows that an interrupted `run` of another experiment left open in the embedded server: whoever runs one
 * experiment does not ask for the others. Their rows stay, and `resume` continues them.
 */
export async function setOthersAside(client: Client, id: string): Promise<void> {
  const open = client.workflow.list({ query: `WorkflowType = "experiment" AND ExecutionStatus = "Running"` });
  for await (const { workflowId, runId, typedSearchAttributes } of open) {
    if (workflowId === experimentWorkflowId(id)) continue;
    await client.workflow.getHandle(workflowId, runId).terminate(`set aside: experiment ${id} was asked for`);
    const other = typedSearchAttributes.get(SEARCH_ATTRIBUTES.experiment) ?? workflowId;
    note(
      `Experiment ${other} was interrupted earlier and is left as it is; "panic-tda resume ${other}" continues it.`,
    );
  }
}

/** True while some process polls the queue; an experiment on a queue that nobody serves waits silently. */
export async function hasPollers(client: Client, taskQueue: string): Promise<boolean> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: taskQueue },
    // TASK_QUEUE_TYPE_ACTIVITY: each of our queues carries activities.
    taskQueueType: 2,
  });
  return (pollers ?? []).length > 0;
}
