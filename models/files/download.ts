import { createHash, type Hash } from 'node:crypto';
import { constants, createReadStream, lstatSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open, rename, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolder } from '../../common/make-folder.js';
import { errorCode } from '../../common/error-code.js';
import { PanicError } from '../../common/errors.js';
import { statIfThere } from '../../common/presence.js';
import { PassingFailure, withRetries } from '../retry.js';
import { chunksOf } from './hub.js';
import { syncFolder } from './lock-file.js';
import { PART_SUFFIX, PART_TAG_SUFFIX } from './model-path.js';
import type { HashedFile } from './sha256.js';
import { sameStamp, settledStamp, stampAt } from './stamp.js';

/** What the bytes of a file must be. */
export interface ExpectedFile {
  readonly bytes: number;
  readonly sha256: string | null;
  /** Compared where no SHA-256 is known. */
  readonly gitOid: string | null;
}

export interface DownloadTask {
  /** Full path. An unfinished download is beside it, in `<target>.part`. */
  readonly target: string;
  readonly expected: ExpectedFile;
  /** Asks for the file. The answer has status 206 and begins at `from`, or 200 and begins at 0. */
  readonly openFrom: (resume: { readonly from: number; readonly etag: string | null }) => Promise<Response>;
  /** Called with the number of bytes that the file has now. */
  readonly onBytes: (bytes: number) => void;
  readonly onRetry: (sentence: string) => void;
  readonly delaysMs: readonly number[];
  readonly signal: AbortSignal;
}

/**
 * Downloads a file, continuing an earlier attempt, and gives its SHA-256 (hex) and stamp. The file gets its name
 * only when all its bytes are on the disk and are the expected ones. It replaces a link or another kind of file in
 * its place, and follows none. Throws PanicError `ModelFilesMissing` where the bytes are wrong or cannot be had,
 * `ResourceLimit` where the disk is full, and the signal's reason.
 */
export async function download(task: DownloadTask): Promise<HashedFile> {
  const { target, delaysMs, signal, onRetry } = task;
  makeFolder(dirname(target));
  const before = partBytes(target);
  let most = before;
  // Progress means more bytes than ever before. A server that makes the download begin anew, again and again, makes
  // none.
  const progressed = (): boolean => {
    const now = partBytes(target);
    const more = now > most;
    most = Math.max(most, now);
    return more;
  };
  const patience = { kind: 'ModelFilesMissing', delaysMs, signal, progressed, onRetry } as const;
  try {
    const resumed = before > 0;
    const got = await withRetries(() => fetchRest(task), patience);
    // An earlier attempt may have left bytes of another file. In that case alone the download begins anew.
    const digest =
      mismatch(got, task.expected) !== null && resumed
        ? await withRetries(() => fetchAnew(task), patience)
        : got;
    return await accept(task, digest);
  } catch (error) {
    if (errorCode(error) !== 'ENOSPC') throw error;
    throw new PanicError('ResourceLimit', `the disk is full: ${target} could not be written`, {
      cause: error,
    });
  }
}

interface Digests {
  readonly sha256: string;
  /** Null where the SHA-256 is known, which is enough. */
  readonly gitOid: string | null;
}

function partOf(target: string): string {
  return `${target}${PART_SUFFIX}`;
}

function etagFileOf(target: string): string {
  return `${target}${PART_TAG_SUFFIX}`;
}

/** The number of bytes that an interrupted download has left. */
export function partBytes(target: string): number {
  return isOwn(partOf(target)) ? (statIfThere(partOf(target))?.size ?? 0) : 0;
}

/** Whether a regular file with one name exists. A write to it changes no other file. */
function isOwn(file: string): boolean {
  const found = lstatSync(file, { throwIfNoEntry: false });
  return found?.isFile() === true && found.nlink === 1;
}

/** A tag that a request header can carry (RFC 9110, 8.8.3; some servers leave the quotation marks out). */
const ETAG = /^[\x20-\x7e\x80-\xff]{1,1000}$/;

function savedTag(target: string): string | null {
  const file = etagFileOf(target);
  if (!isOwn(file)) return null;
  const tag = readFileSync(file, 'utf8');
  return ETAG.test(tag) ? tag : null;
}

const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW;

export function removeParts(target: string): void {
  for (const file of [partOf(target), etagFileOf(target)]) rmSync(file, { force: true });
}

async function fetchAnew(task: DownloadTask): Promise<Digests> {
  removeParts(task.target);
  return fetchRest(task);
}

