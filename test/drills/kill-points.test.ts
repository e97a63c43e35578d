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
 * The first part of a point is what is written, or what an activity answers. The second is the side of the moment when it
 * becomes durable.
 */
function partsOf(points: readonly string[], part: 0 | 1): string[] {
  return [...new Set(points.map((point) => point.split(':')[part]!))].sort();
}

const byDay = killPoints('day').map(({ point }) => point);

test('every thing that is written has a drill by day', () => {
  const writes = ofExperiments.filter((point) => !point.endsWith(':before-return'));
  expect(partsOf(byDay, 0)).toEqual(partsOf(writes, 0));
});

test('every moment before or after something is durable has a drill by day', () => {
  expect(partsOf(byDay, 1)).toEqual(partsOf(ofExperiments, 1));
});

testKillPoints('day');
