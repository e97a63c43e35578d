import { chmodSync, copyFileSync, linkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { realPathWithin } from '../../common/contained.js';
import { isPanicError } from '../../common/errors.js';
import { makeFolder } from '../../common/make-folder.js';
import { statIfThere } from '../../common/presence.js';
import { removeParts } from './download.js';
import type { HubFile } from './hub.js';
import { folderOf, type Lock, type LockedFile } from './lock.js';
import { hashUnlessKnown } from './locked-files.js';
import { hashedFile, type HashedFile, type HashOptions } from './sha256.js';
import { sameStamp, settledStamp } from './stamp.js';

/** A file that was pulled for another model and still has the wanted bytes: its full path, or null. */
export async function twinOf(
  { sha256, bytes }: Pick<HubFile, 'sha256' | 'bytes'>,
  modelsFolder: string,
  { models }: Lock,
  options: HashOptions = {},
): Promise<string | null> {
  if (sha256 === null) return null;
  for (const entry of Object.values(models)) {
    if (entry.origin !== 'pulled') continue;
    const file: LockedFile | undefined = entry.files.find((one) => one.sha256 === sha256);
    if (file === undefined) continue;
    const folder = folderOf(entry, modelsFolder);
    if (statIfThere(join(folder, file.path))?.size !== bytes) continue;
    try {
      const path = realPathWithin(folder, file.path);
      if ((await hashUnlessKnown(path, file, options)).sha256 === sha256) return path;
    } catch (error) {
      // A link out of its folder, or a file that cannot be read, is no twin.
      if (!isPanicError(error)) throw error;
    }
  }
  return null;
}

/**
 * Gives a file a second name, so that models which share files store them once. Where the disk has no second names,
 * it makes a copy. Null where the twin lost its bytes meanwhile.
 */
export async function linkTwin(twin: string, target: string, sha256: string): Promise<HashedFile | null> {
  makeFolder(dirname(target));
  rmSync(target, { force: true });
  removeParts(target);
  const before = await settledStamp(twin);
  try {
    linkSync(twin, target);
  } catch {
    // The copy gets the mode of a new file, and not that of its source.
    writeFileSync(target, '', { flag: 'wx' });
    const { mode } = statSync(target);
    copyFileSync(twin, target);
    chmodSync(target, mode);
  }
  const stamp = await settledStamp(target);
  // A new name changes the time of change (ctime) and nothing else.
  if (sameStamp({ ...stamp, ctimeNs: before.ctimeNs }, before)) return { sha256, stamp };
  const hashed = await hashedFile(target);
  if (hashed.sha256 === sha256) return hashed;
  rmSync(target, { force: true });
  return null;
}
