import Database from 'better-sqlite3';
import { accessSync, constants, lstatSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from './error-code.js';
import { PanicError } from './errors.js';
import { holderText, lockHolderOfAnotherUser, userText } from './lock-holder.js';
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
 * @throws PanicError InvalidInput where the path leads to no file, or to none of SQLite's, where it is a link, and where this user may not
 * write to it; SqliteError where the file cannot be opened or created.
 */
export function tryKernelLock(file: string): KernelLock | undefined {
  refuseNoFile(file);
  refuseForeignLock(file);
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

/** SQLite takes a shared lock, and says nothing, where the file can only be read: two processes would both have the lock. */
function refuseForeignLock(file: string): void {
  const stats = lstatSync(file, { throwIfNoEntry: false });
  if (stats === undefined) return;
  try {
    accessSync(file, constants.W_OK);
  } catch (error) {
    if (errorCode(error) === 'EROFS') throw accessFailure(error, file, 'written to');
    throw new PanicError(
      'InvalidInput',
      `${file} belongs to ${userText(stats.uid)}, and this user may not write to it, which taking the lock needs`,
      { cause: error },
    );
  }
}

export interface KernelLockOptions {
  /** Called once, where the lock is not free at once, with who holds it. */
  readonly whileHeld?: (holder: string) => void;
  readonly signal?: AbortSignal;
  /** How long a process of this user may hold it; default 60 s. */
  readonly longestMs?: number;
  /** The same for another user's; default 60 s, and never more than `longestMs`. */
  readonly longestOfOthersMs?: number;
}

const LONGEST_MS = 60_000;
const PAUSE_MS = 20;

/**
 * Waits for the lock until it is free. Throws the signal's reason, and PanicError `InvalidInput` that names the holder where the lock is
 * not free in time.
 */
export async function kernelLock(
  file: string,
  { whileHeld, signal, longestMs = LONGEST_MS, longestOfOthersMs = LONGEST_MS }: KernelLockOptions = {},
): Promise<KernelLock> {
  const since = performance.now();
  for (let told = false; ; told = true) {
    signal?.throwIfAborted();
    const lock = tryKernelLock(file);
    if (lock !== undefined) return lock;
    if (!told) whileHeld?.(holderText(file));
    const waited = performance.now() - since;
    if (waited > Math.min(longestMs, longestOfOthersMs)) refuseLongHeld(file, waited, longestMs);
    await sleep(PAUSE_MS);
  }
}

function refuseLongHeld(file: string, waitedMs: number, longestMs: number): void {
  if (waitedMs <= longestMs && lockHolderOfAnotherUser(file) === null) return;
  throw new PanicError(
    'InvalidInput',
    `${holderText(file)} has held ${file} for ${Math.round(waitedMs / 1000)} s; wait for it or end it, then try again`,
  );
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
