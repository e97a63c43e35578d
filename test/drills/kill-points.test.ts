import { beforeAll, expect, jest, test } from '@jest/globals';
import { FAULT_POINTS } from '../../experiment/fault.js';
import { sideBySide } from '../support/side-by-side.js';
import { digestOf, violations } from '../support/store-checks.js';
import { drill } from './drill.js';
import type { Drill } from './drill.js';

jest.setTimeout(300_000);

/** Which hits of each point to die at; what happens once in an experiment has one. */
const HITS: Readonly<Record<(typeof FAULT_POINTS)[number], readonly number[]>> = {
  'plan:before-commit': [1],
  'plan:after-commit': [1],
  'object:before-rename': [1, 2, 5],
  'object:after-rename': [1, 2, 5],
  'invocation:before-commit': [1, 2, 3, 13],
  'invocation:after-commit': [1, 2, 3, 13],
  'invocations:before-return': [1, 2, 4],
  'vectors:before-commit': [1, 3],
  'vectors:after-commit': [1, 3],
  'embedding:before-return': [1, 3],
  'diagram:before-commit': [1, 3],
  'diagram:after-commit': [1, 8],
  'diagram:before-return': [1, 8],
  'finish:before-commit': [1],
  'finish:after-commit': [1],
};

// A drill mostly waits for a heartbeat to time out, so several go on side by side.
const SIDE_BY_SIDE = 6;

const drills = Object.entries(HITS).flatMap(([point, hits]) =>
  hits.map((hit) => ({ name: `${point} hit ${hit}`, fault: `${point}@${hit}` })),
);
let outcome: (name: string) => Promise<Drill>;
let undisturbed: Drill;
let undisturbedDigest: string;

beforeAll(async () => {
  undisturbed = await drill('undisturbed', null);
  undisturbedDigest = await digestOf(undisturbed.data, undisturbed.result.experiment);
  outcome = sideBySide(
    SIDE_BY_SIDE,
    drills.map(({ name, fault }) => ({ name, task: () => drill(name, fault) })),
  );
});

test('the undisturbed run keeps every invariant', async () => {
  expect(undisturbed.result.status).toBe('completed');
  expect(await violations(undisturbed.data)).toEqual([]);
});

test('every fault point has a drill', () => {
  expect(Object.keys(HITS).sort()).toEqual([...FAULT_POINTS].sort());
});

test.each(drills)('SIGKILL at $name leaves the rows of an undisturbed run', async ({ name }) => {
  const { data, fired, deaths, result } = await outcome(name);
  expect({ fired, deaths, status: result.status }).toEqual({ fired: true, deaths: 1, status: 'completed' });
  expect(await violations(data)).toEqual([]);
  expect(await digestOf(data, result.experiment)).toBe(undisturbedDigest);
});
