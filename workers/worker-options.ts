import type { WorkerOptions } from '@temporalio/worker';
import type { WorkerOptionsWithDefaults } from '@temporalio/worker/lib/worker-options.js';
import { usableCores } from '../common/machine.js';
import {
  createAdvanceRun,
  createBookkeeping,
  createDiagramRun,
  createEmbedRun,
  unknownActivity,
} from '../activities/index.js';
import type { Dependencies } from '../activities/index.js';
import { assertNever } from '../common/errors.js';
import {
  type DeploymentVersion,
  unversionedOptions,
  versioningOptions,
} from './temporal/worker-deployment.js';
import { workflowBundle } from './workflow-bundle.js';

/** Enough for model calls of different runs to share a batch; few enough to leave work to other workers. */
export const MODEL_ACTIVITIES = 40;

/** Two diagrams for each core: one that is computed, one that waits for its turn. */
export const DIAGRAM_ACTIVITIES = 2 * usableCores();

/** The options that the pollers of all queues share. `buildId` is this program's own id for its code. */
export function sharedOptions(
  drainSeconds: number,
  deployment: DeploymentVersion | null,
  buildId: string,
): Partial<WorkerOptions> {
  return {
    // With 0 the worker gives back a step that is not committed at once, instead of waiting for it.
    shutdownGraceTime: 0,
    shutdownForceTime: `${drainSeconds}s`,
    // Activities send a heartbeat every second, and time out after five seconds without one. The SDK's
    // default throttle would leave one second of slack.
    maxHeartbeatThrottleInterval: '1s',
    ...(deployment === null ? unversionedOptions(buildId) : versioningOptions(deployment)),
  };
}

/**
 * The SDK stops workflow code after 5 s of wall-clock time. A process that was frozen in the middle of it has
 * passed that limit when it wakes, and Node aborts a process whose promise jobs are stopped
 * (https://github.com/nodejs/node/issues/38503). The SDK accepts this option, although it does not document
 * it. The documented one, `debugMode`, runs workflows without their thread.
 */
const executionTimeout: Pick<WorkerOptionsWithDefaults, 'isolateExecutionTimeout'> = {
  isolateExecutionTimeout: '1 hour',
};

/** How the SDK executes workflow code. */
export const workflowOptions: Partial<WorkerOptions> = {
  // More than the number of runs that are open at once. With fewer, every step would replay the history of
  // its run.
  maxCachedWorkflows: 1200,
  // After a worker crashed, its workflows stay on its sticky queue for this long; then other workers take
  // them.
  stickyQueueScheduleToStartTimeout: '1s',
  // The option workflowFailureErrorTypes stays unset, so that code that does not fit a history fails the
  // workflow's task and not the workflow. The server tries the task again until a worker with the right code
  // has it. workflows/fit.ts decides what a bug does.
  ...executionTimeout,
};

/** The SDK calls `default` for an activity of any other name. */
const FOR_OTHERS = { default: unknownActivity };

/** What serves one queue. If `concurrency` is null, the default for this machine holds. */
export function queueOptions(
  queue: 'main' | 'gpu' | 'cpu',
  deps: Dependencies,
  concurrency: number | null,
): Partial<WorkerOptions> {
  switch (queue) {
    case 'main':
      return {
        // The bundle of the build saves a second at every start.
        workflowBundle: { codePath: workflowBundle() },
        ...workflowOptions,
        activities: { ...createBookkeeping(deps), ...FOR_OTHERS },
      };
    case 'gpu':
      return {
        activities: {
          advanceRun: createAdvanceRun(deps),
          embedRun: createEmbedRun(deps),
          ...FOR_OTHERS,
        },
        maxConcurrentActivityTaskExecutions: concurrency ?? MODEL_ACTIVITIES,
      };
    case 'cpu':
      return {
        activities: { diagramRun: createDiagramRun(deps), ...FOR_OTHERS },
        maxConcurrentActivityTaskExecutions: concurrency ?? DIAGRAM_ACTIVITIES,
      };
    default:
      return assertNever(queue);
  }
}
