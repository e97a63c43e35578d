import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { Client } from '@temporalio/client';
import type { ExperimentResult } from '../../activities/index.js';
import { openLaboratory } from '../support/laboratory.js';
import type { Laboratory } from '../support/laboratory.js';
import { violations } from '../support/store-checks.js';
import { runsOf } from './rows.js';

jest.setTimeout(180_000);

const RUNS = 260;
const CONCURRENCY = 15;

const LARGE = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a lighthouse in fog', 'two hares on a hill', 'rain', 'a door'],
  seeds: Array.from({ length: RUNS / 4 }, (_, seed) => seed),
  embedding_models: ['Dummy'],
  max_length: 2,
  max_dimension: 0,
  concurrency: CONCURRENCY,
};

let laboratory: Laboratory;
let result: ExperimentResult;

beforeAll(async () => {
  laboratory = await openLaboratory();
  result = await laboratory.run(LARGE, 'large');
}, 180_000);

afterAll(async () => {
  await laboratory.close();
});

interface ChildEvent {
  readonly at: bigint;
  /** 1 where a run is asked for, -1 where one has ended. */
  readonly change: 1 | -1;
}

/** When a shard asked for its runs and when they ended, from its history. */
async function childEvents(client: Client, workflowId: string): Promise<ChildEvent[]> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  return events!.flatMap((event): ChildEvent | [] => {
    const at =
      BigInt(String(event.eventTime!.seconds!)) * 1_000_000_000n + BigInt(event.eventTime!.nanos ?? 0);
    if (event.startChildWorkflowExecutionInitiatedEventAttributes) return { at, change: 1 };
    return event.childWorkflowExecutionCompletedEventAttributes ? { at, change: -1 } : [];
  });
}

function mostAtOnce(events: readonly ChildEvent[]): number {
  let open = 0;
  let most = 0;
  for (const { change } of events.toSorted((a, b) => Number(a.at - b.at)))
    most = Math.max(most, (open += change));
  return most;
}

test('an experiment of more than 250 runs completes through shards of 250', async () => {
  expect(result).toEqual({
    experiment: result.experiment,
    status: 'completed',
    runs: RUNS,
    finished: RUNS,
    failed: 0,
    cancelled: 0,
    failedRuns: [],
  });
  const shards: string[] = [];
  const query = `WorkflowType = "shard" AND PanicTdaExperiment = "${result.experiment}"`;
  for await (const { workflowId } of laboratory.client.workflow.list({ query })) shards.push(workflowId);
  expect(shards.sort()).toEqual([0, 1].map((number) => `shard-${result.experiment}-${number}`));
});

test('every run has its rows, and every invariant holds', async () => {
  const runs = await runsOf(laboratory.data, result.experiment);
  expect(runs).toHaveLength(RUNS);
  expect(new Set(runs.map((run) => `${run.seed} ${run.promptId}`)).size).toBe(RUNS);
  expect(runs.every((run) => run.status === 'finished' && run.invocations === run.length)).toBe(true);
  expect(await violations(laboratory.data)).toEqual([]);
});

test('no more runs are open at once than the experiment allows, over all shards', async () => {
  const [first, second] = await Promise.all(
    [0, 1].map((number) => childEvents(laboratory.client, `shard-${result.experiment}-${number}`)),
  );
  expect(first!.filter(({ change }) => change === 1)).toHaveLength(250);
  expect(second!.filter(({ change }) => change === 1)).toHaveLength(RUNS - 250);
  // 15 is 7 and 8.
  expect([mostAtOnce(first!), mostAtOnce(second!)]).toEqual([7, 8]);
  expect(mostAtOnce([...first!, ...second!])).toBeLessThanOrEqual(CONCURRENCY);
});

test('a shard stays far below what a history may hold', async () => {
  const { events } = await laboratory.client.workflow
    .getHandle(`shard-${result.experiment}-0`)
    .fetchHistory();
  expect(events!.length).toBeLessThan(2000);
});

test('progress counts what the shards have finished', async () => {
  expect(await laboratory.client.workflow.getHandle('large').query('progress')).toMatchObject({
    stage: 'done',
    runs: RUNS,
    finished: RUNS,
    failed: 0,
  });
});
