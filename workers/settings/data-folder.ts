import {
  accessSync,
  constants,
  lstatSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeFolder } from '../../common/make-folder.js';
import { DATABASE_FILE, OBJECTS_FOLDER } from '../../db/layout.js';
import { errorMessage, isPanicError, PanicError } from '../../common/errors.js';
import { errorCode } from '../../common/error-code.js';
import { isKernelLockHeld, shareKernelLock, tryKernelLock } from '../../common/kernel-lock.js';
import type { KernelLock } from '../../common/kernel-lock.js';
import { lockHolderOfAnotherUser, textOf } from '../../common/lock-holder.js';
import { accessFailure, isAbsence, statIfThere } from '../../common/presence.js';
import { readRegularFileNow, UnfitFile } from '../../common/regular-file.js';

/** The absolute paths of an installation's files. */
export interface DataFolder {
  readonly root: string;
  /** The store's SQLite file; `db/` makes it. */
  readonly databaseFile: string;
  /** Pictures by SHA-256. */
  readonly objects: string;
  /** Temporal's own state, which may be lost. */
  readonly temporal: string;
  readonly logs: string;
  /** The kernel holds this lock for the one process that runs experiments here. */
  readonly lockFile: string;
  /** The workers that use the folder share this lock; a process that repairs the folder holds it alone. */
  readonly workersLockFile: string;
  /** What that process reports about itself. */
  readonly runInfoFile: string;
}

/** Names the paths and touches nothing, for readers of a folder that may not exist. */
export function dataFolderAt(path: string): DataFolder {
  const root = resolve(path);
  return {
    root,
    databaseFile: join(root, DATABASE_FILE),
    objects: join(root, OBJECTS_FOLDER),
    temporal: join(root, 'temporal'),
    logs: join(root, 'logs'),
    lockFile: join(root, 'run.lock'),
    workersLockFile: join(root, 'workers.lock'),
    runInfoFile: join(root, 'run.json'),
  };
}

/**
 * SQLite opens no file with a longer path (MAX_PATHNAME of its os_unix.c, without the ending of a journal).
 */
const LONGEST_SQLITE_PATH_BYTES = 504;

/**
 * Refuses a path that can be no data folder, for readers too: a file, a path below a file, a path over a link
 * to nothing (as to a disk that is not mounted), and a path that is too long for SQLite. Nothing is stored at
 * such a path; but a message that nothing is stored there yet would mislead.
 * @throws PanicError InvalidInput that says which of these.
 */
export function refuseNoFolder(path: string): void {
  const most = LONGEST_SQLITE_PATH_BYTES - Buffer.byteLength(`/${DATABASE_FILE}.migrate-lock`);
  const bytes = Buffer.byteLength(path);
  if (bytes > most) throw unusable(path, `its path has ${bytes} bytes, and SQLite takes ${most} here`);
  try {
    if (!statSync(path).isDirectory()) throw unusable(path, 'it is a file, not a folder');
  } catch (error) {
    if (errorCode(error) === 'ENOTDIR') throw unusable(path, reason(error), error);
    const link = errorCode(error) === 'ENOENT' ? deadLinkOf(path) : null;
    if (link !== null)
      throw unusable(path, `the link ${link} leads to ${readlinkSync(link)}, where nothing is`);
    if (isPanicError(error)) throw error;
    // The first reader of a file in it reports that this user may not look, or that the disk does not answer.
  }
}

/** The link to nothing on the way to a missing path; null if there is none. */
function deadLinkOf(path: string): string | null {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found !== undefined) return statSync(path, { throwIfNoEntry: false }) === undefined ? path : null;
  const above = dirname(path);
  return above === path ? null : deadLinkOf(above);
}

/**
 * Makes the folder and its parts if they are missing.
 * @throws PanicError InvalidInput if one cannot be made or written to.
 */
