import { accessSync, closeSync, constants, fsync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { opendir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { makeFolder } from '../../experiment/make-folder.js';
import { errorCode } from '../../experiment/error-code.js';
import { errorMessage, PanicError } from '../../experiment/errors.js';
import { faultPoint } from '../../experiment/fault.js';
import { accessFailure, isAbsence, isDenial, isThere, statIfThere } from '../../experiment/presence.js';
import { ID_NAME, idIn, objectKey, sha256OfKey, verified } from './object-store.js';
import type { ObjectStore, StoredObject } from './object-store.js';

interface OpenFolder {
  readonly path: string;
  readonly descriptor: number;
}

const synchronise = promisify(fsync);

/** Of all stores of a process: two may have the same folder. */
let serial = 0;

/** Objects in a folder: 256 sub-folders by the first byte. Written to a temporary file, synchronised, renamed. */
export function createObjectFolder(root: string): ObjectStore {
  const folders = new Map<string, OpenFolder>();

  async function check(): Promise<void> {
    try {
      makeFolder(root);
      accessSync(root, constants.R_OK | constants.W_OK | constants.X_OK);
    } catch (error) {
      const message = `objects cannot be written to ${root}: ${errorMessage(error)}`;
      throw new PanicError('InvalidInput', message, { cause: error });
    }
  }

  async function id(): Promise<string | null> {
    return idIn((await readFile(join(root, ID_NAME)).catch(noneIfMissing(join(root, ID_NAME)))) ?? null);
  }

  async function setId(given: string): Promise<void> {
    makeFolder(root);
    const temporary = join(root, `.id.${process.pid}.${serial++}.tmp`);
    try {
      await writeDurably(temporary, Buffer.from(`${given}\n`));
      renameSync(temporary, join(root, ID_NAME));
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
    const folder = openSync(root, 'r');
    await synchronise(folder).finally(() => closeSync(folder));
  }

  function location(sha256: Buffer): string {
    return join(root, objectKey(sha256));
  }

  async function put(sha256: Buffer, bytes: Uint8Array): Promise<void> {
    const name = sha256.toString('hex');
    const folder = await folderFor(name);
    const target = location(sha256);
    // Where it is there, it was renamed perhaps an instant ago: its name must be durable before a row points at it.
    if (statIfThere(target)?.size !== bytes.byteLength) {
      const temporary = join(folder.path, `.${name.slice(0, 16)}.${process.pid}.${serial++}.tmp`);
      try {
        await writeDurably(temporary, bytes);
        faultPoint('object:before-write');
        renameSync(temporary, target);
      } catch (error) {
        rmSync(temporary, { force: true });
        throw error;
      }
    }
    await synchronise(folder.descriptor);
    faultPoint('object:after-write');
  }

  /** The sub-folder of an object, made durably where it is missing, and kept open for its synchronisation. */
  async function folderFor(name: string): Promise<OpenFolder> {
    const path = join(root, name.slice(0, 2));
    const known = folders.get(path);
    if (known !== undefined) return known;
    if (makeFolder(path) !== undefined) {
      const parent = openSync(root, 'r');
      await synchronise(parent).finally(() => closeSync(parent));
    }
    const folder = folders.get(path) ?? { path, descriptor: openSync(path, 'r') };
    folders.set(path, folder);
    return folder;
  }

  async function get(sha256: Buffer): Promise<Buffer> {
    const file = location(sha256);
    const bytes = await readFile(file).catch((error: unknown) => {
      const failure = accessFailure(error, file, 'read');
      // Denied, or not answered now: nothing is known of the object. A disk that cannot read it back has lost it.
      const unknown = isDenial(error) || (failure.kind === 'StoreUnavailable' && errorCode(error) !== 'EIO');
      if (unknown) throw failure;
      throw new PanicError('StoreConflict', `object ${file} is missing or unreadable`, { cause: error });
    });
    return verified(bytes, sha256, file);
  }

  async function size(sha256: Buffer): Promise<number | null> {
    return (await statOrNone(location(sha256)))?.size ?? null;
  }

  async function* list(): AsyncGenerator<StoredObject, void, undefined> {
    for (const folder of await namesIn(root)) {
      for (const name of await namesIn(join(root, folder))) {
        const sha256 = sha256OfKey(`${folder}/${name}`);
        if (sha256 === null) continue;
        const found = await statOrNone(join(root, folder, name));
        if (found?.isFile() !== true) continue;
        yield { sha256, byteLength: found.size, modifiedAt: found.mtimeMs };
      }
    }
  }

  async function remove(sha256: Buffer): Promise<void> {
    await rm(location(sha256), { force: true });
  }

  async function* leftovers(before: number): AsyncGenerator<string, void, undefined> {
    if (!isThere(root)) return;
    for await (const entry of await opendir(root, { recursive: true })) {
      if (!entry.isFile() || !entry.name.endsWith('.tmp')) continue;
      const file = join(entry.parentPath, entry.name);
      // Renamed or removed meanwhile by the write it belongs to: no leftover.
      if (((await statOrNone(file))?.mtimeMs ?? Infinity) < before) yield file;
    }
  }

  function close(): void {
    for (const { descriptor } of folders.values()) closeSync(descriptor);
    folders.clear();
  }

  return { root, check, id, setId, put, get, size, list, remove, location, leftovers, close };
}

async function statOrNone(path: string) {
  return await stat(path).catch(noneIfMissing(path));
}

/** In order; none where the folder is missing or is no folder. */
async function namesIn(folder: string): Promise<readonly string[]> {
  return ((await readdir(folder).catch(noneIfMissing(folder))) ?? []).sort();
}

/** For `catch`: undefined where nothing is at the path. */
function noneIfMissing(path: string): (error: unknown) => undefined {
  return (error) => {
    if (!isAbsence(error)) throw accessFailure(error, path, 'read');
    return undefined;
  };
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