async function fetchRest(task: DownloadTask): Promise<Digests> {
  const { target, expected, onBytes, signal } = task;
  if (!isOwn(partOf(target)) || partBytes(target) > expected.bytes) removeParts(target);
  const there = partBytes(target);
  if (there === expected.bytes && isOwn(partOf(target))) return digestsOfPart(target, expected);
  const etag = savedTag(target);
  const response = await task.openFrom({ from: there, etag });
  const goesOn = there > 0 && continues(response, there, expected.bytes, etag);
  if (response.status !== 200 && !goesOn) {
    await response.body?.cancel();
    removeParts(target);
    throw new PassingFailure('the file is not what an earlier attempt began with');
  }
  const hashes = newHashes(expected);
  let bytes = 0;
  if (goesOn) {
    await feedPart(target, hashes);
    bytes = there;
  } else {
    removeParts(target);
    const newTag = response.headers.get('etag');
    if (newTag !== null) writeFileSync(etagFileOf(target), newTag, { flag: 'wx' });
  }
  const part = await open(partOf(target), goesOn ? APPEND : 'wx');
  try {
    onBytes(bytes);
    for await (const chunk of chunksOf(response, signal)) {
      bytes += chunk.length;
      if (bytes > expected.bytes) break;
      await writeWhole(part, chunk);
      for (const hash of hashes) hash?.update(chunk);
      onBytes(bytes);
    }
  } finally {
    await part.close();
  }
  if (bytes > expected.bytes) {
    removeParts(target);
    throw new PassingFailure(`more than the ${expected.bytes} bytes came that the hub lists`);
  }
  if (bytes < expected.bytes)
    throw new PassingFailure(`the connection ended after ${bytes} of ${expected.bytes} bytes`);
  return digestsOf(hashes);
}

/**
 * Whether an answer is the rest of the part: from the right byte on, within a file of the right size (RFC 9110,
 * 14.4), and of the same file as far as tags show.
 */
function continues(response: Response, from: number, bytes: number, etag: string | null): boolean {
  if (response.status !== 206) return false;
  const range = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(
    response.headers.get('content-range') ?? '',
  );
  if (range === null) return false;
  const [, start, end, size] = range;
  const now = response.headers.get('etag');
  return (
    Number(start) === from &&
    Number(end) >= from &&
    Number(end) < bytes &&
    (size === '*' || Number(size) === bytes) &&
    (etag === null || now === null || etag === now)
  );
}

type Hashes = readonly [sha256: Hash, git?: Hash];

/** SHA-256, and where none is known also git's SHA-1 of a header and the bytes (git-hash-object(1)). */
function newHashes({ bytes, sha256 }: ExpectedFile): Hashes {
  const hash = createHash('sha256');
  return sha256 === null ? [hash, createHash('sha1').update(`blob ${bytes}\0`)] : [hash];
}

function digestsOf([sha256, git]: Hashes): Digests {
  return { sha256: sha256.digest('hex'), gitOid: git?.digest('hex') ?? null };
}

async function feedPart(target: string, hashes: Hashes): Promise<void> {
  for await (const chunk of createReadStream(partOf(target)) as AsyncIterable<Buffer>) {
    for (const hash of hashes) hash?.update(chunk);
  }
}

async function digestsOfPart(target: string, expected: ExpectedFile): Promise<Digests> {
  const hashes = newHashes(expected);
  await feedPart(target, hashes);
  return digestsOf(hashes);
}

async function writeWhole(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let written = 0; written < chunk.length;) {
    written += (await file.write(chunk, written)).bytesWritten;
  }
}

/** How bytes differ from the expected ones, or null. */
function mismatch({ sha256, gitOid }: Digests, expected: ExpectedFile): string | null {
  if (expected.sha256 !== null) {
    return sha256 === expected.sha256 ? null : `its SHA-256 is ${sha256}, and should be ${expected.sha256}`;
  }
  return expected.gitOid === null || gitOid === expected.gitOid
    ? null
    : `its git object is ${gitOid}, and should be ${expected.gitOid}`;
}

async function accept({ target, expected }: DownloadTask, digests: Digests): Promise<HashedFile> {
  const wrong = mismatch(digests, expected);
  if (wrong !== null) {
    removeParts(target);
    throw new PanicError(
      'ModelFilesMissing',
      `${target} did not arrive as it should: ${wrong}. It was thrown away.`,
    );
  }
  const part = await open(partOf(target), 'r+');
  try {
    await part.sync();
  } finally {
    await part.close();
  }
  const before = stampAt(partOf(target));
  await rename(partOf(target), target);
  syncFolder(dirname(target));
  removeParts(target);
  const stamp = await settledStamp(target);
  // The rename changes the time of change (ctime) and nothing else.
  if (sameStamp({ ...stamp, ctimeNs: before.ctimeNs }, before)) return { sha256: digests.sha256, stamp };
  throw new PanicError('ModelFilesMissing', `${target} was changed by another program while it was pulled`);
}