export function openDataFolder(path: string): DataFolder {
  const folder = dataFolderAt(path);
  const parts = [folder.root, folder.objects, folder.temporal, folder.logs];
  for (const part of parts) {
    try {
      if (statIfThere(part)?.isDirectory() === false) {
        throw unusable(folder.root, `${part === folder.root ? 'it' : part} is a file, not a folder`);
      }
      makeFolder(part);
      // The object store checks its own folder, which may be elsewhere.
      if (part !== folder.objects) refuseLinkOut(folder.root, part);
      accessSync(part, constants.R_OK | constants.W_OK | constants.X_OK);
    } catch (error) {
      throw isPanicError(error) ? error : unusable(folder.root, reason(error), error);
    }
  }
  return folder;
}

/**
 * Refuses a part that is a link out of the folder. Another user may have made the folder, and what we write
 * must stay in it.
 */
function refuseLinkOut(root: string, part: string): void {
  if (part === root || realpathSync(part) === join(realpathSync(root), relative(root, part))) return;
  throw unusable(root, `${part} is a link to ${realpathSync(part)}; remove the link`);
}

/**
 * What the running process reports about itself, for `status`, `cancel` and the refusal of a second process.
 */
export interface RunInfo {
  readonly pid: number;
  /** ISO 8601. */
  readonly startedAt: string;
  /** Id of the experiment that it drives. */
  readonly experiment?: string | undefined;
  /** host:port; undefined until the server is up. */
  readonly temporalAddress?: string | undefined;
  /** URL of the web UI. */
  readonly uiAddress?: string | undefined;
  readonly namespace?: string | undefined;
  readonly serverPid?: number | undefined;
  readonly workerPids?: readonly number[] | undefined;
  /**
   * Lines for people: where its models with files are computed, and why on no faster device. Absent if it has
   * no such models.
   */
  readonly devices?: readonly string[] | undefined;
}

export interface RunLock {
  /** Adds to what `readRunInfo` returns to others. */
  update(info: Omit<RunInfo, 'pid' | 'startedAt'>): void;
  release(): void;
}

/**
 * Makes this process the one that runs experiments in the folder, until release() or its death.
 * @throws PanicError InvalidInput that names the process which already does.
 */
export async function acquireRunLock(folder: DataFolder): Promise<RunLock> {
  let lock;
  try {
    lock = tryKernelLock(folder.lockFile);
  } catch (error) {
    throw unusable(folder.root, `its lock ${folder.lockFile} cannot be opened: ${reason(error)}`, error);
  }
  if (lock === undefined) throw await refusal(folder);

  const held = lock;
  let info: RunInfo = { pid: process.pid, startedAt: new Date().toISOString() };
  try {
    writeRunInfo(folder, info);
  } catch (error) {
    held.release();
    throw error;
  }
  return {
    update: (more) => {
      info = { ...info, ...more };
      writeRunInfo(folder, info);
    },
    release: () => {
      rmSync(folder.runInfoFile, { force: true });
      held.release();
    },
  };
}

/**
 * Records that this process, a worker or a backup, uses the folder, until release() or its death. `toDo` is
 * what the user can do when another process has ended its repair.
 * @throws PanicError InvalidInput while another process repairs it.
 */
export function joinWorkers(folder: DataFolder, toDo = 'start the worker'): KernelLock {
  const lock = shareKernelLock(folder.workersLockFile);
  if (lock !== undefined) return lock;
  refuseAnotherUser(folder, folder.workersLockFile);
  throw new PanicError(
    'InvalidInput',
    `what is stored in ${folder.root} is being repaired ("doctor --fix"), merged into or upgraded; ${toDo} when that is over`,
  );
}

/**
 * Keeps workers and runs out of the folder, until release() or the death of this process.
 * @throws PanicError InvalidInput that says which process uses it.
 */
export async function excludeWorkers(folder: DataFolder): Promise<{ release(): void }> {
  const run = await acquireRunLock(folder);
  const workers = tryKernelLock(folder.workersLockFile);
  if (workers === undefined) {
    run.release();
    refuseAnotherUser(folder, folder.workersLockFile);
    throw new PanicError(
      'InvalidInput',
      `workers use ${folder.root}; stop them (they give back what they are at), then try again. A backup that is being made counts as one: wait for it`,
    );
  }
  return {
    release: () => {
      workers.release();
      run.release();
    },
  };
}

/**
 * The process that runs experiments in the folder now; undefined if there is none, also if a dead one left
 * its record.
 * @throws PanicError InvalidInput if this user may not look.
 */
