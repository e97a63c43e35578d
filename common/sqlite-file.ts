import { closeSync, lstatSync, openSync, readSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { errorCode } from './error-code.js';
import { PanicError } from './errors.js';
import { textOf, writerOfAnotherUser } from './lock-holder.js';
import { accessFailure, isAbsence } from './presence.js';

/**
 * What stands at the place of an SQLite file of ours. SQLite's own words ("disk I/O error", "file is not a
 * database") name neither the path nor a remedy. These functions do not open the database file through
 * another descriptor: the process would lose the locks that it holds there
 * (https://sqlite.org/howtocorrupt.html, 2.2).
 */

/**
 * Throws PanicError `InvalidInput` if something other than a file, such as a folder, stands at the path or at
 * the path of one of SQLite's side files. It also refuses links: SQLite would read and write, truncate or
 * delete their targets. And it refuses a journal that names another file, because SQLite deletes that file
 * when it plays the journal back (`pager_delsuper` of its pager.c). No transaction of ours spans two files.
 */
export function refuseNoFile(path: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) {
    const file = path + suffix;
    const stats = lstatIfThere(file);
    if (stats === undefined) continue;
    if (!stats.isFile()) {
      throw new PanicError(
        'InvalidInput',
        `${file} is ${kindOf(stats)}, and panic-tda keeps an SQLite file there; move it away, or choose another folder`,
      );
    }
    if (suffix === '-journal' && namesAnotherFile(file, stats.size)) {
      throw new PanicError(
        'InvalidInput',
        `${file} asks SQLite to delete another file, and no version of panic-tda wrote it; delete it, and trust nothing else in its folder`,
      );
    }
  }
}

function kindOf(stats: Stats): string {
  if (stats.isSymbolicLink()) return 'a link';
  return stats.isDirectory() ? 'a folder' : 'a pipe or a device';
}

function lstatIfThere(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw accessFailure(error, path, 'looked at');
  }
}

/**
 * A journal begins with these bytes, and one that names a super-journal also ends with them
 * (https://sqlite.org/fileformat2.html#the_rollback_journal).
 */
const JOURNAL_MAGIC = Buffer.from('d9d505f920a163d7', 'hex');

function namesAnotherFile(journal: string, size: number): boolean {
  const end = Buffer.alloc(JOURNAL_MAGIC.byteLength);
  if (size < end.byteLength) return false;
  let descriptor: number;
  try {
    descriptor = openSync(journal, 'r');
  } catch (error) {
    // Every transaction of a living process creates a journal and removes it.
    if (isAbsence(error)) return false;
    throw accessFailure(error, journal, 'read');
  }
  try {
    readSync(descriptor, end, 0, end.byteLength, size - end.byteLength);
  } finally {
    closeSync(descriptor);
  }
  return end.equals(JOURNAL_MAGIC);
}

/**
 * If SQLite waited in vain for a process of another user, an error that names that process; otherwise null.
 */
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

/**
 * The error of an attempt to open a file. If SQLite says that the file is no database, an `InvalidInput` that
 * names it.
 */
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
