import { realPathWithin } from '../../common/contained.js';
import type { Model } from '../../experiment/model.js';
import { checkGraph } from './graph-check.js';
import { requiredFiles } from './layout.js';
import type { LockedFile } from './lock.js';
import { hashedFile, type HashedFile, type HashOptions } from './sha256.js';
import { sameStamp, type Stamp, stampAt } from './stamp.js';

/** Whether a file has the stamp of its verification, and no later check found it changed. */
export function isAsVerified(locked: LockedFile, stamp: Stamp): boolean {
  return locked.changedAt === undefined && sameStamp(stamp, locked);
}

/** A file's SHA-256: from the lock where the file was not touched since, else by hashing. Throws as `hashedFile`. */
export async function hashUnlessKnown(
  path: string,
  locked: LockedFile | undefined,
  options: HashOptions = {},
): Promise<HashedFile> {
  if (locked === undefined) return await hashedFile(path, options);
  const stamp = stampAt(path);
  return isAsVerified(locked, stamp) ? { sha256: locked.sha256, stamp } : await hashedFile(path, options);
}

/**
 * Checks files of a model before they get into the lock: none may be a link out of the folder, and each graph must
 * be one (`graph-check.ts`). Throws PanicError `InvalidInput`.
 */
export function checkFiles(model: Model, folder: string): void {
  const files = requiredFiles(model);
  for (const file of files) {
    realPathWithin(folder, file);
    if (isGraph(file)) checkGraph(folder, file, files);
  }
}

export function isGraph(file: string): boolean {
  return file.endsWith('.onnx');
}
