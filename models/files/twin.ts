import { copyFileSync, linkSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeFolder } from '../../experiment/make-folder.js';
import { statIfThere } from '../../experiment/presence.js';
import { removeParts } from './download.js';
import type { HubFile } from './hub.js';
import { folderOf, type Lock } from './lock-file.js';

/** A file with the same bytes that was pulled for another model, and has not been touched since: its full path, or null. */
export function twinOf(
  { sha256, bytes }: Pick<HubFile, 'sha256' | 'bytes'>,
  modelsFolder: string,
  { models }: Lock,
): string | null {
  if (sha256 === null) return null;
  for (const entry of Object.values(models)) {
    if (entry.origin !== 'pulled') continue;
    const file = entry.files.find((one) => one.sha256 === sha256);
    if (file === undefined) continue;
    const path = join(folderOf(entry, modelsFolder), file.path);
    const found = statIfThere(path);
    if (found?.size === bytes && found.mtimeMs === file.mtimeMs) return path;
  }
  return null;
}

/** Gives a file a second name, so that models of the same parts take their room once; a copy where the disk has no such names. */
export function linkTwin(twin: string, target: string): void {
  makeFolder(dirname(target));
  rmSync(target, { force: true });
  removeParts(target);
  try {
    linkSync(twin, target);
  } catch {
    copyFileSync(twin, target);
  }
}
