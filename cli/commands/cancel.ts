import { WorkflowNotFoundError } from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExperimentRow, Store } from '../../db/index.js';
import { PanicError } from '../../experiment/errors.js';
import { experimentWorkflowId } from '../../workflows/names.js';
import { readingExperiments } from '../context.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { findExperiment } from '../find-experiment.js';
import { plural } from '../format.js';
import { note, print, printJson } from '../output.js';
import { findSession } from '../session.js';
import type { Session } from '../temporal-connection.js';

const POLL_MS = 200;

/** `cancel ID`: asks the workflow to end and waits until the rows say that it has. */
export async function cancelExperiment(context: Context, id: string, waitMs: number): Promise<number> {
  return await readingExperiments(context, async (store) => {
    const row = await findExperiment(context, store, id);
    const session = await findSession(context);
    try {
      if (session === null || !(await requestCancel(session, row))) throw notRunning(context, row);
      note(`Cancelling experiment ${row.id}.`);
      const cancelled = await untilEnded(store, row.id, waitMs);
      return await report(context, store, row.id, cancelled);
    } finally {
      await session?.stop();
    }
  });
}

/** False where no workflow of the experiment is running. */
async function requestCancel(
  { client }: Session,
  { id, driverWorkflowId, driverRunId }: ExperimentRow,
): Promise<boolean> {
  const handle =
    driverWorkflowId === null || driverRunId === null
      ? client.workflow.getHandle(experimentWorkflowId(id))
      : client.workflow.getHandle(driverWorkflowId, driverRunId);
  try {
    // A cancel request to a workflow that has ended is answered as if it were accepted.
    const { status } = await handle.describe();
    if (status.name !== 'RUNNING') return false;
    await handle.cancel();
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

/** Whether the rows said within the time that the experiment and each run of it has ended. */
async function untilEnded(store: Store, id: string, waitMs: number): Promise<boolean> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    const { status } = await store.experiments.get(id);
    const { running } = await store.experiments.runsByStatus(id);
    if (status !== 'running' && status !== 'planned' && running === 0) return true;
    if (performance.now() >= deadline) return false;
    await sleep(POLL_MS);
  }
}

async function report(context: Context, store: Store, id: string, ended: boolean): Promise<number> {
  const { status } = await store.experiments.get(id);
  const runs = await store.experiments.runsByStatus(id);
  const { invocations } = await store.summaries.progress(id);
  if (context.json) printJson({ experiment: id, status, ended, runs, invocations });
  if (!ended) {
    note(
      `The experiment was told to end and has not yet; no worker may be serving it. "${context.command('status', id)}" shows where it stands.`,
    );
    return EXIT.failed;
  }
  if (status !== 'cancelled') note('The experiment had ended by itself before it could be cancelled.');
  else if (!context.json) {
    print(
      `Cancelled. ${plural(invocations, 'invocation')} and ${plural(runs.finished, 'finished run')} stay; "${context.command('resume', id)}" continues.`,
    );
  }
  return EXIT.ok;
}

function notRunning(context: Context, { id, status }: ExperimentRow): PanicError {
  const why =
    status === 'running' || status === 'planned'
      ? `it was interrupted; "${context.command('resume', id)}" would continue it`
      : `it is ${status.replaceAll('_', ' ')}`;
  return new PanicError(
    'InvalidInput',
    `experiment ${id} is not running, so there is nothing to cancel: ${why}`,
  );
}
