import { errorCode } from './error-code.js';
import { PanicError } from './errors.js';
import { textOf, writerOfAnotherUser } from './lock-holder.js';
import { statIfThere } from './presence.js';

/**
 * What stands where an SQLite file of ours belongs. SQLite's own words ("disk I/O error", "file is not a database") name neither the
 * path nor a remedy. The file is not opened for this: its process would lose the locks that it holds there
 * (https://sqlite.org/howtocorrupt.html, 2.2).
 */

/** Throws PanicError `InvalidInput` where a path leads to something that is no file, such as a folder. */
export function refuseNoFile(path: string): void {
  const stats = statIfThere(path);
  if (stats === undefined || stats.isFile()) return;
  const what = stats.isDirectory() ? 'a folder' : 'a pipe or a device';
  throw new PanicError(
    'InvalidInput',
    `${path} is ${what}, and panic-tda keeps an SQLite file there; move it away, or choose another folder`,
  );
}

/** Where SQLite waited in vain for a process of another user, an error that names it; null where an error is no such one. */
export function heldFailure(
  error: unknown,
  path: string,
  kind: 'InvalidInput' | 'StoreUnavailable',
): PanicError | null {
  if (errorCode(error)?.startsWith('SQLITE_BUSY') !== true) return null;
  const holder = writerOfAnotherUser(path);
  if (holder === null) return null;
  return new PanicError(
    kind,
    `${textOf(holder)} holds a lock of ${path}, and did not give it back in time; ask that user`,
    {
      cause: error,
    },
  );
}

/** What opening a file threw; where SQLite says that the file is no database, an `InvalidInput` that names it. */
export function openingFailure(error: unknown, path: string): unknown {
  const held = heldFailure(error, path, 'InvalidInput');
  if (held !== null) return held;
  if (errorCode(error) !== 'SQLITE_NOTADB') return error;
  return new PanicError(
    'InvalidInput',
    `${path} is not a database of SQLite: another program wrote it, or its first bytes are damaged; put a copy in its place, ` +
      'move it away, or choose another folder',
    { cause: error },
  );
}
