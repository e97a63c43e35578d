import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, opendir, readFile, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { PanicError } from '../experiment/errors.js';
import { faultPoint } from '../experiment/fault.js';

/** Large objects by the SHA-256 of their bytes: a folder beside the database, 256 sub-folders by the first byte. */
export interface ObjectStore {
  /** Makes the bytes durable under their SHA-256 (temporary file, fsync, rename, fsync of the folder) and returns it. */
  put(bytes: Uint8Array): Promise<Buffer>;
  /** The bytes of an object. Throws StoreConflict where it is missing or its bytes do not hash to its name. */
  get(sha256: Buffer): Promise<Buffer>;
  path(sha256: Buffer): string;
  /** Temporary files of writes that never ended, last touched before `before` (ms since the epoch). They only take room. */
  leftovers(before: number): AsyncIterable<string>;
}

export function createObjectFolder(root: string): ObjectStore {
  const folders = new Set<string>();
  let serial = 0;

  function folderOf(name: string): string {
    return join(root, name.slice(0, 2));
  }

  function path(sha256: Buffer): string {
    const name = sha256.toString('hex');
    return join(folderOf(name), name);
  }

  async function put(bytes: Uint8Array): Promise<Buffer> {
    const sha256 = createHash('sha256').update(bytes).digest();
    const name = sha256.toString('hex');
    const folder = folderOf(name);
    const target = join(folder, name);
    const size = await stat(target).then(
      (found) => found.size,
      () => -1,
    );
    if (size === bytes.byteLength) {
      // Renamed by another process perhaps an instant ago: the name must be durable before a row points at it.
      await syncFolder(folder);
      return sha256;
    }
    if (!folders.has(folder)) {
      await mkdir(folder, { recursive: true });
      await syncFolder(root);
      folders.add(folder);
    }
    const temporary = join(folder, `.${name.slice(0, 16)}.${process.pid}.${serial++}.tmp`);
    try {
      const file = await open(temporary, 'wx');
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      faultPoint('object:before-rename');
      await rename(temporary, target);
    } catch (error) {
      await unlink(temporary).catch(() => undefined);
      throw error;
    }
    await syncFolder(folder);
    faultPoint('object:after-rename');
    return sha256;
  }

  async function get(sha256: Buffer): Promise<Buffer> {
    const file = path(sha256);
    const bytes = await readFile(file).catch((error: unknown) => {
      throw new PanicError('StoreConflict', `object ${file} is missing or unreadable`, { cause: error });
    });
    if (!createHash('sha256').update(bytes).digest().equals(sha256)) {
      throw new PanicError('StoreConflict', `object ${file} is damaged: its bytes do not hash to its name`);
    }
    return bytes;
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

  return { put, get, path, leftovers };
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
