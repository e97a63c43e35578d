import { withoutSecrets } from './secrets.js';
import { storableMessage } from './text.js';

/**
 * One type per kind of failure. `name` crosses process and Temporal boundaries, so it is the discriminator:
 *
 * - InvalidInput: the request is wrong; never retried.
 * - ModelOutputInvalid: a model answered with something that is not data; retried a few times, then final.
 * - ModelFilesMissing: the model's files are not on this machine; final until the user gets them.
 * - ResourceLimit: the work would not fit (memory, or the time of a call); final; the message has the figure
 * and the remedy.
 * - DeviceError: the process or thread of a model died, or a call to the device failed; transient, retried.
 * - StoreUnavailable: the database or the objects cannot be reached now; transient, retried.
 * - StoreConflict: a stored row disagrees with the row that the caller writes; a bug or two writers, final.
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

/** The message may repeat the words of a server or a library, so the constructor removes known secrets. */
export class PanicError extends Error {
  readonly kind: FailureKind;
  constructor(kind: FailureKind, message: string, options?: ErrorOptions) {
    super(withoutSecrets(message), options);
    this.kind = kind;
    this.name = kind;
  }
}

/**
 * A database or a place of objects refuses this process, for example after a change of its password. The
 * request is wrong as this process makes it now, and an operator can mend that. So a worker tries work that
 * is under way again.
 */
export class StoreRefusal extends PanicError {
  constructor(message: string, options?: ErrorOptions) {
    super('InvalidInput', message, options);
  }
}

export function isPanicError(error: unknown, kind?: FailureKind): error is PanicError {
  return error instanceof PanicError && (kind === undefined || error.kind === kind);
}

/**
 * The message of an error. It looks at the error's shape and not at its class, which differs between realms
 * (a test's, a native module's).
 */
export function errorMessage(error: unknown): string {
  const message =
    typeof error === 'object' && error !== null && 'message' in error ? error.message : undefined;
  return storableMessage(typeof message === 'string' ? message : String(error));
}

/** The kind of an error, which is its name. It looks at the error's shape too. */
export function errorName(error: unknown): string {
  const name = typeof error === 'object' && error !== null && 'name' in error ? error.name : undefined;
  return typeof name === 'string' ? storableMessage(name) : 'Error';
}

/** Marks the branch that no kind of a discriminated union can reach. */
export function assertNever(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
