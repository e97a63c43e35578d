import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import { errorMessage, errorName, isPanicError, StoreRefusal } from '../common/errors.js';
import type { PanicError } from '../common/errors.js';
import { visible, visibleLine } from '../common/text.js';
import type { Stage, RunRow, Store } from '../db/index.js';
import type { WorkFailure } from '../workflows/contract.js';
import { ATTEMPT_FAILURES } from './failure-kinds.js';

/** How often a model may answer the same step with invalid data before the run fails. */
const MODEL_OUTPUT_ATTEMPTS = 3;

/**
 * A failed attempt says how long the next one waits: 0.2 s, doubling to 30 s, so that the retries outlast an
 * outage of an hour. An attempt that was cut short, for example by a killed worker, cannot say so. The next one
 * then waits by the shorter scale of workflows/activities.ts, since that attempt may have done much of its
 * work.
 */
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 30_000;
const MOST_FAILURES = 150;

/**
 * Whether no retry can help. A refusal of the store is not final: an operator can mend its cause, and needs as
 * much time for it as an outage takes.
 */
function isFinal(error: PanicError): boolean {
  return ATTEMPT_FAILURES[error.kind].retried === 'never' && !(error instanceof StoreRefusal);
}

/** The error of an activity that belongs to no run, in the form for Temporal. */
export function bookkeepingFailure(error: unknown): Error {
  const { cancellationSignal } = Context.current();
  if (isWorkerShutdown(cancellationSignal)) return workerShutdown();
  if (cancellationSignal.aborted) return new CancelledFailure('the activity was cancelled');
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error;
  return asApplicationFailure(error, isPanicError(error) && isFinal(error), attempts());
}

/**
 * An error in the form for Temporal: its kind as the type, whether Temporal retries, and after which delay. The
 * delay depends on the number of failures so far.
 */
function asApplicationFailure(error: unknown, final: boolean, failures: number): ApplicationFailure {
  return ApplicationFailure.create({
    // Temporal's programs print the message without escaping it.
    message: visible(errorMessage(error)),
    type: visibleLine(kindOf(error)),
    nonRetryable: final || failures >= MOST_FAILURES,
    nextRetryDelay: Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS),
  });
}

/** The number of attempts of this activity, with this one and with those that were cut short. */
function attempts(): number {
  return Context.current().info.attempt;
}

/**
 * Writes a failed attempt of a run into its log, and types it for Temporal. A cancellation is no failure and is
 * not logged.
 */
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
    // The store cannot log this attempt. Temporal must still learn of its failure.
    if (isPanicError(failed, 'StoreUnavailable') || failed instanceof StoreRefusal) return null;
    throw failed;
  });
  const final =
    isPanicError(error) &&
    (isFinal(error) ||
      (ATTEMPT_FAILURES[error.kind].retried === 'few' && times !== null && times >= MODEL_OUTPUT_ATTEMPTS));
  return asApplicationFailure(error, final, times ?? attempts());
}

/** The work did not fail, so the next attempt starts at once, however many attempts failed before. */
function workerShutdown(): ApplicationFailure {
  return ApplicationFailure.create({
    message: 'the worker is shutting down; another attempt goes on from the stored rows',
    type: 'WorkerShutdown' satisfies WorkFailure,
    nextRetryDelay: '1ms',
  });
}

/** Whether the signal was raised because this worker stops. False if the work was cancelled. The SDK says so only by this message (worker.js of 1.24). */
export function isWorkerShutdown(signal: AbortSignal): boolean {
  const reason: unknown = signal.reason;
  return reason instanceof CancelledFailure && reason.message === 'WORKER_SHUTDOWN';
}

function kindOf(error: unknown): string {
  return isPanicError(error) ? error.kind : errorName(error);
}
