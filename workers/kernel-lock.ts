import Database from 'better-sqlite3';
import { existsSync } from 'node:fs';
import { errorCode } from './error-code.js';

/**
 * An exclusive lock that the kernel releases when its holder dies, however it dies. Node has no binding for file locks, but
 * SQLite takes one for `BEGIN EXCLUSIVE`, so an otherwise empty SQLite file is the lock (https://sqlite.org/lockingv3.html).
 * Nothing else may open that file: a POSIX lock is lost when its process closes any descriptor of the file.
 */
export interface KernelLock {
  release(): void;
}

/**
 * Takes the lock, or returns undefined when a living process (this one included) holds it.
 * @throws SqliteError when the file cannot be opened or created.
 */
export function tryKernelLock(file: string): KernelLock | undefined {
  // The short wait lets a concurrent isKernelLockHeld() finish looking.
  const database = new Database(file, { timeout: 100 });
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (isBusy(error)) return undefined;
    throw error;
  }
  return { release: () => database.close() };
}

/** Whether a living process holds the lock. Takes nothing and creates nothing. */
export function isKernelLockHeld(file: string): boolean {
  if (!existsSync(file)) return false;
  const database = new Database(file, { readonly: true, fileMustExist: true, timeout: 0 });
  try {
    database.prepare('SELECT count(*) FROM sqlite_schema').get();
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    throw error;
  } finally {
    database.close();
  }
}

function isBusy(error: unknown): boolean {
  return errorCode(error)?.startsWith('SQLITE_BUSY') ?? false;
}
