import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { type QueueState, queueStates } from './queue-states.js';
import { grpcStatus } from './service-problems.js';

const { PENDING_ACTIVITY_STATE_SCHEDULED } = proto.temporal.api.enums.v1.PendingActivityState;

/**
 * How many open runs are looked at: enough to meet a queue where work stands still, and few enough to ask for
 * each.
 */
const RUNS_ASKED = 20;

/**
 * Task queues on which an activity of an open run waits, as the runs report them; so also queues that no
 * route names any more. Covers the first few runs that the service lists.
 */
async function queuesOfOpenRuns(client: Client): Promise<string[]> {
  const { namespace } = client.options;
  const { executions } = await client.workflowService.listWorkflowExecutions({
    namespace,
    pageSize: RUNS_ASKED,
    query: `WorkflowType = 'run' AND ExecutionStatus = 'Running'`,
  });
  // A run that was deleted meanwhile waits for nothing.
  const described = await Promise.allSettled(
    executions.map(async ({ execution }) =>
      client.workflowService.describeWorkflowExecution({ namespace, execution: execution ?? null }),
    ),
  );
  const waiting = described
    .flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value.pendingActivities : []))
    .filter(({ state }) => state === PENDING_ACTIVITY_STATE_SCHEDULED)
    .flatMap(({ activityOptions }) => activityOptions?.taskQueue?.name ?? []);
  return [...new Set(waiting)].sort();
}

/**
 * Queues that are not `known`, where tasks of open runs wait and no worker asks for them: earlier routes led
 * there. Empty if the service does not let this process look at its workflows.
 */
export async function abandonedQueues(client: Client, known: readonly string[]): Promise<QueueState[]> {
  try {
    const others = (await queuesOfOpenRuns(client)).filter((queue) => !known.includes(queue));
    return (await queueStates(client, others)).filter(
      ({ workers, backlog }) => workers.length === 0 && backlog > 0,
    );
  } catch (error) {
    if (grpcStatus(error) === null) throw error;
    return [];
  }
}
