import type { ActivityInterceptors } from '@temporalio/worker';
import { withoutSecrets } from '../common/secrets.js';

/**
 * Takes secrets out of what an activity throws. Temporal's history stores the error with its stack and
 * causes, and libraries and servers write those texts.
 */
export const failuresWithoutSecrets = (): ActivityInterceptors => ({
  inbound: {
    execute: async (input, next) => {
      try {
        return await next(input);
      } catch (error) {
        const seen = new Set<unknown>();
        for (let one: unknown = error; isErrorLike(one) && !seen.has(one); one = one.cause) {
          seen.add(one);
          leaveOutSecrets(one);
        }
        throw error;
      }
    },
  },
});

interface ErrorLike {
  readonly message: string;
  readonly stack?: string;
  readonly cause?: unknown;
}

/** Judges by shape, as `errorMessage` does: an error of another realm has another class. */
function isErrorLike(value: unknown): value is ErrorLike {
  return (
    typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string'
  );
}

/** Defines the property anew, since some errors (DOMException) have only a getter for it. */
function leaveOutSecrets(error: ErrorLike): void {
  for (const key of ['message', 'stack'] as const) {
    const told = error[key];
    const value = told === undefined ? undefined : withoutSecrets(told);
    if (value !== told) Object.defineProperty(error, key, { value, configurable: true, writable: true });
  }
}
