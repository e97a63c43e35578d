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

/** Deep enough for model calls of different runs to meet, small enough to share with other workers. */
export const MODEL_ACTIVITIES = 40;

/** Diagrams at once, with one more for each core that waits for its turn. */
export const DIAGRAM_ACTIVITIES = 2 * usableCores();

/** What the pollers of all queues have in common. `buildId` is what this program calls its code. */
export function sharedOptions(
  drainSeconds: number,
  deployment: DeploymentVersion | null,
  buildId: string,
): Partial<WorkerOptions> {
  return {
    // 0: a step that is not committed is given back at once, instead of being waited for.
    shutdownGraceTime: 0,
    shutdownForceTime: `${drainSeconds}s`,
    // Heartbeats are sent once a second and time out after five; the default throttle would leave one second of slack.
    maxHeartbeatThrottleInterval: '1s',
    ...(deployment === null ? unversionedOptions(buildId) : versioningOptions(deployment)),
  };
}

/**
 * The SDK breaks workflow code off after 5 s of the clock on the wall. A process that was frozen in the midst of it is over them when
 * it wakes, and Node aborts a process whose promise jobs are broken off (https://github.com/nodejs/node/issues/38503). The SDK takes
 * this option, although it is not among those that it tells of; the one that is, `debugMode`, leaves workflows without their thread.
 */
const patience: Pick<WorkerOptionsWithDefaults, 'isolateExecutionTimeout'> = {
  isolateExecutionTimeout: '1 hour',
};

/** How workflow code is executed. */
export const workflowOptions: Partial<WorkerOptions> = {
  // More than the runs that are open at once, or every step replays its history.
  maxCachedWorkflows: 1200,
  // After a crash other workers wait this long for the dead one's sticky queue before they take its workflows.
  stickyQueueScheduleToStartTimeout: '1s',
  // Without workflowFailureErrorTypes code that does not fit a history fails the workflow's task, and not the workflow: the server tries
  // it again until a worker with the right code has it. What a bug does is decided in workflows/fit.ts.
  ...patience,
};

/** The SDK calls it for an activity of any other name. */
const FOR_OTHERS = { default: unknownActivity };

/** What one queue is served with. `concurrency` null: what suits the machine. */
export function queueOptions(
  queue: 'main' | 'gpu' | 'cpu',
  deps: Dependencies,
  concurrency: number | null,
): Partial<WorkerOptions> {
  switch (queue) {
    case 'main':
      return {
        // The bundle that the build made saves a second at every start.
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
