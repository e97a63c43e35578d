import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { Priority } from '@temporalio/common';
import { CancellationScope, isCancellation, sleep, startChild } from '@temporalio/workflow';
import { bookkeeping } from './activities.js';
import { failureOf } from './failure.js';
import { judge, judged } from './fit.js';
import type { Hold } from './hold.js';
import { runWorkflowId, startAttributes } from './names.js';
import { run, sharedByRuns } from './run.js';
import type { RunInput, SharedByRuns } from './run.js';

/** Counts of the children of a fan-out, for the `progress` query. */
export interface FanOutCounts {
  running: number;
  finished: number;
  failed: number;
}

/**
 * Keeps `width` tasks going, in order, until all are done. Each task gets the number of its lane, 0 to width-1.
 * Throws the first error only after every lane has ended: the server terminates the children of a parent that
 * ends, and cancelled children may still be writing down their stop.
 */
export async function slide<T>(
  items: readonly T[],
  width: number,
  task: (item: T, lane: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  async function work(lane: number): Promise<void> {
    while (next < items.length) await task(items[next++]!, lane);
  }
  const lanes = await Promise.allSettled(
    Array.from({ length: Math.min(width, items.length) }, (_, lane) => judged(work(lane))),
  );
  for (const ended of lanes) if (ended.status === 'rejected') throw ended.reason;
}

/**
 * Starts the run workflows of these indices in a sliding window and awaits each of them. A failed run only adds
 * to a count. While the workflow is held, it starts none, and it signals the pause to the open ones. Runs
 * without a `priority` inherit that of the calling workflow.
 */
export async function driveRuns(
  shared: SharedByRuns,
  indices: readonly number[],
  window: number,
  counts: FanOutCounts,
  hold: Hold,
  priority: Priority = {},
): Promise<void> {
  await slide(indices, window, async (index) => {
    await hold.untilFree();
    counts.running++;
    const finished = await driveRun({ ...sharedByRuns(shared), index }, hold, priority);
    counts.running--;
    if (finished) counts.finished++;
    else counts.failed++;
  });
}

// A run whose former parent was terminated still exists for a moment. Its id becomes free soon.
const ID_RETRY_SECONDS = 2;
const ID_RETRIES = 30;

async function driveRun(input: RunInput, hold: Hold, priority: Priority): Promise<boolean> {
  const ref = { experiment: input.experiment, index: input.index };
  for (let attempt = 0; ; attempt++) {
    try {
      const child = await startChild(run, {
        workflowId: runWorkflowId(ref.experiment, ref.index),
        args: [input],
        typedSearchAttributes: startAttributes(ref.experiment, 'invoking', input),
        staticSummary: `run ${ref.index} of experiment ${ref.experiment}`,
        priority,
      });
      await hold.withChild(child, () => child.result());
      return true;
    } catch (error) {
      judge(error);
      if (isCancellation(error) && CancellationScope.current().consideredCancelled) throw error;
      if (error instanceof WorkflowExecutionAlreadyStartedError && attempt < ID_RETRIES) {
        await sleep(ID_RETRY_SECONDS * 1000);
        continue;
      }
      // A run that fails writes down its own failure. A run that was ended from outside did not, so this writes
      // it; the row of a stopped run does not change.
      const outcome = failureOf(error);
      if (outcome !== null && !isCancellation(error)) {
        await bookkeeping.stopRun(ref, {
          ...outcome,
          kind: 'Terminated',
          message: `the run's workflow ended early: ${outcome.message}`,
        });
      }
      return false;
    }
  }
}
