import { lstatSync, realpathSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { PanicError } from './errors.js';
import { isAbsence } from './presence.js';

/** Whether a real path lies below a folder. This function resolves the links in the folder's path. */
export function liesBelow(real: string, folder: string): boolean {
  const root = realpathSync(folder);
  return real.startsWith(root.endsWith(sep) ? root : root + sep);
}

/**
 * The real path of the file `path` within a folder. The path of the folder itself may contain links. Throws
 * PanicError `InvalidInput` if a link within the folder leads out of it, and the system's error if there is
 * no such file.
 */
export function realPathWithin(folder: string, path: string): string {
  const full = join(folder, path);
  const real = realpathSync(full);
  if (liesBelow(real, folder)) return real;
  throw new PanicError(
    'InvalidInput',
    `${full} is a link to ${real}, out of the folder ${folder}: only what lies in that folder is used. Put the file itself there`,
  );
}

/**
 * Throws PanicError `InvalidInput` unless `path`, which the caller writes or deletes, lies below the folder
 * after links are resolved. A link at the very end of the path does not count, because the caller replaces or
 * deletes the link itself. Folders that do not exist yet are judged by their names.
 */
export function requireBelow(folder: string, path: string): void {
  const there = deepestThere(dirname(path));
  const real = realPathOf(there);
  if (real !== null && (real === realpathSync(folder) || liesBelow(real, folder))) return;
  throw new PanicError(
    'InvalidInput',
    `${path} lies ${real === null ? `behind ${there}, a link to nothing` : `in ${real}`}, out of the folder ${folder}: ` +
      'nothing is written or deleted there. Remove the link that leads there',
  );
}

function realPathOf(path: string): string | null {
  try {
    return realpathSync(path);
  } catch (error) {
    if (isAbsence(error)) return null;
    throw error;
  }
}

/** The path, or the deepest folder above it that exists. A link to nothing counts as existing. */
function deepestThere(path: string): string {
  try {
    lstatSync(path);
    return path;
  } catch (error) {
    const above = dirname(path);
    if (!isAbsence(error) || above === path) throw error;
    return deepestThere(above);
  }
}
