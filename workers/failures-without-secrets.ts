import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { withoutSecrets } from '../common/secrets.js';

/** What an activity throws goes into Temporal's history with its stack and its causes, which are words of libraries and servers. */
export const failuresWithoutSecrets: ActivityInterceptorsFactory = () => ({
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

/** By its shape and not by its class, as `errorMessage` has it. */
function isErrorLike(value: unknown): value is ErrorLike {
  return (
    typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string'
  );
}

/** Some errors (DOMException) have getters in place of values. */
function leaveOutSecrets(error: ErrorLike): void {
  for (const key of ['message', 'stack'] as const) {
    const told = error[key];
    const value = told === undefined ? undefined : withoutSecrets(told);
    if (value !== told) Object.defineProperty(error, key, { value, configurable: true, writable: true });
  }
}
