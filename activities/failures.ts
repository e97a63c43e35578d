import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import { errorMessage, errorName, isPanicError, StoreRefusal } from '../common/errors.js';
import type { PanicError } from '../common/errors.js';
import { visible, visibleLine } from '../common/text.js';
import type { Stage, RunRow, Store } from '../db/index.js';
import type { WorkFailure } from '../workflows/contract.js';
import { ATTEMPT_FAILURES } from './failure-kinds.js';

/** Times a model may answer the same step with something that is not data before the run is given up. */
const MODEL_OUTPUT_ATTEMPTS = 3;

/**
 * An attempt that fails by itself says how long the next one waits: 0.2 s, doubling to 30 s, which outlasts an hour's outage. One that
 * was cut short, as by a killed worker, cannot say it, and waits by the shorter scale of workflows/activities.ts: it may have come far.
 */
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 30_000;
const MOST_FAILURES = 150;

/** Whether no retry can mend it. An operator can mend what the store refuses, and needs the time for it that an outage has. */
function isFinal(error: PanicError): boolean {
  return ATTEMPT_FAILURES[error.kind].retried === 'never' && !(error instanceof StoreRefusal);
}

/** The error of an activity that belongs to no run, as Temporal should see it. */
export function bookkeepingFailure(error: unknown): Error {
  const { cancellationSignal } = Context.current();
  if (isWorkerShutdown(cancellationSignal)) return workerShutdown();
  if (cancellationSignal.aborted) return new CancelledFailure('the activity was cancelled');
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error;
  return asApplicationFailure(error, isPanicError(error) && isFinal(error), attempts());
}

/** An error as Temporal should see it: its kind as type, whether a retry can mend it, and when, after so many failures. */
function asApplicationFailure(error: unknown, final: boolean, failures: number): ApplicationFailure {
  return ApplicationFailure.create({
    // Temporal's programs show it as it is.
    message: visible(errorMessage(error)),
    type: visibleLine(kindOf(error)),
    nonRetryable: final || failures >= MOST_FAILURES,
    nextRetryDelay: Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS),
  });
}

/** Those of the activity, with this one; also those that were cut short. */
function attempts(): number {
  return Context.current().info.attempt;
}

/** Writes a failed attempt of a run into its log and types it for Temporal. Cancellation is no failure. */
export async function runFailure(
  store: Store,
  run: RunRow,
  at: { readonly stage: Stage; readonly sequence: number | null },
  error: unknown,
  now: number,
): Promise<Error> {
  const { cancellationSignal } = Context.current();
  if (cancellationSignal.aborted) {
    return isWorkerShutdown(cancellationSignal)
      ? workerShutdown()
      : new CancelledFailure('the run was cancelled');
  }
  const kind = kindOf(error);
  const message = errorMessage(error);
  const times = await store.runs.logFailure(run, { ...at, kind, message }, now).catch((failed: unknown) => {
    // Then this attempt is not logged; that it failed must still be told.
    if (isPanicError(failed, 'StoreUnavailable') || failed instanceof StoreRefusal) return null;
    throw failed;
  });
  const final =
    isPanicError(error) &&
    (isFinal(error) ||
      (ATTEMPT_FAILURES[error.kind].retried === 'few' && times !== null && times >= MODEL_OUTPUT_ATTEMPTS));
  return asApplicationFailure(error, final, times ?? attempts());
}

/** Not the work's fault, so the next attempt need not wait as long as after that many failures. */
function workerShutdown(): ApplicationFailure {
  return ApplicationFailure.create({
    message: 'the worker is shutting down; another attempt goes on from the stored rows',
    type: 'WorkerShutdown' satisfies WorkFailure,
    nextRetryDelay: '1ms',
  });
}

/** True where the signal was raised because this worker stops, not because a user cancelled the work. The SDK says it by this message (worker.js of 1.24). */
export function isWorkerShutdown(signal: AbortSignal): boolean {
  const reason: unknown = signal.reason;
  return reason instanceof CancelledFailure && reason.message === 'WORKER_SHUTDOWN';
}

function kindOf(error: unknown): string {
  return isPanicError(error) ? error.kind : errorName(error);
}
