import Database from 'better-sqlite3';
import { accessSync, constants } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from './error-code.js';
import { accessFailure, isThere } from './presence.js';
import { openingFailure, refuseNoFile } from './sqlite-file.js';

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
 * @throws PanicError InvalidInput where the path leads to no file, or to none of SQLite's; SqliteError where the file cannot be opened
 * or created.
 */
export function tryKernelLock(file: string): KernelLock | undefined {
  refuseNoFile(file);
  // The short wait lets a concurrent isKernelLockHeld() finish looking.
  const database = new Database(file, { timeout: 100 });
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (isBusy(error)) return undefined;
    throw openingFailure(error, file);
  }
  return { release: () => database.close() };
}

/**
 * Waits for the lock until it is free; `whileHeld` is called once, where it is not free at once. Throws the signal's reason.
 */
export async function kernelLock(
  file: string,
  options: { readonly whileHeld?: () => void; readonly signal?: AbortSignal } = {},
): Promise<KernelLock> {
  let told = false;
  for (;;) {
    options.signal?.throwIfAborted();
    const lock = tryKernelLock(file);
    if (lock !== undefined) return lock;
    if (!told) options.whileHeld?.();
    told = true;
    await sleep(20);
  }
}

/** Holds the lock together with others that share it; nobody can take it for himself meanwhile. Undefined where somebody has. */
export function shareKernelLock(file: string): KernelLock | undefined {
  refuseNoFile(file);
  const database = new Database(file, { timeout: 100 });
  try {
    // A read transaction keeps SQLite's shared lock until it ends.
    database.exec('BEGIN');
    database.prepare('SELECT count(*) FROM sqlite_schema').get();
  } catch (error) {
    database.close();
    if (isBusy(error)) return undefined;
    throw openingFailure(error, file);
  }
  return { release: () => database.close() };
}

/** Whether a living process holds the lock. Takes nothing and creates nothing. Throws InvalidInput where this user may not look. */
export function isKernelLockHeld(file: string): boolean {
  if (!isThere(file)) return false;
  try {
    accessSync(file, constants.R_OK);
  } catch (error) {
    throw accessFailure(error, file, 'read');
  }
  refuseNoFile(file);
  const database = new Database(file, { readonly: true, fileMustExist: true, timeout: 0 });
  try {
    database.prepare('SELECT count(*) FROM sqlite_schema').get();
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    throw openingFailure(error, file);
  } finally {
    database.close();
  }
}

function isBusy(error: unknown): boolean {
  return errorCode(error)?.startsWith('SQLITE_BUSY') ?? false;
}
