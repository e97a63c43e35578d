import { expect, test } from '@jest/globals';
import { FAULT_POINTS } from '../../common/fault.js';
import { killPoints, testKillPoints } from './kill-points.js';

// The tests of `delete`, `merge`, `upgrade` and `backup` drill their own fault points.
const ofExperiments = FAULT_POINTS.filter((point) => !/^(delete|merge|upgrade|backup):/.test(point));

test('every fault point has a drill, by day or by night', () => {
  expect(
    [...new Set([...killPoints('day'), ...killPoints('night')].map(({ point }) => point))].sort(),
  ).toEqual([...ofExperiments].sort());
});

/**
 * The first part of a point is what is written. The second is the side of the moment when it becomes durable.
 */
function partsOf(points: readonly string[], part: 0 | 1): string[] {
  return [...new Set(points.map((point) => point.split(':')[part]!))].sort();
}

test.each([
  { kind: 'thing that is written', part: 0 },
  { kind: 'moment before or after it is durable', part: 1 },
] as const)('every $kind has a drill by day', ({ part }) => {
  const byDay = killPoints('day').map(({ point }) => point);
  expect(partsOf(byDay, part)).toEqual(partsOf(ofExperiments, part));
});

testKillPoints('day');
