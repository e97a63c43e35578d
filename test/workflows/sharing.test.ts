import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { openLaboratory } from '../support/laboratory.js';
import type { Laboratory } from '../support/laboratory.js';
import { untilInvocations, violations } from '../support/store-checks.js';

jest.setTimeout(240_000);

/** Each step is an activity of its own, and more of them wait than a worker takes at once (40). */
const ONE_STEP_EACH = { PANIC_TDA_ACTIVITY_MS: '0' };
const RUNS = { large: 50, weighty: 50, small: 2 };
const STEPS = 4;

type Name = keyof typeof RUNS;

function experiment(name: Name, more: object = {}) {
  return {
    name,
    networks: [['DummyT2I', 'SlowI2T']],
    prompts: ['a lighthouse in fog'],
    seed_count: RUNS[name],
    embedding_models: ['Dummy'],
    max_length: STEPS,
    max_dimension: 0,
    ...more,
  };
}

interface Task {
  readonly activity: string;
  /** Milliseconds since 1970, both. */
  readonly scheduledAt: number;
  readonly startedAt: number;
}

let laboratory: Laboratory;
/** What each experiment asked of the models' queue, in order of starting. */
let tasks: Readonly<Record<Name, readonly Task[]>>;

beforeAll(async () => {
  laboratory = await openLaboratory(ONE_STEP_EACH);
  const begun = [
    laboratory.run(experiment('large'), 'large'),
    laboratory.run(experiment('weighty', { weight: 4 }), 'weighty'),
  ];
  await untilInvocations(laboratory.data, RUNS.large);
  const results = await Promise.all([...begun, laboratory.run(experiment('small'), 'small')]);
  expect(results.map(({ status }) => status)).toEqual(['completed', 'completed', 'completed']);
  const [large, weighty, small] = await Promise.all(
    results.map(({ experiment: id, runs }) => tasksOf(id, runs)),
  );
  tasks = { large: large!, weighty: weighty!, small: small! };
}, 240_000);

afterAll(async () => {
  await laboratory.close();
});

async function tasksOf(id: string, runs: number): Promise<Task[]> {
  const ofRuns = Array.from({ length: runs }, (_, index) => tasksOfRun(`run-${id}-${index}`));
  return (await Promise.all(ofRuns)).flat().toSorted((a, b) => a.startedAt - b.startedAt);
}

async function tasksOfRun(workflowId: string): Promise<Task[]> {
  const { events } = await laboratory.client.workflow.getHandle(workflowId).fetchHistory();
  const at = (index: number): number => {
    const { seconds, nanos } = events![index]!.eventTime!;
    return 1000 * Number(seconds) + (nanos ?? 0) / 1e6;
  };
  return events!.flatMap(({ activityTaskStartedEventAttributes: started }, index) => {
    if (!started) return [];
    const scheduled = Number(started.scheduledEventId) - 1;
    const { activityType, taskQueue } = events![scheduled]!.activityTaskScheduledEventAttributes!;
    if (taskQueue!.name !== 'panic-tda-gpu') return [];
    return [{ activity: activityType!.name!, scheduledAt: at(scheduled), startedAt: at(index) }];
  });
}

/** How many of the others waited when this one came, and had still to wait when it was taken. */
function overtakenBy(task: Task, others: readonly Task[]): number {
  return others.filter(
    ({ scheduledAt, startedAt }) => scheduledAt < task.scheduledAt && startedAt > task.startedAt,
  ).length;
}

test('the steps of a small experiment go past the backlogs of large ones', () => {
  const others = [...tasks.large, ...tasks.weighty];
  const steps = tasks.small.filter(({ activity }) => activity === 'advanceRun');
  expect(steps).toHaveLength(RUNS.small * STEPS);
  expect(steps.filter((step) => overtakenBy(step, others) > 0).length).toBeGreaterThan(steps.length / 2);
});

test('the weightier of two equal experiments is served more often', () => {
  const [large, weighty] = [tasks.large, tasks.weighty].map((ofAll) =>
    ofAll.filter(({ activity }) => activity === 'advanceRun'),
  );
  const until = weighty![weighty!.length / 2]!.startedAt;
  const served = large!.filter(({ startedAt }) => startedAt <= until).length;
  // A quarter of what the other gets, as long as both have some waiting.
  expect(served).toBeGreaterThan(0);
  expect(served).toBeLessThan(0.8 * (weighty!.length / 2));
});

test('what ends a run goes past what prolongs others of the same experiment', () => {
  const steps = tasks.large.filter(({ activity }) => activity === 'advanceRun');
  const embeddings = tasks.large.filter(({ activity }) => activity === 'embedRun');
  const overtaking = embeddings.filter((task) => overtakenBy(task, steps) > 0);
  // Where a caption came up before, its vector is reused at once, without a task.
  expect(embeddings.length).toBeGreaterThan(RUNS.large / 2);
  expect(overtaking.length).toBeGreaterThan(embeddings.length / 4);
});

test('sharing changes nothing in the rows', async () => {
  expect(await violations(laboratory.data)).toEqual([]);
});
