import { lstatSync, realpathSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { PanicError } from './errors.js';
import { isAbsence } from './presence.js';

/** Whether a real path lies below a folder, whose links are resolved here. */
export function liesBelow(real: string, folder: string): boolean {
  const root = realpathSync(folder);
  return real.startsWith(root.endsWith(sep) ? root : root + sep);
}

/**
 * The real path of the file `path` within a folder. The folder itself may be reached by links; throws PanicError `InvalidInput` where a link
 * within it leads out of it, and the system's error where there is no such file.
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
 * Throws PanicError `InvalidInput` unless what is written or deleted at `path` lies below the folder when links are resolved. A link at the
 * very end does not count: it is replaced or deleted itself. Folders that are still to be made are below by their names.
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

/** The path, or the first folder above it that is there; a link to nothing is there. */
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
