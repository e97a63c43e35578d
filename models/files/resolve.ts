import { realPathWithin } from '../../common/contained.js';
import { PanicError } from '../../common/errors.js';
import type { Model } from '../../experiment/model.js';
import { requiredFiles, requireModelFiles } from './layout.js';
import { lockedFileOf, type LockedFile } from './lock.js';
import { tryChangeEntry } from './lock-file.js';
import { hashUnlessKnown, isAsVerified } from './locked-files.js';
import { isPackaged, PACKAGED_REMEDY } from './packaged.js';
import { requireReady } from './readiness.js';
import { hashedFile, type HashedFile } from './sha256.js';

export interface ResolvedFiles {
  /** Folder of the model's files, laid out as in its repository. */
  readonly folder: string;
  /** Every file that the model needs, with its SHA-256 (hex) and the stamp that it has with these bytes. */
  readonly files: readonly ResolvedFile[];
}

export interface ResolvedFile extends HashedFile {
  readonly path: string;
}

/**
 * The verified files of a model. A file with the stamp of its verification is not hashed again; any other file is.
 * Throws PanicError `ModelFilesMissing`, with the remedy, where files are missing, were never verified or have
 * other bytes than the verified ones, and `InvalidInput` for a model without files, a damaged lock file, or a file
 * that is a link out of the folder.
 */
export async function resolveModelFiles(model: Model, modelsFolder: string): Promise<ResolvedFiles> {
  const { folder, entry } = requireReady(model, modelsFolder);
  const locked = new Map(entry.files.map((file) => [file.path, file]));
  const touched: LockedFile[] = [];
  const files: ResolvedFile[] = [];
  for (const path of requiredFiles(model)) {
    const known = locked.get(path)!;
    const full = realPathWithin(folder, path);
    const found = await hashUnlessKnown(full, known);
    if (found.sha256 !== known.sha256) {
      if (!isPackaged(model)) await markChanged(model.name, modelsFolder, [path]);
      throw new PanicError(
        'ModelFilesMissing',
        isPackaged(model)
          ? `${full} is not the file of ${model.name} that the catalogue knows. ${PACKAGED_REMEDY}`
          : changedText(model, full),
      );
    }
    if (!isAsVerified(known, found.stamp)) touched.push(lockedFileOf(path, found));
    files.push({ path, ...found });
  }
  if (touched.length > 0 && !isPackaged(model)) await rememberStamps(model.name, modelsFolder, touched);
  return { folder, files };
}

export function changedText({ name }: Model, path: string): string {
  return `${name}: ${path} has changed since it was verified; "panic-tda models verify ${name}" compares all its files`;
}

/**
 * The files of a model in a folder without a lock file: hashed now, and trusted as they are. Throws as
 * `resolveModelFiles`.
 */
export async function resolveUnlocked(model: Model, folder: string): Promise<ResolvedFiles> {
  requireModelFiles(model, folder);
  const files: ResolvedFile[] = [];
  for (const path of requiredFiles(model)) {
    files.push({ path, ...(await hashedFile(realPathWithin(folder, path))) });
  }
  return { folder, files };
}

/** Records the new stamps, so that the next load need not hash these files. */
async function rememberStamps(
  name: string,
  modelsFolder: string,
  touched: readonly LockedFile[],
): Promise<void> {
  const newer = new Map(touched.map((file) => [file.path, file]));
  await tryChangeEntry(modelsFolder, name, (entry) => ({
    ...entry,
    files: entry.files.map((file) => {
      const again = newer.get(file.path);
      return again?.sha256 === file.sha256 ? again : file;
    }),
  }));
}

/**
 * Records that files have other bytes than the entry states. No run loads them afterwards, even if their times look
 * right again.
 */
export async function markChanged(
  name: string,
  modelsFolder: string,
  paths: readonly string[],
): Promise<void> {
  const now = new Date().toISOString();
  await tryChangeEntry(modelsFolder, name, (entry) => ({
    ...entry,
    files: entry.files.map((file) => (paths.includes(file.path) ? { changedAt: now, ...file } : file)),
  }));
}
