import {
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  truncateSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { PanicError } from '../../common/errors.js';
import { makeFolder } from '../../common/make-folder.js';
import { openForAppending, UnfitFile } from '../../common/regular-file.js';

export const maxLogBytes = 16 * 1024 * 1024;

/**
 * Opens a child's log for appending. A log of more than 16 MiB becomes `<file>.1`, which replaces the one
 * before.
 * @throws PanicError InvalidInput if the path is a link or something else that is no file.
 */
export function openLog(file: string): number {
  makeFolder(dirname(file));
  if (logSize(file) > maxLogBytes) renameSync(file, `${file}.1`);
  try {
    return openForAppending(file, 0o666);
  } catch (error) {
    if (!(error instanceof UnfitFile)) throw error;
    const message = `${file} ${error.message}, and panic-tda writes a log there; move it away, or choose another folder`;
    throw new PanicError('InvalidInput', message, { cause: error });
  }
}

/**
 * Does the same for a log that a process has open. The process writes by appending, so it goes on at the
 * beginning of the file. What it writes between the copy and the cut is lost.
 */
export function boundOpenLog(file: string, mostBytes: number = maxLogBytes): void {
  if (logSize(file) <= mostBytes) return;
  rmSync(`${file}.1`, { force: true });
  copyFileSync(file, `${file}.1`, constants.COPYFILE_EXCL);
  truncateSync(file);
}

export function logSize(file: string): number {
  return lstatSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** The last lines that were written after `fromByte`, for error messages. */
export function logTail(file: string, fromByte: number, lines = 15): string {
  if (lstatSync(file, { throwIfNoEntry: false })?.isFile() !== true) return '';
  const descriptor = openSync(file, 'r');
  try {
    const size = fstatSync(descriptor).size;
    // A rotated log is shorter than a position in the log before it.
    const start = Math.max(size - 64 * 1024, fromByte <= size ? fromByte : 0);
    const buffer = Buffer.alloc(size - start);
    readSync(descriptor, buffer, 0, buffer.length, start);
    return buffer.toString().trimEnd().split('\n').slice(-lines).join('\n');
  } finally {
    closeSync(descriptor);
  }
}
