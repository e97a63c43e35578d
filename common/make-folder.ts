import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a folder and the missing folders above it. Returns the first folder that it made, or undefined if all
 * existed. Node's own `mkdir` with `recursive` never returns if a file system answers ENOENT below an
 * existing folder. /proc does so, and an automounter does so for a machine that it does not know (MKDirpSync
 * in src/node_file.cc starts again after each such answer). Throws as `mkdirSync` does.
 */
export function makeFolder(path: string): string | undefined {
  if (isFolder(path)) return undefined;
  const above = dirname(path);
  const made = above === path ? undefined : makeFolder(above);
  try {
    mkdirSync(path);
  } catch (error) {
    // Another process may have made the folder meanwhile.
    if (!isFolder(path)) throw error;
  }
  return made ?? path;
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    // The attempt to make the folder reports what stands there instead, or that this user may not look.
    return false;
  }
}
