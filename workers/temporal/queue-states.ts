import type { Client } from '@temporalio/client';
import { optionalTsToMs, tsToMs } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import type { DeploymentVersion } from './worker-deployment.js';
import type { UnversionedWorker } from './mixed-code.js';
import { TASK_QUEUES } from '../../workflows/names.js';

const { TASK_QUEUE_TYPE_ACTIVITY, TASK_QUEUE_TYPE_WORKFLOW } = proto.temporal.api.enums.v1.TaskQueueType;
const { WORKER_VERSIONING_MODE_VERSIONED } = proto.temporal.api.enums.v1.WorkerVersioningMode;

type Poller = proto.temporal.api.taskqueue.v1.IPollerInfo;

/** The state of a task queue, as the server reports it. */
export interface QueueState {
  readonly queue: string;
  /** Identities of the processes that asked it for work lately. */
  readonly workers: readonly string[];
  /** Number of tasks that wait, approximately. */
  readonly backlog: number;
  /** Since when the oldest of them waits, in milliseconds since the epoch; null if none waits. */
  readonly waitingSince: number | null;
  /** Set if workers ask and get nothing, because the server gives all tasks to another version. */
  readonly passedOver: {
    /** The version of one of them; null if it takes no part in worker deployments. */
    readonly version: DeploymentVersion | null;
    /** The version that gets the work; null: workers without a version. */
    readonly current: DeploymentVersion | null;
  } | null;
  /** Its workers that have workflow code and no version. */
  readonly unversioned: readonly UnversionedWorker[];
}

// A worker asks again at least once a minute when there is no task; the server lists workers that asked in
// the last five minutes.
const ASKED_WITHIN_MS = 75_000;

/** What the server knows of these task queues, in their order. */
export async function queueStates(client: Client, queues: readonly string[]): Promise<QueueState[]> {
  return await Promise.all(queues.map(async (queue) => await queueState(client, queue)));
}

async function queueState(client: Client, queue: string): Promise<QueueState> {
  // Each of our queues carries activities; the main one carries workflows too.
  const types =
    queue === TASK_QUEUES.main
      ? [TASK_QUEUE_TYPE_WORKFLOW, TASK_QUEUE_TYPE_ACTIVITY]
      : [TASK_QUEUE_TYPE_ACTIVITY];
  const now = Date.now();
  const parts = await Promise.all(
    types.map(async (taskQueueType) => {
      const { pollers, stats, versioningInfo } = await client.workflowService.describeTaskQueue({
        namespace: client.options.namespace,
        taskQueue: { name: queue },
        taskQueueType,
        reportStats: true,
      });
      const backlog = Number(stats?.approximateBacklogCount ?? 0);
      const current = versionOf(versioningInfo?.currentDeploymentVersion);
      const asking = pollers.filter(
        ({ lastAccessTime }) => lastAccessTime && now - tsToMs(lastAccessTime) < ASKED_WITHIN_MS,
      );
      return {
        workers: asking.map(({ identity }) => identity ?? ''),
        backlog,
        waitingMs: backlog === 0 ? null : (optionalTsToMs(stats?.approximateBacklogAge ?? undefined) ?? 0),
        passedOver: passedOver(asking, current),
        unversioned: taskQueueType === TASK_QUEUE_TYPE_WORKFLOW ? unversionedOf(asking) : [],
      };
    }),
  );
  const waits = parts.flatMap(({ waitingMs }) => (waitingMs === null ? [] : [waitingMs]));
  return {
    queue,
    workers: [...new Set(parts.flatMap(({ workers }) => workers))],
    backlog: parts.reduce((sum, { backlog }) => sum + backlog, 0),
    waitingSince: waits.length === 0 ? null : now - Math.max(...waits),
    passedOver: parts.map((part) => part.passedOver).find((one) => one !== null) ?? null,
    unversioned: parts.flatMap(({ unversioned }) => unversioned),
  };
}

function passedOver(asking: readonly Poller[], current: DeploymentVersion | null): QueueState['passedOver'] {
  const versions = asking.map(({ deploymentOptions }) =>
    deploymentOptions?.workerVersioningMode === WORKER_VERSIONING_MODE_VERSIONED
      ? versionOf(deploymentOptions)
      : null,
  );
  const [version] = versions;
  if (version === undefined || versions.some((one) => one?.buildId === current?.buildId)) return null;
  return { version, current };
}

function unversionedOf(asking: readonly Poller[]): UnversionedWorker[] {
  return asking.flatMap(({ identity, deploymentOptions, workerVersionCapabilities }) => {
    if (deploymentOptions?.workerVersioningMode === WORKER_VERSIONING_MODE_VERSIONED) return [];
    const buildId = deploymentOptions?.buildId ?? workerVersionCapabilities?.buildId ?? '';
    return [{ identity: identity ?? '', buildId }];
  });
}

function versionOf(
  version: { readonly deploymentName?: string | null; readonly buildId?: string | null } | null | undefined,
): DeploymentVersion | null {
  const { deploymentName, buildId } = version ?? {};
  return deploymentName && buildId ? { deploymentName, buildId } : null;
}
