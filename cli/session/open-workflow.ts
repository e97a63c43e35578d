import { WorkflowNotFoundError } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import type { ExperimentRow } from '../../db/index.js';
import { errorMessage } from '../../common/errors.js';
import { experimentWorkflowId, runWorkflowId } from '../../workflows/names.js';
import type { Context } from '../context.js';
import { findSession } from './open.js';
import type { Session } from './connection.js';

/**
 * The workflow that drives an experiment, if it is open. The caller who starts a workflow chooses its id, and
 * the rows have it as soon as the workflow has planned.
 */
export async function openExperimentWorkflow(
  { client }: Session,
  { id, driverWorkflowId, driverRunId }: ExperimentRow,
): Promise<WorkflowHandle | null> {
  const driver =
    driverWorkflowId === null || driverRunId === null
      ? null
      : await ifOpen(client.workflow.getHandle(driverWorkflowId, driverRunId));
  // A reset makes another execution with the same id.
  return driver ?? (await ifOpen(client.workflow.getHandle(driverWorkflowId ?? experimentWorkflowId(id))));
}

/** The workflow of one run, if it is open. */
export function openRunWorkflow(
  { client }: Session,
  experiment: string,
  index: number,
): Promise<WorkflowHandle | null> {
  return ifOpen(client.workflow.getHandle(runWorkflowId(experiment, index)));
}

async function ifOpen(handle: WorkflowHandle): Promise<WorkflowHandle | null> {
  try {
    // The service accepts a request to a workflow that has ended as if it were open. So ask for the state
    // first.
    const { status } = await handle.describe();
    return status.name === 'RUNNING' ? handle : null;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

/** Whether a workflow received a message. */
export type Told = 'told' | 'not open' | { readonly failed: string };

/**
 * Passes the service that runs now to `use`. Returns 'not open' if none runs. The rows are already written, so
 * a service that does not answer is a result here and no error.
 */
export async function tellingService(
  context: Context,
  use: (session: Session) => Promise<boolean>,
): Promise<Told> {
  let session: Session | null = null;
  try {
    session = await findSession(context);
    if (session === null) return 'not open';
    return (await use(session)) ? 'told' : 'not open';
  } catch (error) {
    return { failed: errorMessage(error) };
  } finally {
    await session?.stop();
  }
}

/** Signals a workflow. Returns false if the workflow has ended. */
export async function signalled(handle: WorkflowHandle | null, name: 'pause' | 'resume'): Promise<boolean> {
  if (handle === null) return false;
  try {
    await handle.signal(name);
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
