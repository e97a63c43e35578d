import {
  CancellationScope,
  condition,
  setCurrentDetails,
  setHandler,
  startChild,
} from '@temporalio/workflow';
import type { ExperimentEnding, ExperimentResult, Plan } from './contract.js';
import { bookkeeping } from './activities.js';
import { setAttributes } from './attributes.js';
import { failureOf } from './failure.js';
import { judge } from './fit.js';
import { driveRuns, slide } from './fan-out.js';
import type { FanOutCounts } from './fan-out.js';
import { FREE, Hold, isInterruption } from './hold.js';
import { sharedByRuns } from './run.js';
import { codeSpan } from './markdown.js';
import { progress } from './queries.js';
import type { ExperimentProgress } from './queries.js';
import {
  SEARCH_ATTRIBUTES,
  SHARD_SIZE,
  shardSize,
  sharePriority,
  shardWorkflowId,
  startAttributes,
} from './names.js';
import { shard } from './shard.js';

// While the last runs of one shard finish, the next shard keeps the machines busy.
const SHARDS_AT_ONCE = 2;

/**
 * Drives an experiment from its file (the JSON itself) to its last diagram. Starting the same experiment again
 * continues it: the workflow starts only the runs that the database calls unfinished. A failed run never fails
 * the experiment. The workflow never continues as new: up to 250 runs are its own children, and more runs go
 * through shards of 250 (from 375,000 runs on, through 1,500 larger shards).
 */
export async function experiment(file: unknown): Promise<ExperimentResult> {
  const counts: FanOutCounts = { running: 0, finished: 0, failed: 0 };
  let state: Omit<ExperimentProgress, keyof FanOutCounts | 'paused'> = {
    experiment: null,
    stage: 'planning',
    runs: 0,
    toDo: 0,
  };
  let planned: Plan | null = null;
  const hold = new Hold(
    FREE,
    (paused) => {
      if (planned !== null) showHold(planned, paused);
    },
    async (paused) => {
      await condition(() => planned !== null);
      await bookkeeping.recordPause({ experiment: planned!.experiment }, paused);
    },
  );
  setHandler(progress, () => ({ ...state, ...counts, paused: hold.paused }));

  const plan = await bookkeeping.planExperiment(file);
  state = { experiment: plan.experiment, stage: 'running', runs: plan.runs, toDo: plan.runs };
  setStatus(plan, 'running');
  if (plan.paused === true) hold.learn('self', 0);
  if (hold.paused) showHold(plan, true);
  else setCurrentDetails(describe(plan));
  planned = plan;
  try {
    if (plan.runs <= SHARD_SIZE) {
      const unfinished = await bookkeeping.unfinishedRuns({
        experiment: plan.experiment,
        from: 0,
        to: plan.runs,
      });
      state = { ...state, toDo: unfinished.length };
      await driveRuns(plan, unfinished, plan.concurrency, counts, hold, sharePriority(plan));
    } else {
      await driveShards(plan, counts, hold);
    }
  } catch (error) {
    judge(error);
    const ending = endingOf(error);
    await hold.settled();
    await CancellationScope.nonCancellable(() => bookkeeping.finishExperiment(plan.experiment, ending));
    setStatus(plan, ending.kind);
    throw error;
  }
  state = { ...state, stage: 'finishing' };
  await hold.settled();
  // All work is done. A cancellation that comes this late must not stop the row from saying so.
  const result = await CancellationScope.nonCancellable(() =>
    bookkeeping.finishExperiment(plan.experiment, { kind: 'driven' }),
  );
  state = { ...state, stage: 'done' };
  setStatus(plan, result.status);
  setCurrentDetails(
    `experiment **${plan.experiment}**: ${result.status}, ${result.finished} of ${result.runs} runs finished`,
  );
  return result;
}

/**
 * A failed run only adds to a count. An error here is a cancellation, or an error of the experiment as a whole.
 */
function endingOf(error: unknown): Exclude<ExperimentEnding, { kind: 'driven' }> {
  if (isInterruption(error)) return { kind: 'cancelled' };
  return { kind: 'failed', message: failureOf(error)?.message ?? String(error) };
}

async function driveShards(plan: Plan, counts: FanOutCounts, hold: Hold): Promise<void> {
  const size = shardSize(plan.runs);
  const shards = Array.from({ length: Math.ceil(plan.runs / size) }, (_, number) => number);
  const lanes = Math.min(SHARDS_AT_ONCE, plan.concurrency);
  await slide(shards, lanes, async (number, lane) => {
    // The windows of the lanes add up to the concurrency of the plan, also if it is odd.
    const window = Math.floor((plan.concurrency + lane) / lanes);
    const from = number * size;
    const to = Math.min(plan.runs, from + size);
    await hold.untilFree();
    const child = await startChild(shard, {
      workflowId: shardWorkflowId(plan.experiment, number),
      args: [{ ...sharedByRuns(plan), from, to, window }],
      typedSearchAttributes: startAttributes(plan.experiment, 'running', plan),
      staticSummary: `runs ${from} to ${to - 1} of experiment ${plan.experiment}`,
      priority: sharePriority(plan),
    });
    const done = await hold.withChild(child, () => child.result());
    counts.finished += done.finished;
    counts.failed += done.failed;
  });
}

function describe({ experiment: id, name, runs, concurrency }: Plan): string {
  const called = name === null ? '' : ` ${codeSpan(name)}`;
  return `experiment **${id}**${called}: ${runs} runs, ${concurrency} at once`;
}

function showHold(plan: Plan, paused: boolean): void {
  setStatus(plan, paused ? 'paused' : 'running');
  setCurrentDetails(paused ? `**paused**\n\n${describe(plan)}` : describe(plan));
}

function setStatus(plan: Plan, status: string): void {
  setAttributes(plan, [
    { key: SEARCH_ATTRIBUTES.experiment, value: plan.experiment },
    { key: SEARCH_ATTRIBUTES.status, value: status },
  ]);
}
