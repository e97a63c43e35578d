import type { FailureKind } from '../common/errors.js';
import type { WorkFailure } from '../workflows/contract.js';

/**
 * The type of a failed attempt, as Temporal and the rows keep it. Bugs and errors of other programs have types
 * outside this list.
 */
export type AttemptFailure = FailureKind | WorkFailure;

export interface FailureFacts {
  /**
   * `never`: the first failure ends the work. `few`: as often as `failures.ts` allows for one step. `always`:
   * for about an hour, or for about a week if the worker does not know the activity (`unknown-activity.ts`).
   */
  readonly retried: 'never' | 'few' | 'always';
  /** Whether the user has to ask for something else. A command then exits as for bad input. */
  readonly asksUser: boolean;
}

export const ATTEMPT_FAILURES: Readonly<Record<AttemptFailure, FailureFacts>> = {
  InvalidInput: { retried: 'never', asksUser: true },
  ModelFilesMissing: { retried: 'never', asksUser: true },
  ResourceLimit: { retried: 'never', asksUser: false },
  StoreConflict: { retried: 'never', asksUser: false },
  ModelOutputInvalid: { retried: 'few', asksUser: false },
  DeviceError: { retried: 'always', asksUser: false },
  StoreUnavailable: { retried: 'always', asksUser: false },
  AlreadyRunning: { retried: 'never', asksUser: true },
  RoutesDisagree: { retried: 'never', asksUser: false },
  Timeout: { retried: 'always', asksUser: false },
  UnknownActivity: { retried: 'always', asksUser: false },
  WorkerShutdown: { retried: 'always', asksUser: false },
};

/** What is known of a failure by its type. Null for a bug and for an error of another program. */
export function failureFacts(type: unknown): FailureFacts | null {
  return typeof type === 'string' && isAttemptFailure(type) ? ATTEMPT_FAILURES[type] : null;
}

function isAttemptFailure(type: string): type is AttemptFailure {
  return Object.hasOwn(ATTEMPT_FAILURES, type);
}
