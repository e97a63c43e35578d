import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage, isPanicError } from '../common/errors.js';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8000;

/**
 * gRPC status codes of a Temporal service that is away, restarts, is too busy, or cannot reach its own database: CANCELLED, UNKNOWN,
 * DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, OUT_OF_RANGE, INTERNAL, UNAVAILABLE, DATA_LOSS. Others, such as NOT_FOUND and
 * PERMISSION_DENIED, are refusals (https://grpc.io/docs/guides/status-codes/).
 */
const PASSING_CODES: ReadonlySet<unknown> = new Set([1, 2, 4, 8, 10, 11, 13, 14, 15]);

/**
 * Whether the store or the Temporal service cannot be reached now, so that it may answer the same question
 * later.
 */
export function isOutage(error: unknown): boolean {
  if (isPanicError(error)) return error.kind === 'StoreUnavailable';
  if (typeof error !== 'object' || error === null) return false;
  if ('code' in error) {
    if (PASSING_CODES.has(error.code)) return true;
    // Another process held the SQLite file for longer than the busy time-out.
    if (typeof error.code === 'string' && /^SQLITE_(BUSY|LOCKED)/.test(error.code)) return true;
  }
  return 'cause' in error && isOutage(error.cause);
}

/** A signal for callers that wait until the process is ended from outside. */
export const NEVER_ABORTED: AbortSignal = new AbortController().signal;

/**
 * A question without an answer: the reason, since when, and the time of the next try. Times count as
 * `Date.now()` does.
 */
export interface Outage {
  readonly reason: string;
  readonly since: number;
  readonly nextTryAt: number;
}

export interface PatienceOptions {
  readonly signal: AbortSignal;
  /** Called at each failure, and with null when there is an answer again. */
  readonly onOutage?: (outage: Outage | null) => void;
}

/**
 * Asks again until there is an answer. The first pause is 0.5 s; each pause doubles the one before, up to 8
 * s.
 * @throws what `ask` throws, unless it is an outage; the signal's reason, or an AbortError, when the signal
 * is raised.
 */
export async function patiently<T>(ask: () => Promise<T>, { signal, onOutage }: PatienceOptions): Promise<T> {
  let since: number | null = null;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    signal.throwIfAborted();
    try {
      const answer = await ask();
      if (since !== null) onOutage?.(null);
      return answer;
    } catch (error) {
      if (!isOutage(error)) throw error;
      const now = Date.now();
      since ??= now;
      onOutage?.({ reason: outageReason(error), since, nextTryAt: now + pauseMs });
    }
    await sleep(pauseMs, undefined, { signal });
  }
}

/**
 * The reason to report for an outage. A Temporal client's error says only what the client tried; its
 * innermost cause says why that failed.
 */
export function outageReason(error: unknown): string {
  if (isPanicError(error) || typeof error !== 'object' || error === null) return errorMessage(error);
  return 'cause' in error && error.cause != null ? outageReason(error.cause) : errorMessage(error);
}
