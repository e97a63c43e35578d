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

/** Whether a store or a Temporal service cannot be reached now, so that the same question may be answered later. */
export function isOutage(error: unknown): boolean {
  if (isPanicError(error)) return error.kind === 'StoreUnavailable';
  if (typeof error !== 'object' || error === null) return false;
  if ('code' in error) {
    if (PASSING_CODES.has(error.code)) return true;
    // Another process holds the SQLite file for longer than the busy time-out.
    if (typeof error.code === 'string' && /^SQLITE_(BUSY|LOCKED)/.test(error.code)) return true;
  }
  return 'cause' in error && isOutage(error.cause);
}

/** For what waits until it is ended from outside. */
export const NEVER: AbortSignal = new AbortController().signal;

/** A question that was not answered: why, since when there is no answer, and when it is asked again. Times are as `Date.now()` counts. */
export interface Outage {
  readonly reason: string;
  readonly since: number;
  readonly nextTryAt: number;
}

export interface PatienceOptions {
  readonly signal: AbortSignal;
  /** Called at each failure, and with null once there is an answer again. */
  readonly onOutage?: (outage: Outage | null) => void;
}

/**
 * Asks again until there is an answer: after 0.5 s, then after twice as long each time, up to 8 s.
 * @throws what `ask` throws, unless it is an outage; the signal's reason, or an AbortError, when the signal is raised.
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

/** What to tell of an error that is an outage: the innermost reason of a Temporal client's error, whose own message says only what it tried. */
export function outageReason(error: unknown): string {
  if (isPanicError(error) || typeof error !== 'object' || error === null) return errorMessage(error);
  return 'cause' in error && error.cause != null ? outageReason(error.cause) : errorMessage(error);
}
