import {
  accessSync,
  closeSync,
  constants,
  fsync,
  linkSync,
  lstatSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { lstat, readdir, realpath, rm } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { promisify } from 'node:util';
import { makeFolder } from '../../common/make-folder.js';
import { errorCode } from '../../common/error-code.js';
import { errorMessage, PanicError } from '../../common/errors.js';
import { faultPoint } from '../../common/fault.js';
import { accessFailure, isAbsence, isDenial } from '../../common/presence.js';
import { readRegularFile, UnfitFile } from '../../common/regular-file.js';
import {
  ID_NAME,
  idIn,
  MOST_MARK_BYTES,
  MOST_OBJECT_BYTES,
  objectKey,
  OWNER_NAME,
  sha256OfKey,
  verified,
} from './object-store.js';
import type { ObjectStore, StoredObject } from './object-store.js';

interface OpenFolder {
  readonly path: string;
  readonly descriptor: number;
}

const synchronise = promisify(fsync);

/** All stores of a process share this number: two stores may have the same folder. */
let serial = 0;

/** Names of our temporary files: for the mark of the place, and for objects. */
const TEMPORARY = /^\.(id|[0-9a-f]+)\.\d+\.\d+\.tmp$/;
const SUB_FOLDER = /^[0-9a-f]{2}$/;

/**
 * Objects in a folder, with 256 sub-folders by the first byte. Each object is written to a temporary file,
 * synchronised and renamed. Other users may have filled the folder: the store reads only regular files, and
 * follows no link out of the folder, or out of the folder `within` that contains it.
 */
export function createObjectFolder(root: string, within: string | null = null): ObjectStore {
  const folders = new Map<string, OpenFolder>();
  /** Sub-folders that this store has already found within the place. */
  const inPlace = new Set<string>();

  /**
   * Throws InvalidInput if a link on the way to a sub-folder leads out of the place. A missing sub-folder
   * leads nowhere.
   */
  async function requireInPlace(folder: string): Promise<void> {
    if (inPlace.has(folder)) return;
    const path = join(root, folder);
    const real = await realpath(path).catch(noneIfMissing(path));
    const place = await realpath(root).catch(noneIfMissing(root));
    if (place === undefined) return;
    if (within !== null) {
      const whole = await realpath(within).catch(noneIfMissing(within));
      if (whole !== undefined) refuseOutside(place, whole, root, within);
    }
    if (real === undefined) return;
    refuseOutside(real, place, path, root);
    inPlace.add(folder);
  }

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
    const file = join(root, ID_NAME);
    await requireInPlace('');
    const bytes = await readRegularFile(file, MOST_MARK_BYTES).catch((error: unknown) => {
      if (error instanceof UnfitFile) return undefined;
      return noneIfMissing(file)(error);
    });
    return idIn(bytes ?? null);
  }

  async function setId(given: string): Promise<void> {
    await mark(`${given}\n`, (temporary) => renameSync(temporary, join(root, ID_NAME)));
  }

  async function owner(): Promise<string | null> {
    const file = join(root, OWNER_NAME);
    await requireInPlace('');
    const bytes = await readRegularFile(file, MOST_MARK_BYTES).catch((error: unknown) => {
      if (error instanceof UnfitFile) throw new PanicError('InvalidInput', `${file} ${error.message}`);
      return noneIfMissing(file)(error);
    });
    return bytes?.toString() ?? null;
  }

  async function claim(text: string): Promise<void> {
    await mark(text, (temporary) => nameUnlessThere(temporary, join(root, OWNER_NAME)));
  }

  async function setOwner(text: string): Promise<void> {
    await mark(text, (temporary) => renameSync(temporary, join(root, OWNER_NAME)));
  }

  /** Writes a mark of the place under a temporary name, and lets `name` give it its final name. */
  async function mark(text: string, name: (temporary: string) => void): Promise<void> {
    makeFolder(root);
    await requireInPlace('');
    const temporary = join(root, `.id.${process.pid}.${serial++}.tmp`);
    try {
      await writeDurably(temporary, Buffer.from(text));
      name(temporary);
    } finally {
      rmSync(temporary, { force: true });
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
    // An object that exists may have been renamed only an instant ago: its name must be durable before a row
    // points at it.
    const there = lstatIfThere(target);
    if (there?.isFile() !== true || there.size !== bytes.byteLength) {
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

  /**
   * The sub-folder of an object. It is made durably if it is missing, and stays open so that it can be
   * synchronised.
   */
  async function folderFor(name: string): Promise<OpenFolder> {
    const path = join(root, name.slice(0, 2));
    const known = folders.get(path);
    if (known !== undefined) return known;
    await requireInPlace(name.slice(0, 2));
    if (makeFolder(path) !== undefined) {
      const parent = openSync(root, 'r');
      await synchronise(parent).finally(() => closeSync(parent));
    }
    const folder = folders.get(path) ?? { path, descriptor: openSync(path, 'r') };
    folders.set(path, folder);
    return folder;
  }

  async function get(sha256: Buffer, byteLength?: number): Promise<Buffer> {
    const file = location(sha256);
    await requireInPlace(sha256.toString('hex').slice(0, 2));
    const bytes = await readRegularFile(file, MOST_OBJECT_BYTES, byteLength).catch((error: unknown) => {
      if (error instanceof UnfitFile) {
        throw new PanicError('StoreConflict', `object ${file} ${error.message}`, { cause: error });
      }
      const failure = accessFailure(error, file, 'read');
      // If access is denied or the disk does not answer now, the object may still exist. A disk that cannot
      // read it back has lost it.
      const unknown = isDenial(error) || (failure.kind === 'StoreUnavailable' && errorCode(error) !== 'EIO');
      if (unknown) throw failure;
      throw new PanicError('StoreConflict', `object ${file} is missing or unreadable`, { cause: error });
    });
    return verified(bytes, sha256, file);
  }

  async function size(sha256: Buffer): Promise<number | null> {
    await requireInPlace(sha256.toString('hex').slice(0, 2));
    const found = await lstatOrNone(location(sha256));
    return found?.isFile() === true ? found.size : null;
  }

  async function* list(): AsyncGenerator<StoredObject, void, undefined> {
    for (const folder of await namesIn(root)) {
      if (!SUB_FOLDER.test(folder)) continue;
      await requireInPlace(folder);
      for (const name of await namesIn(join(root, folder))) {
        const sha256 = sha256OfKey(`${folder}/${name}`);
        if (sha256 === null) continue;
        const found = await lstatOrNone(join(root, folder, name));
        if (found?.isFile() !== true) continue;
        yield { sha256, byteLength: found.size, modifiedAt: found.mtimeMs };
      }
    }
  }

  async function remove(sha256: Buffer): Promise<void> {
    await requireInPlace(sha256.toString('hex').slice(0, 2));
    await rm(location(sha256), { force: true });
  }

  async function* leftovers(before: number): AsyncGenerator<string, void, undefined> {
    await requireInPlace('');
    const subFolders = (await namesIn(root)).filter((name) => SUB_FOLDER.test(name));
    for (const folder of ['', ...subFolders]) {
      await requireInPlace(folder);
      for (const name of await namesIn(join(root, folder))) {
        if (!TEMPORARY.test(name)) continue;
        const file = join(root, folder, name);
        // The write that made the file has renamed or removed it meanwhile: it is no leftover.
        const found = await lstatOrNone(file);
        if (found?.isFile() === true && found.mtimeMs < before) yield file;
      }
    }
  }

  function close(): void {
    for (const { descriptor } of folders.values()) closeSync(descriptor);
    folders.clear();
  }

  return {
    root,
    check,
    id,
    setId,
    owner,
    claim,
    setOwner,
    put,
    get,
    size,
    list,
    remove,
    location,
    leftovers,
    close,
  };
}

/** Codes with which file systems without hard links answer. */
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** A link is made only where its name is free, whichever process is first. */
function nameUnlessThere(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (error) {
    const code = errorCode(error) ?? '';
    if (code === 'EEXIST') return;
    if (!NO_LINKS.has(code)) throw error;
    if (lstatIfThere(to) === undefined) renameSync(from, to);
  }
}

async function lstatOrNone(path: string) {
  return await lstat(path).catch(noneIfMissing(path));
}

function lstatIfThere(path: string) {
  try {
    return lstatSync(path);
  } catch (error) {
    return noneIfMissing(path)(error);
  }
}

/** Both are real paths; `path` and `folder` are what they are called. */
function refuseOutside(real: string, place: string, path: string, folder: string): void {
  if (real === place || real.startsWith(place.endsWith(sep) ? place : place + sep)) return;
  throw new PanicError(
    'InvalidInput',
    `${path} is a link to ${real}, out of ${folder}: no objects are read, written or deleted there; remove the link, or name the place of the ` +
      'objects by PANIC_TDA_OBJECTS',
  );
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

/**
 * Only the fsync runs outside the event loop's thread: each other call takes microseconds, and a turn of the
 * thread pool takes more.
 */
async function writeDurably(file: string, bytes: Uint8Array): Promise<void> {
  const descriptor = openSync(file, 'wx');
  try {
    for (let written = 0; written < bytes.byteLength;) written += writeSync(descriptor, bytes, written);
    await synchronise(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
