import { beforeAll, expect, jest, test } from '@jest/globals';
import { FAULT_POINTS } from '../../common/fault.js';
import { sideBySide } from '../support/side-by-side.js';
import { digestOf, violations } from '../support/store-checks.js';
import { drill, NULL_MODEL_EXPERIMENT, TRAJECTORIES_EXPERIMENT } from './drill.js';
import type { Drill } from './drill.js';

jest.setTimeout(300_000);

type Hits = Readonly<Partial<Record<(typeof FAULT_POINTS)[number], readonly number[]>>>;

/** Which hits of each point to die at; what happens once in an experiment has one. */
const HITS: Hits = {
  'plan:before-commit': [1],
  'plan:after-commit': [1],
  'object:before-write': [1, 2, 5],
  'object:after-write': [1, 2, 5],
  'invocation:before-commit': [1, 2, 3, 13],
  'invocation:after-commit': [1, 2, 3, 13],
  'invocations:before-return': [1, 2, 4],
  'vectors:before-commit': [1, 3],
  'vectors:after-commit': [1, 3],
  'diagram:before-commit': [1, 3],
  'diagram:after-commit': [1, 8],
  'finish:before-commit': [1],
  'finish:after-commit': [1],
};

/** The same with an activity for each step and each later stage, of which a short run needs none otherwise. */
const STEP_BY_STEP_HITS: Hits = {
  'invocation:after-commit': [2],
  'invocations:before-return': [1, 30],
  'vectors:before-commit': [1],
  'embedding:before-return': [1, 3],
  'diagram:before-commit': [1],
  'diagram:before-return': [1, 8],
};

/** With a null model: four surrogates for each of eight diagrams. */
const NULL_MODEL_HITS: Hits = {
  'diagram:after-commit': [2],
  'surrogate:before-commit': [1, 6],
  'surrogate:after-commit': [1, 32],
};

/** Without embedding models, `advanceRun` itself marks a run finished, some time after its last step. */
const TRAJECTORIES_HITS: Hits = {
  'invocation:after-commit': [12, 40],
  'invocations:before-return': [1, 4],
};

// A drill mostly waits for a heartbeat to time out, so several go on side by side.
const SIDE_BY_SIDE = 6;

const drills = [
  ...drillsOf(HITS, ''),
  ...drillsOf(STEP_BY_STEP_HITS, ', step by step', { stepByStep: true }),
  ...drillsOf(NULL_MODEL_HITS, ', with a null model', { file: NULL_MODEL_EXPERIMENT }),
  ...drillsOf(TRAJECTORIES_HITS, ', trajectories alone', { file: TRAJECTORIES_EXPERIMENT }),
];

function drillsOf(points: Hits, how: string, options: Parameters<typeof drill>[2] = {}) {
  return Object.entries(points).flatMap(([point, hits]) =>
    hits.map((hit) => ({ name: `${point} hit ${hit}${how}`, fault: `${point}@${hit}`, options })),
  );
}

let outcome: (name: string) => Promise<Drill>;
let undisturbed: readonly Drill[];
/** By experiment. */
const undisturbedDigests = new Map<string, string>();

beforeAll(async () => {
  undisturbed = await Promise.all([
    drill('undisturbed', null),
    drill('undisturbed with a null model', null, { file: NULL_MODEL_EXPERIMENT }),
    drill('undisturbed trajectories', null, { file: TRAJECTORIES_EXPERIMENT }),
  ]);
  for (const { data, result } of undisturbed) {
    undisturbedDigests.set(result.experiment, await digestOf(data, result.experiment));
  }
  outcome = sideBySide(
    SIDE_BY_SIDE,
    drills.map(({ name, fault, options }) => ({ name, task: () => drill(name, fault, options) })),
  );
});

test('the undisturbed runs keep every invariant', async () => {
  for (const { data, result } of undisturbed) {
    expect(result.status).toBe('completed');
    expect(await violations(data)).toEqual([]);
  }
});

test('every fault point has a drill', () => {
  const drilled = new Set(Object.keys({ ...HITS, ...STEP_BY_STEP_HITS, ...NULL_MODEL_HITS }));
  // Those of `delete`, `merge`, `upgrade` and `backup` are drilled where these commands are tested.
  const ofExperiments = FAULT_POINTS.filter((point) => !/^(delete|merge|upgrade|backup):/.test(point));
  expect([...drilled].sort()).toEqual(ofExperiments.sort());
});

test.each(drills)('SIGKILL at $name leaves the rows of an undisturbed run', async ({ name }) => {
  const { data, fired, deaths, result } = await outcome(name);
  expect({ fired, deaths: deaths.length, status: result.status }).toEqual({
    fired: true,
    deaths: 1,
    status: 'completed',
  });
  expect(await violations(data)).toEqual([]);
  expect(await digestOf(data, result.experiment)).toBe(undisturbedDigests.get(result.experiment));
});
