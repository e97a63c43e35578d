import { afterEach, expect, jest, test } from '@jest/globals';
import { CancelledFailure } from '@temporalio/common';
import { ANSWER_MS, lateAnswers, POLLS_STAY_MS } from '../../workers/late-answers.js';

afterEach(() => {
  jest.useRealTimers();
});

/**
 * The answer of an activity through the interceptor, if its signal was aborted for `reason` before it ended.
 */
function answering(reason: string | null, activity: () => Promise<unknown>): Promise<unknown> {
  const controller = new AbortController();
  if (reason !== null) controller.abort(new CancelledFailure(reason));
  const { inbound } = lateAnswers({ cancellationSignal: controller.signal });
  return inbound!.execute!({ args: [], headers: {} }, activity);
}

test('an activity that ends, or that a user cancelled, answers at once', async () => {
  jest.useFakeTimers();
  expect(await answering(null, async () => 7)).toBe(7);
  expect(await answering('CANCELLED', async () => 7)).toBe(7);
});

test.each([
  ['returns', async () => 7],
  ['throws', async () => await Promise.reject(new Error('given back'))],
])(
  'what an activity of a stopping worker %s reaches the server after the polls have ended',
  async (_, activity) => {
    jest.useFakeTimers();
    let answered = false;
    const answer = answering('WORKER_SHUTDOWN', activity).then(
      (value) => value,
      (error: unknown) => error,
    );
    void answer.then(() => (answered = true));
    await jest.advanceTimersByTimeAsync(POLLS_STAY_MS);
    expect(answered).toBe(false);
    await jest.advanceTimersByTimeAsync(ANSWER_MS - POLLS_STAY_MS);
    expect(await answer).toEqual(await activity().catch((error: unknown) => error));
  },
);
