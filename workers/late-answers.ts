import type { Context } from '@temporalio/activity';
import type { ActivityInterceptors } from '@temporalio/worker';
import { setTimeout as sleep } from 'node:timers/promises';
import { isWorkerShutdown } from '../activities/index.js';

/**
 * How long a stopping worker keeps its polls open, so that it takes a task that the server has just handed
 * out and gives it back in order.
 */
export const POLLS_STAY_MS = 1000;

/** Longer than the polls stay open: the server knows by then that they are gone. */
export const ANSWER_MS = POLLS_STAY_MS + 500;

/**
 * Holds back the answers of a stopping worker until its polls are closed. An answer makes the server schedule
 * the next step or the next attempt. While the worker still polls, the server may hand it that task; if the
 * poll ends at that moment, the task is lost until its time-out.
 */
export const lateAnswers = ({
  cancellationSignal,
}: Pick<Context, 'cancellationSignal'>): ActivityInterceptors => ({
  inbound: {
    execute: async (input, next) => {
      try {
        return await next(input);
      } finally {
        if (isWorkerShutdown(cancellationSignal)) await sleep(ANSWER_MS);
      }
    },
  },
});
