import { expect, test } from '@jest/globals';
import { question, Unanswered } from '../../workers/temporal/question.js';

/** Longer than the test takes, and shorter than it may take. */
const LONG_MS = 30_000;

/** A question that the test answers. */
function pending() {
  const answers: { resolve: (answer: string) => void; reject: (error: Error) => void }[] = [];
  const ask = () => new Promise<string>((resolve, reject) => answers.push({ resolve, reject }));
  return { ask, answers };
}

test('callers that come while a question is under way share its answer, and the next one asks anew', async () => {
  const { ask, answers } = pending();
  const asks = question(ask, { withinMs: LONG_MS });
  const both = Promise.all([asks(), asks()]);
  await Promise.resolve();
  expect(answers).toHaveLength(1);
  answers[0]!.resolve('first');
  expect(await both).toEqual(['first', 'first']);
  const next = asks();
  await Promise.resolve();
  answers[1]!.resolve('second');
  expect(await next).toBe('second');
});

test('a caller waits for a limited time, and a later caller gets the answer that was late', async () => {
  const { ask, answers } = pending();
  const asks = question(ask, { withinMs: 20 });
  await expect(asks()).rejects.toThrow(Unanswered);
  await expect(asks()).rejects.toThrow('no answer within 0.02 s');
  expect(answers).toHaveLength(1);
  const patient = asks();
  answers[0]!.resolve('late');
  expect(await patient).toBe('late');
});

test('an answer is kept for its time, and a failure reaches only its own callers', async () => {
  let asked = 0;
  const asks = question(
    async () => {
      if (++asked === 1) throw new Error('it is away');
      return asked;
    },
    { withinMs: LONG_MS, keptMs: LONG_MS },
  );
  await expect(asks()).rejects.toThrow('it is away');
  expect([await asks(), await asks()]).toEqual([2, 2]);

  let slow = 0;
  const times = question(async () => ++slow, { withinMs: LONG_MS, keptTimes: 1e9 });
  expect([await times(), await times()]).toEqual([1, 1]);
});
