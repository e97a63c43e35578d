import { realpathSync, rmSync, rmdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { liesBelow, requireBelow } from '../../common/contained.js';
import { makeFolder } from '../../common/make-folder.js';
import { errorCode } from '../../common/error-code.js';
import { PanicError } from '../../common/errors.js';
import { shareKernelLock, tryKernelLock, type KernelLock } from '../../common/kernel-lock.js';
import type { Model } from '../../experiment/model.js';
import { isThere, statIfThere } from '../../common/presence.js';
import { foldedPath } from '../../common/relative-path.js';
import { removeParts } from './download.js';
import { folderOf, type LockedModel } from './lock.js';
import { readLock, updateLock } from './lock-file.js';

export interface Removal {
  readonly entry: LockedModel;
  readonly folder: string;
  /** Full paths of the files to delete. */
  readonly files: readonly string[];
  readonly bytes: number;
}

/**
 * What `removeModel` would delete: the files that the lock lists for this model alone. Null where the lock has no
 * entry for it. Throws PanicError `InvalidInput` where a link within the model's folder would lead the deletion out
 * of it.
 */
export function plannedRemoval(model: Model, modelsFolder: string): Removal | null {
  const { models } = readLock(modelsFolder);
  const entry = Object.hasOwn(models, model.name) ? models[model.name] : undefined;
  if (entry === undefined) return null;
  const folder = folderOf(entry, modelsFolder);
  // A folder elsewhere, also one behind a link, belongs to the user: only its entry goes.
  if (!isThere(folder) || !liesBelow(realpathSync(folder), modelsFolder))
    return { entry, folder, files: [], bytes: 0 };
  const others = new Set(
    Object.entries(models)
      .filter(([name]) => name !== model.name)
      .flatMap(([, other]) => other.files.map(({ path }) => join(folderOf(other, modelsFolder), path)))
      .map(placeOf),
  );
  const going = entry.files
    .map(({ path }) => join(folder, path))
    .filter((file) => !others.has(placeOf(file)));
  for (const file of going) requireBelow(folder, file);
  const bytes = going.reduce((sum, file) => sum + freedBytes(file), 0);
  return { entry, folder, files: going, bytes };
}

/** The path of a file with resolved links. It is equal for names that some file system does not distinguish. */
function placeOf(file: string): string {
  const folder = dirname(file);
  return foldedPath(isThere(folder) ? join(realpathSync(folder), basename(file)) : file);
}

/** The bytes that deleting a file frees: none where another model has the same file under another name. */
function freedBytes(path: string): number {
  const found = statIfThere(path);
  return found?.nlink === 1 ? found.size : 0;
}

/** Deletes the planned files and the entry. Throws PanicError `InvalidInput` while a process has the model loaded. */
export async function removeModel(model: Model, modelsFolder: string, removal: Removal): Promise<void> {
  const mine = tryKernelLock(useFile(model, modelsFolder));
  if (mine === undefined) {
    throw new PanicError(
      'InvalidInput',
      `${model.name} is in use: a run has it loaded now. Stop that first.`,
    );
  }
  try {
    // The entry goes first: where the removal is interrupted, no run takes half a model for a whole one.
    await updateLock(modelsFolder, (lock) => {
      const others = Object.entries(lock.models).filter(([name]) => name !== model.name);
      return { ...lock, models: Object.fromEntries(others) };
    });
    for (const file of removal.files) {
      requireBelow(removal.folder, file);
      rmSync(file, { force: true });
      removeParts(file);
      removeEmptyFolders(dirname(file), modelsFolder);
    }
  } finally {
    mine.release();
  }
}

/**
 * Records that this process has the model loaded, until it ends. Null where the models folder cannot be written to,
 * and while the model is being removed.
 */
export function holdModel(model: Model, modelsFolder: string): KernelLock | null {
  try {
    return shareKernelLock(useFile(model, modelsFolder)) ?? null;
  } catch {
    return null;
  }
}

function useFile(model: Model, modelsFolder: string): string {
  const folder = join(modelsFolder, '.in-use');
  makeFolder(folder);
  return join(folder, model.name);
}

function removeEmptyFolders(from: string, modelsFolder: string): void {
  for (
    let folder = from;
    folder.startsWith(modelsFolder) && folder !== modelsFolder;
    folder = dirname(folder)
  ) {
    if (!isThere(folder)) continue;
    try {
      rmdirSync(folder);
    } catch (error) {
      if (['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(errorCode(error) ?? '')) return;
      throw error;
    }
  }
}
