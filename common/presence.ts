import { accessSync, constants, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { dirname } from 'node:path';
import { errorCode } from './error-code.js';
import { errorMessage, PanicError } from './errors.js';

/**
 * Whether something exists at a path. Node's own `existsSync` also answers no if this user may not look, or
 * if the disk does not answer. `statSync(…, { throwIfNoEntry: false })` throws words without a remedy. This
 * file tells absence from denial.
 */

/**
 * The file or folder at a path, after links; undefined only if nothing exists there.
 * @throws PanicError InvalidInput if this user may not look, StoreUnavailable if the disk does not answer.
 */
export function statIfThere(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw accessFailure(error, path, 'looked at');
  }
}

/** Whether something is at a path. Throws as `statIfThere`. */
export function isThere(path: string): boolean {
  return statIfThere(path) !== undefined;
}

/** Whether an error of the file system says that there is no such file. */
export function isAbsence(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** Whether an error of the file system says that this user may not do this. */
export function isDenial(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'EACCES' || code === 'EPERM';
}

/**
 * Codes of disks that do not answer now (network file systems), and of a process or machine that has no free
 * descriptor.
 */
const PASSING: ReadonlySet<string> = new Set([
  'EIO',
  'ESTALE',
  'ETIMEDOUT',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENOTCONN',
  'ENODEV',
  'ENXIO',
  'EMFILE',
  'ENFILE',
  'EAGAIN',
  'ENOMEM',
]);

const EXPLANATIONS: Readonly<Record<string, string>> = {
  EROFS: 'its disk is mounted for reading only',
  ENOSPC: 'the disk is full',
  ELOOP: 'its links lead in a circle',
};

/** An attempt of the user, in the words of "PATH cannot be …" and of "this user may not …". */
const WORDS = {
  'looked at': 'look at it',
  read: 'read it',
  'written to': 'write to it',
  made: 'make it',
} as const;

/**
 * Turns an error of the file system, other than absence, into a PanicError: `InvalidInput` if this user may
 * not do this or if the path means nothing, `StoreUnavailable` if the disk does not answer now.
 */
export function accessFailure(error: unknown, path: string, doing: keyof typeof WORDS): PanicError {
  const code = errorCode(error) ?? '';
  const kind = PASSING.has(code) ? 'StoreUnavailable' : 'InvalidInput';
  const closed = isDenial(error) ? foldersTo(path).find((folder) => !mayEnter(folder)) : undefined;
  const denied = `this user may not ${closed === undefined ? WORDS[doing] : `enter ${closed}`}`;
  const why = isDenial(error) ? denied : (EXPLANATIONS[code] ?? errorMessage(error));
  return new PanicError(kind, `${path} cannot be ${doing}: ${why}`, { cause: error });
}

/** The folders on the way to a path, outermost first. */
function foldersTo(path: string): string[] {
  const folder = dirname(path);
  return folder === path ? [path] : [...foldersTo(folder), folder];
}

function mayEnter(folder: string): boolean {
  try {
    accessSync(folder, constants.X_OK);
    return true;
  } catch (error) {
    return !isDenial(error);
  }
}
