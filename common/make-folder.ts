import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a folder, and those above it that are missing; returns the first that it made, undefined where all were there. Node's own
 * `mkdir` with `recursive` never returns where a file system answers ENOENT below a folder that is there, as /proc does and an automounter for a
 * host that it does not know (MKDirpSync in src/node_file.cc begins again with each such answer).
 * Throws as `mkdirSync` does.
 */
export function makeFolder(path: string): string | undefined {
  if (isFolder(path)) return undefined;
  const above = dirname(path);
  const made = above === path ? undefined : makeFolder(above);
  try {
    mkdirSync(path);
  } catch (error) {
    // Another process made it meanwhile.
    if (!isFolder(path)) throw error;
  }
  return made ?? path;
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    // What it is instead, or why this user may not look, is told by the attempt to make it.
    return false;
  }
}
