import Database from 'better-sqlite3';
import { accessSync, constants, lstatSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from './error-code.js';
import { PanicError } from './errors.js';
import { holderText, lockHolderOfAnotherUser, userText } from './lock-holder.js';
import { accessFailure, isThere } from './presence.js';
import { openingFailure, refuseNoFile } from './sqlite-file.js';

/**
 * An exclusive lock that the kernel releases when its holder dies, however it dies. Node has no binding for
 * file locks, but SQLite takes one for `BEGIN EXCLUSIVE`. So an otherwise empty SQLite file is the lock
 * (https://sqlite.org/lockingv3.html). No other code may open that file: a process loses a POSIX lock when it
 * closes any descriptor of the file.
 */
export interface KernelLock {
  release(): void;
}

/**
 * Takes the lock, or returns undefined if a living process (this one included) holds it.
 * @throws PanicError InvalidInput if the path leads to no file, to a file that is not SQLite's or to a link,
 * or if this user may not write to it; SqliteError if SQLite cannot open or create the file.
 */
export function tryKernelLock(file: string): KernelLock | undefined {
  refuseNoFile(file);
  refuseForeignLock(file);
  // The short wait lets a concurrent isKernelLockHeld() finish its look.
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
 * If a file is read-only, SQLite takes a shared lock and reports nothing: two processes would then both have
 * the lock.
 */
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
  /** Called once with the holder's name, if the lock is not free at once. */
  readonly whileHeld?: (holder: string) => void;
  readonly signal?: AbortSignal;
  /** How long a process of this user may hold the lock; default 60 s. */
  readonly longestMs?: number;
  /** How long a process of another user may hold the lock; default 60 s, and never more than `longestMs`. */
  readonly longestOfOthersMs?: number;
}

const LONGEST_MS = 60_000;
const PAUSE_MS = 20;

/**
 * Waits until the lock is free, then takes it. Throws the signal's reason. If the lock is not free in time,
 * throws a PanicError `InvalidInput` that names the holder.
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

/**
 * Holds the lock together with other sharers; no process can take it exclusively meanwhile. Undefined if a
 * process already holds it exclusively.
 */
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

/**
 * Whether a living process holds the lock. It takes no lock and creates no file. Throws InvalidInput if this
 * user may not look.
 */
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
