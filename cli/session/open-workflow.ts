import { WorkflowNotFoundError } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import type { ExperimentRow } from '../../db/index.js';
import { errorMessage } from '../../common/errors.js';
import { experimentWorkflowId, runWorkflowId } from '../../workflows/names.js';
import type { Context } from '../context.js';
import { findSession } from './open.js';
import type { Session } from './connection.js';

/**
 * The workflow that drives an experiment, if it is open. Its id is the choice of whoever started it; the rows know it as soon as
 * it has planned.
 */
export async function openExperimentWorkflow(
  { client }: Session,
  { id, driverWorkflowId, driverRunId }: ExperimentRow,
): Promise<WorkflowHandle | null> {
  const driver =
    driverWorkflowId === null || driverRunId === null
      ? null
      : await ifOpen(client.workflow.getHandle(driverWorkflowId, driverRunId));
  // After a reset the execution is another one, of the same id.
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
    // A request to a workflow that has ended is answered as if it were accepted.
    const { status } = await handle.describe();
    return status.name === 'RUNNING' ? handle : null;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

/** What became of telling a workflow something. */
export type Told = 'told' | 'not open' | { readonly failed: string };

/**
 * Hands the service that runs now to `use`; 'not open' where none runs. The rows are written already: where the service does
 * not answer, that is told and not thrown.
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

/** Signals a workflow that may end meanwhile; false where it has. */
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