export function readRunInfo(folder: DataFolder): RunInfo | undefined {
  return isKernelLockHeld(folder.lockFile) ? parseRunInfo(folder.runInfoFile) : undefined;
}

async function refusal(folder: DataFolder): Promise<PanicError> {
  refuseAnotherUser(folder, folder.lockFile);
  // The first process may have taken the lock a moment ago, and not have written its record yet.
  let first = readRunInfo(folder);
  for (let attempt = 0; first === undefined && attempt < 10; attempt++) {
    await sleep(50);
    first = readRunInfo(folder);
  }
  const who = first ? `process ${first.pid}, started ${first.startedAt},` : 'another process';
  return new PanicError(
    'InvalidInput',
    `${who} is already running experiments in ${folder.root}; wait for it, stop it with Ctrl-C, or use another --data folder.`,
  );
}

/** This process can neither ask nor end a process of another user. The message names that user. */
function refuseAnotherUser({ root }: DataFolder, lockFile: string): void {
  const holder = lockHolderOfAnotherUser(lockFile);
  if (holder === null) return;
  throw new PanicError(
    'InvalidInput',
    `${textOf(holder)} holds ${lockFile}, and so keeps others from running experiments in ${root}; ask that user, or use another --data folder`,
  );
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

function maybe(isRight: (value: unknown) => boolean): (value: unknown) => boolean {
  return (value) => value === undefined || isRight(value);
}

function listOf(isRight: (value: unknown) => boolean): (value: unknown) => boolean {
  return (value) => Array.isArray(value) && value.every(isRight);
}

/**
 * These checks are written by hand: every command that looks at rows reads this record, and a library of
 * schemas takes longer to load than the store.
 */
const isRight: Readonly<Record<keyof RunInfo, (value: unknown) => boolean>> = {
  pid: isInteger,
  startedAt: isText,
  experiment: maybe(isText),
  temporalAddress: maybe(isText),
  uiAddress: maybe(isText),
  namespace: maybe(isText),
  serverPid: maybe(isInteger),
  workerPids: maybe(listOf(isInteger)),
  devices: maybe(listOf(isText)),
};

function isRunInfo(value: unknown): value is RunInfo {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(isRight).every(([name, check]) => check(Reflect.get(value, name)));
}

/** Enough for some lines for each worker and device. */
const MOST_RUN_INFO_BYTES = 2 ** 20;

function parseRunInfo(file: string): RunInfo | undefined {
  let text: string;
  try {
    text = readRegularFileNow(file, MOST_RUN_INFO_BYTES).toString();
  } catch (error) {
    if (error instanceof UnfitFile) return undefined;
    if (isAbsence(error)) return undefined;
    throw accessFailure(error, file, 'read');
  }
  try {
    const info: unknown = JSON.parse(text);
    return isRunInfo(info) ? info : undefined;
  } catch {
    // The file was removed or cut short between two lines of ours. The lock decides.
    return undefined;
  }
}

function writeRunInfo(folder: DataFolder, info: RunInfo): void {
  const temporary = `${folder.runInfoFile}.${process.pid}`;
  try {
    // A file of this name belongs to a process that is gone, or is a link of another user. So the name is
    // freed and the file made anew.
    rmSync(temporary, { force: true });
    writeFileSync(temporary, `${JSON.stringify(info, undefined, 2)}\n`, { flag: 'wx' });
    renameSync(temporary, folder.runInfoFile);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw unusable(folder.root, reason(error), error);
  }
}

function unusable(root: string, why: string, cause?: unknown): PanicError {
  return new PanicError(
    'InvalidInput',
    `The data folder ${root} cannot be used: ${why}. Choose another with --data.`,
    { cause },
  );
}

function reason(error: unknown): string {
  return explanations[errorCode(error) ?? ''] ?? errorMessage(error);
}

const explanations: Readonly<Record<string, string>> = {
  EACCES: 'it cannot be written to',
  EPERM: 'it cannot be written to',
  EROFS: 'it cannot be written to',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of its path is a file',
  EEXIST: 'a part of its path is a file',
};
