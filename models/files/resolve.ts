import { statSync } from 'node:fs';
import { join } from 'node:path';
import { PanicError } from '../../experiment/errors.js';
import type { Model } from '../../experiment/model.js';
import { sha256OfFile } from './sha256.js';
import { requiredFiles } from './layout.js';
import { updateLock, type LockedFile } from './lock-file.js';
import { isPackaged, PACKAGED_REMEDY } from './packaged.js';
import { requireReady } from './readiness.js';

export interface ResolvedFiles {
  /** Folder of the model's files, laid out as in its repository. */
  readonly folder: string;
  /** Every file that the model needs, with its SHA-256 (hex). */
  readonly files: readonly { readonly path: string; readonly sha256: string }[];
}

/**
 * The verified files of a model. A file whose size and modification time are those of its verification is not hashed again;
 * another is. Throws PanicError `ModelFilesMissing`, with the remedy, where files are missing, were never verified or are
 * not what was verified, and `InvalidInput` for a model that has none or a damaged lock file.
 */
export async function resolveModelFiles(model: Model, modelsFolder: string): Promise<ResolvedFiles> {
  const { folder, entry } = requireReady(model, modelsFolder);
  const locked = new Map(entry.files.map((file) => [file.path, file]));
  const touched: LockedFile[] = [];
  for (const file of requiredFiles(model)) {
    const known = locked.get(file)!;
    const path = join(folder, file);
    const { mtimeMs } = statSync(path);
    if (mtimeMs === known.mtimeMs) continue;
    if ((await sha256OfFile(path)) !== known.sha256) {
      throw new PanicError(
        'ModelFilesMissing',
        isPackaged(model)
          ? `${path} is not the file of ${model.name} that the catalogue knows. ${PACKAGED_REMEDY}`
          : `${model.name}: ${path} has changed since it was verified; "panic-tda models verify ${model.name}" compares all its files`,
      );
    }
    touched.push({ ...known, mtimeMs, verifiedAt: new Date().toISOString() });
  }
  if (touched.length > 0 && !isPackaged(model)) await rememberTimes(model.name, modelsFolder, touched);
  return { folder, files: requiredFiles(model).map((path) => ({ path, sha256: locked.get(path)!.sha256 })) };
}

/** Saves hashing next time. A models folder that cannot be written to, as a shared one, costs that time again and no more. */
async function rememberTimes(
  name: string,
  modelsFolder: string,
  touched: readonly LockedFile[],
): Promise<void> {
  const newer = new Map(touched.map((file) => [file.path, file]));
  await updateLock(modelsFolder, (lock) => {
    const entry = lock.models[name];
    if (entry === undefined) return lock;
    const files = entry.files.map((file) => {
      const again = newer.get(file.path);
      return again?.sha256 === file.sha256 ? again : file;
    });
    return { ...lock, models: { ...lock.models, [name]: { ...entry, files } } };
  }).catch(() => undefined);
}
