import { setTimeout as sleep } from 'node:timers/promises';
import { PanicError, type FailureKind } from '../experiment/errors.js';

/** HTTP's statuses of a server that may answer in a moment. */
export const BUSY_STATUSES: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/** However long a server asks to be left alone. */
const LONGEST_PAUSE_MS = 60_000;

/** Something that may be over in a moment: a lost connection, a busy server. */
export class PassingFailure extends Error {
  /** How long the server asks to be left alone, milliseconds; null where it does not say. */
  readonly retryAfterMs: number | null;
  constructor(message: string, options: ErrorOptions & { readonly retryAfterMs?: number | null } = {}) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

/** Milliseconds of a header `Retry-After` in seconds. The form with a date is not sent by hubs and servers of models. */
export function retryAfterMs(header: string | null | undefined): number | null {
  return /^\d{1,6}$/.test(header ?? '') ? 1000 * Number(header) : null;
}

/**
 * Does the work again after a PassingFailure, when the server asks for it, or after the next of `delaysMs`; `progressed` tells whether
 * the attempt got on, which begins the count anew. Throws PanicError of `kind` after the last attempt, other errors at once, and
 * the signal's reason.
 */
export async function withRetries<T>(
  work: () => Promise<T>,
  options: {
    readonly delaysMs: readonly number[];
    readonly kind: FailureKind;
    readonly signal: AbortSignal;
    readonly progressed?: () => boolean;
    readonly onRetry?: (sentence: string) => void;
  },
): Promise<T> {
  const { delaysMs, kind, signal, progressed, onRetry } = options;
  for (let failures = 0; ;) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof PassingFailure)) throw error;
      if (progressed?.() === true) failures = 0;
      const delayMs = delaysMs[failures++];
      if (delayMs === undefined) {
        const message = `${error.message} (tried ${delaysMs.length + 1} times)`;
        throw new PanicError(kind, message, { cause: error });
      }
      const waitMs = Math.min(error.retryAfterMs ?? delayMs, LONGEST_PAUSE_MS);
      onRetry?.(`${error.message}; again in ${(waitMs / 1000).toFixed(1)} s`);
      await sleep(waitMs, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}
