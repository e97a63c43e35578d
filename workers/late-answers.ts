import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { setTimeout as sleep } from 'node:timers/promises';
import { isWorkerShutdown } from '../activities/index.js';

/** How long a stopping worker still takes what the server has just handed out, to give it back in order. */
export const POLLS_STAY_MS = 1000;

/** Polls are gone by then, and the server knows. */
export const ANSWER_MS = POLLS_STAY_MS + 500;

/**
 * Holds back what a stopping worker answers until its polls are gone. What follows from an answer, the next step or the next
 * attempt, would otherwise come to one of them, and be lost to its time-out where it comes in the moment of their end.
 */
export const lateAnswers: ActivityInterceptorsFactory = ({ cancellationSignal }) => ({
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
