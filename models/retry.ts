import { setTimeout as sleep } from 'node:timers/promises';
import { PanicError, type FailureKind } from '../common/errors.js';
import { withoutSecrets } from '../common/secrets.js';

/**
 * Whether an HTTP status says that the server may answer a later request: the statuses for too slow, too early and
 * too many, and every fault of the server or of a proxy before it, also their non-standard numbers (520 to 530,
 * 529).
 */
export function isBusyStatus(status: number): boolean {
  return [408, 425, 429].includes(status) || (status >= 500 && status <= 599);
}

/** The longest pause, even where a server asks for more. */
const LONGEST_PAUSE_MS = 60_000;

/** A failure that may pass: a lost connection, a busy server. */
export class PassingFailure extends Error {
  /** How long the server asks the caller to wait, milliseconds; null where it does not say. */
  readonly retryAfterMs: number | null;
  constructor(message: string, options: ErrorOptions & { readonly retryAfterMs?: number | null } = {}) {
    super(withoutSecrets(message), options);
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

/**
 * Milliseconds from `now` that a `Retry-After` header asks for, as seconds or as a date (RFC 9110, 10.2.3); null
 * where the header has neither.
 */
export function retryAfterMs(header: string | null | undefined, now = Date.now()): number | null {
  const text = header?.trim() ?? '';
  if (/^\d{1,9}(\.\d{1,9})?$/.test(text)) return 1000 * Number(text);
  // Only the forms that begin with the name of a day. Date.parse reads more, but an HTTP date has no other form,
  // and all are in GMT.
  const at = /^[A-Z][a-z]{2,8},? /.test(text) ? Date.parse(text.replace(/(?: GMT)?$/, ' GMT')) : Number.NaN;
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}

/**
 * Repeats the work after a PassingFailure. The pause is the one that the server asks for, or the next of
 * `delaysMs`. Where `progressed` says that the attempt made progress, the count begins anew. Throws PanicError of
 * `kind` after the last attempt, any other error at once, and the signal's reason.
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
