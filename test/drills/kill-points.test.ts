import { expect, jest, test } from '@jest/globals';
import { FAULT_POINTS } from '../../common/fault.js';
import { KILL_POINTS, testKillPoints } from './kill-points.js';

jest.setTimeout(300_000);

// Those of `delete`, `merge`, `upgrade` and `backup` are drilled where these commands are tested.
const ofExperiments = FAULT_POINTS.filter((point) => !/^(delete|merge|upgrade|backup):/.test(point));

test('every fault point has a drill, by day or by night', () => {
  expect([...new Set(KILL_POINTS.map(({ point }) => point))].sort()).toEqual([...ofExperiments].sort());
});

/** What is written, or else at which side of the moment from which it is durable. */
function partsOf(points: readonly string[], part: 0 | 1): string[] {
  return [...new Set(points.map((point) => point.split(':')[part]!))].sort();
}

test.each([
  { kind: 'thing that is written', part: 0 },
  { kind: 'moment before or after it is durable', part: 1 },
] as const)('every $kind has a drill by day', ({ part }) => {
  const byDay = KILL_POINTS.filter(({ when }) => when === 'day').map(({ point }) => point);
  expect(partsOf(byDay, part)).toEqual(partsOf(ofExperiments, part));
});

testKillPoints('day');
