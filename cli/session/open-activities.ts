import { WorkflowNotFoundError } from '@temporalio/client';
import type { WorkflowClient, WorkflowHandle } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import type { ExperimentRow, Store } from '../../db/index.js';
import { blockedWorkflows } from '../../workers/temporal/blocked-workflows.js';
import type { BlockedWorkflows } from '../../workers/temporal/blocked-workflows.js';
import { experimentWorkflowId, runWorkflowId } from '../../workflows/names.js';

const { PENDING_ACTIVITY_STATE_STARTED } = proto.temporal.api.enums.v1.PendingActivityState;

/** Limit for all answers together. */
const ANSWER_WITHIN_MS = 5000;

/** How many runs are asked about: enough to see why nothing moves, and few enough to ask every other second. */
const RUNS_ASKED = 5;

/**
 * An activity that the Temporal service has open for an experiment. It is at work, waits for a worker, or waits
 * for its next attempt.
 */
export interface OpenActivity {
  /** Null: it belongs to the experiment as a whole. */
  readonly run: number | null;
  readonly activity: string;
  readonly attempt: number;
  /** Why the last attempt failed. Null if none did. */
  readonly error: string | null;
  /**
   * When the next attempt begins, or when the first one should have begun, as `Date.now()` counts. Null while
   * an attempt is under way.
   */
  readonly dueAt: number | null;
  /** The last heartbeat of the attempt under way. */
  readonly heartbeat: Readonly<Record<string, number>>;
}

type PendingActivity = NonNullable<
  Awaited<ReturnType<WorkflowHandle['describe']>>['raw']['pendingActivities']
>[number];

/**
 * The open activities of an experiment's own workflow and of a few runs under way. The run that failed last
 * comes first among the runs. Throws what the store and the service throw.
 */
export async function openActivities(
  client: WorkflowClient,
  store: Store,
  { id, driverWorkflowId }: Pick<ExperimentRow, 'id' | 'driverWorkflowId'>,
): Promise<OpenActivity[]> {
  const failed = await store.runs.lastFailure(id);
  const runs = new Set([
    ...(failed === null ? [] : [failed.runIndex]),
    ...(await store.runs.underWay(id, RUNS_ASKED)),
  ]);
  const ask = (): Promise<OpenActivity[][]> =>
    Promise.all([
      pendingOf(client, driverWorkflowId ?? experimentWorkflowId(id), null),
      ...[...runs].map((run) => pendingOf(client, runWorkflowId(id, run), run)),
    ]);
  return (await client.withDeadline(Date.now() + ANSWER_WITHIN_MS, ask)).flat();
}

/**
 * The workflows of an experiment that wait for a worker with other code. Null if none does. Throws what the
 * store and the service throw.
 */
export async function blockedOfExperiment(
  client: WorkflowClient,
  store: Store,
  { id, driverWorkflowId }: Pick<ExperimentRow, 'id' | 'driverWorkflowId'>,
): Promise<BlockedWorkflows | null> {
  const runs = await store.runs.underWay(id, RUNS_ASKED);
  return await blockedWorkflows(client, { id, driverWorkflowId }, [
    driverWorkflowId ?? experimentWorkflowId(id),
    ...runs.map((run) => runWorkflowId(id, run)),
  ]);
}

async function pendingOf(
  client: WorkflowClient,
  workflowId: string,
  run: number | null,
): Promise<OpenActivity[]> {
  try {
    const { raw } = await client.getHandle(workflowId).describe();
    return (raw.pendingActivities ?? []).map((pending) => openActivity(pending, run));
  } catch (error) {
    // The workflow of this run has ended, or has not begun.
    if (error instanceof WorkflowNotFoundError) return [];
    throw error;
  }
}

function openActivity(pending: PendingActivity, run: number | null): OpenActivity {
  const { activityType, state, attempt, lastFailure, scheduledTime, nextAttemptScheduleTime } = pending;
  const underWay = state === PENDING_ACTIVITY_STATE_STARTED;
  const kind = lastFailure?.applicationFailureInfo?.type ?? '';
  const dueAt = optionalTsToMs(nextAttemptScheduleTime) ?? optionalTsToMs(scheduledTime) ?? null;
  return {
    run,
    activity: activityType?.name ?? '',
    attempt: attempt ?? 1,
    error: lastFailure == null ? null : `${kind === '' ? '' : `${kind}: `}${lastFailure.message ?? ''}`,
    dueAt: underWay ? null : dueAt,
    heartbeat: heartbeatOf(pending),
  };
}

/** The figures of a heartbeat. Empty if there is none, or if another version wrote it. */
function heartbeatOf({ heartbeatDetails }: PendingActivity): Readonly<Record<string, number>> {
  const payload = heartbeatDetails?.payloads?.[0];
  if (payload === undefined) return {};
  const details = defaultPayloadConverter.fromPayload<unknown>(payload);
  if (typeof details !== 'object' || details === null) return {};
  return Object.fromEntries(
    Object.entries(details).flatMap(([name, value]: [string, unknown]) =>
      typeof value === 'number' ? [[name, value]] : [],
    ),
  );
}
