import { CancelledFailure, TerminatedFailure } from '@temporalio/common';
import { WorkflowFailedError } from '@temporalio/client';
import type { Client, WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExperimentResult } from '../activities/index.js';
import type { Store } from '../db/index.js';
import type { ExperimentConfig } from '../experiment/config.js';
import { experimentFile, runCount } from '../experiment/config.js';
import { isPanicError, PanicError } from '../experiment/errors.js';
import type { experiment } from '../workflows/index.js';
import {
  experimentWorkflowId,
  SEARCH_ATTRIBUTES,
  sharePriority,
  startAttributes,
  TASK_QUEUES,
} from '../workflows/names.js';
import { note } from './output.js';
import { progressDisplay } from './progress.js';

const POLL_MS = 500;

export type ExperimentHandle = WorkflowHandleWithFirstExecutionRunId<typeof experiment>;

/**
 * Starts the experiment's workflow, or finds it running. The rows decide what there is left to do; one that still waits for the end
 * of a pause of which the rows know nothing any more is told.
 */
export async function startExperiment(
  client: Client,
  id: string,
  config: ExperimentConfig,
): Promise<ExperimentHandle> {
  const handle = await client.workflow.start<typeof experiment>('experiment', {
    taskQueue: TASK_QUEUES.main,
    workflowId: experimentWorkflowId(id),
    args: [experimentFile(config)],
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    workflowIdConflictPolicy: 'USE_EXISTING',
    typedSearchAttributes: startAttributes(id, 'planning'),
    priority: sharePriority({ experiment: id, weight: config.weight }),
    staticSummary: `experiment ${id}${config.name === null ? '' : ` "${config.name}"`}: ${runCount(config)} runs`,
  });
  const { typedSearchAttributes } = await handle.describe();
  if (typedSearchAttributes.get(SEARCH_ATTRIBUTES.status) === 'paused') await handle.signal('resume');
  return handle;
}

/** How a followed workflow ended: with its result, or because somebody else ended it. */
export type Followed =
  | { readonly kind: 'result'; readonly result: ExperimentResult }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'terminated'; readonly reason: string };

/**
 * Shows progress until the workflow ends. A server that is away for a while is waited for.
 * @throws the error that made the workflow fail; the signal's reason when it is raised.
 */
export async function follow(
  handle: ExperimentHandle,
  store: Store,
  id: string,
  options: { readonly silent: boolean; readonly diagramsExpected: number; readonly signal: AbortSignal },
): Promise<Followed> {
  const display = progressDisplay(options);
  const ended = { now: false };
  async function showProgress(): Promise<void> {
    try {
      if ((await store.experiments.find(id)) !== null) display.show(await store.summaries.progress(id));
    } catch (error) {
      // As of the server: it comes back, and the workflow goes on meanwhile.
      if (!isPanicError(error, 'StoreUnavailable')) throw error;
    }
  }
  const outcome = outcomeOf(handle, options.signal).finally(() => {
    ended.now = true;
  });
  // Its rejection is met below; until then it must not count as unhandled.
  outcome.catch(() => undefined);
  let paused = false;
  try {
    while (!ended.now) {
      await showProgress();
      const row = await store.experiments.find(id);
      if (row !== null && (row.pausedAt !== null) !== paused) {
        paused = !paused;
        note(paused ? 'Paused; "resume" in another terminal lets it go on.' : 'It goes on.');
      }
      await Promise.race([sleep(POLL_MS, undefined, { signal: options.signal }), outcome]);
    }
    const followed = await outcome;
    await showProgress();
    return followed;
  } finally {
    display.done();
  }
}

async function outcomeOf(handle: ExperimentHandle, signal: AbortSignal): Promise<Followed> {
  for (;;) {
    try {
      return { kind: 'result', result: await handle.result() };
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof WorkflowFailedError) return endedFromOutside(error);
      if (!isConnectionLoss(error)) throw error;
      await sleep(POLL_MS, undefined, { signal });
    }
  }
}

/** Throws the cause where the workflow failed by itself. */
function endedFromOutside(error: WorkflowFailedError): Followed {
  if (error.cause instanceof CancelledFailure) return { kind: 'cancelled' };
  if (error.cause instanceof TerminatedFailure) return { kind: 'terminated', reason: error.cause.message };
  throw rootCause(error);
}

/** gRPC CANCELLED, DEADLINE_EXCEEDED and UNAVAILABLE: the server is being restarted. */
function isConnectionLoss(error: unknown): boolean {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && [1, 4, 14].includes(Number(cause.code))) return true;
  }
  return false;
}

/** A workflow's failure as the error that caused it. */
function rootCause(error: Error): Error {
  let cause = error;
  while (cause.cause instanceof Error) cause = cause.cause;
  const type = 'type' in cause ? cause.type : undefined;
  return type === 'InvalidInput' || type === 'AlreadyRunning' || type === 'ModelFilesMissing'
    ? new PanicError('InvalidInput', cause.message)
    : cause;
}

/**
 * Ends workflows that an interrupted `run` of another experiment left open in the embedded server: whoever runs one
 * experiment does not ask for the others. Their rows stay, and `resume` continues them. Returns their ids.
 */
export async function setOthersAside(client: Client, id: string): Promise<string[]> {
  const open = client.workflow.list({ query: `WorkflowType = "experiment" AND ExecutionStatus = "Running"` });
  const others: string[] = [];
  for await (const { workflowId, runId, typedSearchAttributes } of open) {
    if (workflowId === experimentWorkflowId(id)) continue;
    await client.workflow.getHandle(workflowId, runId).terminate(`set aside: experiment ${id} was asked for`);
    others.push(typedSearchAttributes.get(SEARCH_ATTRIBUTES.experiment) ?? workflowId);
  }
  return others;
}
