import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { errorCode } from './error-code.js';

/**
 * Files in folders that other users may have filled. A name there can be a link out of the folder, a pipe
 * that waits for a writer for ever, a device without an end, or a file of any size. These functions follow,
 * wait for and read none of these.
 */

/**
 * No regular file is at a path, or the file is too large. The message ends a sentence that begins with the
 * path.
 */
export class UnfitFile extends Error {
  override readonly name = 'UnfitFile';
}

// With these flags the open does not wait for a pipe's writer, and a terminal does not become this process's
// own.
const READING = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/**
 * Opens a file to read it. It follows a link only if `links` says so. Throws UnfitFile, or the system's
 * error.
 */
export async function openRegularFile(
  path: string,
  { links = false }: { readonly links?: boolean } = {},
): Promise<FileHandle> {
  const handle = await open(path, READING | (links ? 0 : constants.O_NOFOLLOW)).catch(refuseLink);
  try {
    requireFit(await handle.stat(), Infinity, null);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * The bytes of a file of at most `most` bytes, and of exactly `size` bytes if the caller gives that. Throws
 * UnfitFile, or the system's error.
 */
export async function readRegularFile(
  path: string,
  most: number,
  size: number | null = null,
): Promise<Buffer> {
  const handle = await openRegularFile(path);
  try {
    const stats = await handle.stat();
    requireFit(stats, most, size);
    const expected = size ?? stats.size;
    // One byte more, so that the check below notices a file that grows.
    const bytes = Buffer.allocUnsafe(expected + 1);
    let length = 0;
    for (let read = 1; read > 0 && length < bytes.byteLength; length += read) {
      ({ bytesRead: read } = await handle.read(bytes, length, bytes.byteLength - length, length));
    }
    if (length !== expected) throw new UnfitFile('changed while it was read');
    return bytes.subarray(0, expected);
  } finally {
    await handle.close();
  }
}

/** The synchronous form of `readRegularFile`. It follows a link only if `links` says so. */
export function readRegularFileNow(
  path: string,
  most: number,
  { links = false }: { readonly links?: boolean } = {},
): Buffer {
  const descriptor = openNow(path, READING | (links ? 0 : constants.O_NOFOLLOW));
  try {
    const stats = fstatSync(descriptor);
    requireFit(stats, most, null);
    const bytes = Buffer.allocUnsafe(stats.size + 1);
    let length = 0;
    for (let read = 1; read > 0 && length < bytes.byteLength; length += read) {
      read = readSync(descriptor, bytes, length, bytes.byteLength - length, length);
    }
    if (length !== stats.size) throw new UnfitFile('changed while it was read');
    return bytes.subarray(0, stats.size);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Opens a file for appending, and makes it if it is missing. It does not follow a link. Throws UnfitFile, or
 * the system's error.
 */
export function openForAppending(path: string, mode: number): number {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK, O_NOCTTY, O_NOFOLLOW } = constants;
  const descriptor = openNow(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW, mode);
  try {
    requireFit(fstatSync(descriptor), Infinity, null);
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

function openNow(path: string, flags: number, mode?: number): number {
  try {
    return openSync(path, flags, mode);
  } catch (error) {
    return refuseLink(error);
  }
}

/** Turns the system's error for a link, or for a pipe that no process reads, into an UnfitFile. */
function refuseLink(error: unknown): never {
  const code = errorCode(error);
  if (code === 'ELOOP' || code === 'EMLINK') throw new UnfitFile('is a link', { cause: error });
  if (code === 'ENXIO') throw new UnfitFile('is a pipe, a socket or a device', { cause: error });
  throw error;
}

function requireFit(stats: Stats, most: number, size: number | null): void {
  if (stats.isDirectory()) throw new UnfitFile('is a folder');
  if (!stats.isFile()) throw new UnfitFile('is a pipe, a socket or a device');
  if (stats.size > most) throw new UnfitFile(`has ${stats.size} bytes, and can have at most ${most}`);
  if (size !== null && stats.size !== size) {
    throw new UnfitFile(`is damaged: it has ${stats.size} bytes, its row says ${size}`);
  }
}
