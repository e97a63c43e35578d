import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { opendir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { errorCode } from '../experiment/error-code.js';
import { PanicError } from '../experiment/errors.js';
import { faultPoint } from '../experiment/fault.js';

/** An object as a listing shows it; its bytes are not looked at. */
export interface StoredObject {
  readonly sha256: Buffer;
  readonly byteLength: number;
  /** Milliseconds since the epoch, by the clock of the disk. */
  readonly modifiedAt: number;
}

/** Large objects by the SHA-256 of their bytes: a folder beside the database, 256 sub-folders by the first byte. */
export interface ObjectStore {
  /** Makes the bytes durable under their SHA-256: temporary file, fsync, rename, fsync of the folder. */
  put(sha256: Buffer, bytes: Uint8Array): Promise<void>;
  /** The bytes of an object. Throws StoreConflict where it is missing or its bytes do not hash to its name. */
  get(sha256: Buffer): Promise<Buffer>;
  /** Deletes an object; one that is missing is fine. No row may point at it. */
  remove(sha256: Buffer): Promise<void>;
  path(sha256: Buffer): string;
  /** Every object, in order of name. What has no object's name is passed over. */
  list(): AsyncIterable<StoredObject>;
  /** Temporary files of writes that never ended, last touched before `before` (ms since the epoch). They only take room. */
  leftovers(before: number): AsyncIterable<string>;
  /** To be called when every `put` is settled. */
  close(): void;
}

interface OpenFolder {
  readonly path: string;
  readonly descriptor: number;
}

const synchronise = promisify(fsync);

/** Of all stores of a process: two may have the same folder. */
let serial = 0;

export function createObjectFolder(root: string): ObjectStore {
  const folders = new Map<string, OpenFolder>();

  function folderOf(name: string): string {
    return join(root, name.slice(0, 2));
  }

  function path(sha256: Buffer): string {
    const name = sha256.toString('hex');
    return join(folderOf(name), name);
  }

  async function put(sha256: Buffer, bytes: Uint8Array): Promise<void> {
    const name = sha256.toString('hex');
    const folder = await folderFor(name);
    const target = path(sha256);
    // Where it is there, it was renamed perhaps an instant ago: its name must be durable before a row points at it.
    if (statSync(target, { throwIfNoEntry: false })?.size !== bytes.byteLength) {
      const temporary = join(folder.path, `.${name.slice(0, 16)}.${process.pid}.${serial++}.tmp`);
      try {
        await writeDurably(temporary, bytes);
        faultPoint('object:before-rename');
        renameSync(temporary, target);
      } catch (error) {
        rmSync(temporary, { force: true });
        throw error;
      }
    }
    await synchronise(folder.descriptor);
    faultPoint('object:after-rename');
  }

  /** The sub-folder of an object, made durably where it is missing, and kept open for its synchronisation. */
  async function folderFor(name: string): Promise<OpenFolder> {
    const path = folderOf(name);
    const known = folders.get(path);
    if (known !== undefined) return known;
    if (mkdirSync(path, { recursive: true }) !== undefined) {
      const parent = openSync(root, 'r');
      await synchronise(parent).finally(() => closeSync(parent));
    }
    const folder = folders.get(path) ?? { path, descriptor: openSync(path, 'r') };
    folders.set(path, folder);
    return folder;
  }

  function close(): void {
    for (const { descriptor } of folders.values()) closeSync(descriptor);
    folders.clear();
  }

  async function get(sha256: Buffer): Promise<Buffer> {
    const file = path(sha256);
    const bytes = await readFile(file).catch((error: unknown) => {
      throw new PanicError('StoreConflict', `object ${file} is missing or unreadable`, { cause: error });
    });
    if (!sha256Of(bytes).equals(sha256)) {
      throw new PanicError('StoreConflict', `object ${file} is damaged: its bytes do not hash to its name`);
    }
    return bytes;
  }

  async function remove(sha256: Buffer): Promise<void> {
    await rm(path(sha256), { force: true });
  }

  async function* list(): AsyncGenerator<StoredObject, void, undefined> {
    for (const folder of await namesIn(root)) {
      for (const name of await namesIn(join(root, folder))) {
        if (!/^[0-9a-f]{64}$/.test(name) || !name.startsWith(folder)) continue;
        const found = await stat(join(root, folder, name)).catch(noneIfMissing);
        if (found?.isFile() !== true) continue;
        const sha256 = Buffer.from(name, 'hex');
        yield { sha256, byteLength: found.size, modifiedAt: found.mtimeMs };
      }
    }
  }

  async function* leftovers(before: number): AsyncGenerator<string, void, undefined> {
    if (!existsSync(root)) return;
    for await (const entry of await opendir(root, { recursive: true })) {
      if (!entry.isFile() || !entry.name.endsWith('.tmp')) continue;
      const file = join(entry.parentPath, entry.name);
      // Renamed or removed meanwhile by the write it belongs to: no leftover.
      const touched = await stat(file).then(
        (found) => found.mtimeMs,
        () => Infinity,
      );
      if (touched < before) yield file;
    }
  }

  return { put, get, remove, path, list, leftovers, close };
}

/** In order; none where the folder is missing or is no folder. */
async function namesIn(folder: string): Promise<readonly string[]> {
  return ((await readdir(folder).catch(noneIfMissing)) ?? []).sort();
}

function noneIfMissing(error: unknown): undefined {
  const code = errorCode(error);
  if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
}

export function sha256Of(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** Only the fsync leaves the event loop: the other calls take microseconds, and a turn of the thread pool each takes more. */
async function writeDurably(file: string, bytes: Uint8Array): Promise<void> {
  const descriptor = openSync(file, 'wx');
  try {
    for (let written = 0; written < bytes.byteLength;) written += writeSync(descriptor, bytes, written);
    await synchronise(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
