import { closeSync, existsSync, fstatSync, openSync, readSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeFolder } from '../experiment/make-folder.js';

const maxLogBytes = 16 * 1024 * 1024;

/** Opens a child's log for appending. One that has grown beyond 16 MiB becomes `<file>.1`, replacing the one before. */
export function openLog(file: string): number {
  makeFolder(dirname(file));
  if (existsSync(file) && statSync(file).size > maxLogBytes) renameSync(file, `${file}.1`);
  return openSync(file, 'a');
}

export function logSize(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** The last lines that were written after `fromByte`, for error messages. */
export function logTail(file: string, fromByte: number, lines = 15): string {
  if (!existsSync(file)) return '';
  const descriptor = openSync(file, 'r');
  try {
    const size = fstatSync(descriptor).size;
    // A rotated log is shorter than the position that was noted in its predecessor.
    const start = Math.max(size - 64 * 1024, fromByte <= size ? fromByte : 0);
    const buffer = Buffer.alloc(size - start);
    readSync(descriptor, buffer, 0, buffer.length, start);
    return buffer.toString().trimEnd().split('\n').slice(-lines).join('\n');
  } finally {
    closeSync(descriptor);
  }
}
