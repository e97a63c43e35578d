import { setTimeout as sleep } from 'node:timers/promises';
import { PanicError } from '../../experiment/errors.js';
import { PassingFailure } from './hub.js';

/**
 * Does the work again after a PassingFailure, waiting longer each time; `progressed` tells whether the attempt got on, which begins
 * the count anew. Throws PanicError `ModelFilesMissing` after the last attempt, and other errors at once.
 */
export async function withRetries<T>(
  work: () => Promise<T>,
  options: {
    readonly delaysMs: readonly number[];
    readonly signal: AbortSignal;
    readonly progressed?: () => boolean;
    readonly onRetry?: (sentence: string) => void;
  },
): Promise<T> {
  const { delaysMs, signal, progressed, onRetry } = options;
  for (let failures = 0; ;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof PassingFailure)) throw error;
      if (progressed?.() === true) failures = 0;
      const delayMs = delaysMs[failures++];
      if (delayMs === undefined) {
        const message = `${error.message} (tried ${delaysMs.length + 1} times)`;
        throw new PanicError('ModelFilesMissing', message, { cause: error });
      }
      const waitMs = Math.max(delayMs, error.retryAfterMs);
      onRetry?.(`${error.message}; again in ${(waitMs / 1000).toFixed(1)} s`);
      await sleep(waitMs, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}
