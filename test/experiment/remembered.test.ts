import { expect, test } from '@jest/globals';
import { remembered } from '../../common/remembered.js';

test('a value is made once, also for callers that ask while it is being made', async () => {
  let made = 0;
  const value = remembered(async () => ++made);
  expect(await Promise.all([value(), value()])).toEqual([1, 1]);
  expect(await value()).toBe(1);
});

test('all waiting callers get the failure, and the next caller tries again', async () => {
  let tries = 0;
  const value = remembered(async () => {
    tries++;
    if (tries === 1) throw new Error('for a moment');
    return tries;
  });
  const first = await Promise.allSettled([value(), value()]);
  expect(first.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await value()).toBe(2);
  expect(await value()).toBe(2);
});
