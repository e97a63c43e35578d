import { withoutSecrets } from './secrets.js';
import { storableMessage } from './text.js';

/**
 * One type per kind of failure. `name` crosses process and Temporal boundaries, so it is the discriminator:
 *
 * - InvalidInput: the request is wrong; never retried.
 * - ModelOutputInvalid: a model answered with something that is not data; retried a few times, then final.
 * - ModelFilesMissing: the model's files are not on this machine; final until the user gets them.
 * - ResourceLimit: the work would not fit (memory, or the time of a call); final, says the figure and the remedy.
 * - DeviceError: the process or thread of a model died or a device call failed; transient, retried.
 * - StoreUnavailable: the database or the objects cannot be reached now; transient, retried.
 * - StoreConflict: a row already there disagrees with the one being written; a bug or two writers, final.
 */
export const FAILURE_KINDS = [
  'InvalidInput',
  'ModelOutputInvalid',
  'ModelFilesMissing',
  'ResourceLimit',
  'DeviceError',
  'StoreUnavailable',
  'StoreConflict',
] as const;
export type FailureKind = (typeof FAILURE_KINDS)[number];

/** Its message may repeat what a server or a library said: known secrets are left out of it. */
export class PanicError extends Error {
  readonly kind: FailureKind;
  constructor(kind: FailureKind, message: string, options?: ErrorOptions) {
    super(withoutSecrets(message), options);
    this.kind = kind;
    this.name = kind;
  }
}

/**
 * A database or a place of objects refuses this process, as after its password was changed. The request is wrong as it is made now, and an
 * operator can mend that: work that is under way is tried again.
 */
export class StoreRefusal extends PanicError {
  constructor(message: string, options?: ErrorOptions) {
    super('InvalidInput', message, options);
  }
}

export function isPanicError(error: unknown, kind?: FailureKind): error is PanicError {
  return error instanceof PanicError && (kind === undefined || error.kind === kind);
}

/** What an error says. By its shape and not by its class, which differs between realms (a test's, a native module's). */
export function errorMessage(error: unknown): string {
  const message =
    typeof error === 'object' && error !== null && 'message' in error ? error.message : undefined;
  return storableMessage(typeof message === 'string' ? message : String(error));
}

/** The kind of an error, by its name; by its shape as well. */
export function errorName(error: unknown): string {
  const name = typeof error === 'object' && error !== null && 'name' in error ? error.name : undefined;
  return typeof name === 'string' ? storableMessage(name) : 'Error';
}

/** Marks the branch of a discriminated union that cannot be reached. */
export function assertNever(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
