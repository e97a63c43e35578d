import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Client } from '@temporalio/client';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExperimentResult } from '../../activities/index.js';
import { openLaboratory } from '../support/laboratory.js';
import type { Laboratory } from '../support/laboratory.js';
import { violations, withStore } from '../support/store-checks.js';
import { sharedTemporaryFolder } from '../support/temporary-folder.js';
import { runsOf } from '../support/run-rows.js';

const RUNS = 260;
const STEPS = 2;
const CONCURRENCY = 15;

/** These runs fail. Three of them are in the first shard, and one is in the second. */
const POISONED = [13, 113, 213, 255];

const LARGE = {
  networks: [['DummyT2I', 'PoisonedI2T']],
  prompts: ['a lighthouse in fog'],
  // PoisonedI2T refuses the seeds 13, 113, 213, 313, …
  seeds: Array.from({ length: RUNS }, (_, index) => (index === 255 ? 313 : index)),
  embedding_models: ['Dummy'],
  max_length: STEPS,
  on_cycle: 'continue',
  max_dimension: 0,
  concurrency: CONCURRENCY,
};

let laboratory: Laboratory;
let result: ExperimentResult;
let antidote: string;

beforeAll(async () => {
  antidote = join(sharedTemporaryFolder(), 'antidote');
  laboratory = await openLaboratory({ POISONED_I2T_ANTIDOTE: antidote });
  result = await laboratory.run(LARGE, 'large');
});

afterAll(async () => {
  await laboratory.close();
});

interface ChildEvent {
  readonly at: bigint;
  /** 1 when the shard asks for a run, -1 when a run has ended. */
  readonly change: 1 | -1;
}

/** When a shard asked for its runs and when they ended, from its history. */
async function childEvents(client: Client, workflowId: string): Promise<ChildEvent[]> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  return events!.flatMap((event): ChildEvent | [] => {
    const at =
      BigInt(String(event.eventTime!.seconds!)) * 1_000_000_000n + BigInt(event.eventTime!.nanos ?? 0);
    if (event.startChildWorkflowExecutionInitiatedEventAttributes) return { at, change: 1 };
    const ended =
      event.childWorkflowExecutionCompletedEventAttributes ??
      event.childWorkflowExecutionFailedEventAttributes;
    return ended ? { at, change: -1 } : [];
  });
}

function mostAtOnce(events: readonly ChildEvent[]): number {
  let open = 0;
  let most = 0;
  for (const { change } of events.toSorted((a, b) => Number(a.at - b.at)))
    most = Math.max(most, (open += change));
  return most;
}

test('an experiment of more than 250 runs goes through shards of 250, and a failing run fails alone', async () => {
  expect(result).toEqual({
    experiment: result.experiment,
    status: 'completed_with_failures',
    runs: RUNS,
    finished: RUNS - POISONED.length,
    failed: POISONED.length,
    cancelled: 0,
    failedRuns: POISONED,
  });
  const shards: string[] = [];
  const query = `WorkflowType = "shard" AND PanicTdaExperiment = "${result.experiment}"`;
  for await (const { workflowId } of laboratory.client.workflow.list({ query })) shards.push(workflowId);
  expect(shards.sort()).toEqual([0, 1].map((number) => `shard-${result.experiment}-${number}`));
});

test('every run has its rows', async () => {
  const runs = await runsOf(laboratory.data, result.experiment);
  expect(runs.map((run) => run.seed)).toEqual(LARGE.seeds);
  for (const run of runs) {
    const expected = POISONED.includes(run.runIndex) ? ['failed', null, 1] : ['finished', STEPS, STEPS];
    expect([run.status, run.length, run.invocations]).toEqual(expected);
  }
});

test('the progress in the database counts failed runs, and the steps that they made', async () => {
  const progress = await withStore(laboratory.data, ({ summaries }) => summaries.progress(result.experiment));
  const finished = RUNS - POISONED.length;
  const made = finished * STEPS + POISONED.length;
  expect(progress).toEqual({
    runs: { pending: 0, running: 0, finished, failed: POISONED.length, cancelled: 0 },
    invocations: made,
    invocationsExpected: made,
    invocationsHeld: 0,
    trajectoriesEnded: finished,
    diagrams: finished,
  });
});

test('no more runs are open at once than the experiment allows, over all shards', async () => {
  const [first, second] = await Promise.all(
    [0, 1].map((number) => childEvents(laboratory.client, `shard-${result.experiment}-${number}`)),
  );
  expect(first!.filter(({ change }) => change === 1)).toHaveLength(250);
  expect(second!.filter(({ change }) => change === 1)).toHaveLength(RUNS - 250);
  // The two windows of 15 are 7 and 8.
  expect([mostAtOnce(first!), mostAtOnce(second!)]).toEqual([7, 8]);
  expect(mostAtOnce([...first!, ...second!])).toBeLessThanOrEqual(CONCURRENCY);
});

test('a shard stays far below the limit of a history', async () => {
  const { events } = await laboratory.client.workflow
    .getHandle(`shard-${result.experiment}-0`)
    .fetchHistory();
  expect(events!.length).toBeLessThan(2000);
});

test('progress counts the runs that the shards have finished', async () => {
  expect(await laboratory.client.workflow.getHandle('large').query('progress')).toMatchObject({
    stage: 'done',
    runs: RUNS,
    finished: RUNS - POISONED.length,
    failed: POISONED.length,
  });
});

test('a retry makes only the failed runs, from where they stopped, and every invariant holds', async () => {
  const before = await runsOf(laboratory.data, result.experiment);
  writeFileSync(antidote, '');
  await withStore(laboratory.data, ({ experiments }) => experiments.resetFailedRuns(result.experiment));
  const retried = await laboratory.run(LARGE, 'large');
  expect(retried).toMatchObject({ status: 'completed', finished: RUNS, failed: 0 });
  const shards = await Promise.all(
    [0, 1].map((number) => childEvents(laboratory.client, `shard-${result.experiment}-${number}`)),
  );
  expect(shards.map((events) => events.filter(({ change }) => change === 1).length)).toEqual([3, 1]);
  const after = await runsOf(laboratory.data, result.experiment);
  for (const [index, run] of after.entries()) {
    if (POISONED.includes(index)) {
      expect(run).toMatchObject({ status: 'finished', invocations: STEPS, attempt: 2 });
      expect(run.failures).toEqual(before[index]!.failures);
    } else {
      expect(run).toEqual(before[index]);
    }
  }
  expect(await violations(laboratory.data)).toEqual([]);
});
