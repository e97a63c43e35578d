import { randomUUID } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { PanicError } from '../../common/errors.js';
import { isThere } from '../../common/presence.js';
import { DATABASE_FILE, ROUTES_FILE } from '../layout.js';
import type { ObjectStore } from '../objects/object-store.js';
import { sha256OfFile } from './database-copy.js';
import {
  isWhole,
  MANIFEST_FILE,
  manifestOf,
  renameDurably,
  UNFINISHED_MANIFEST_FILE,
  unfinishedManifestOf,
} from './manifest.js';
import type { BackupManifest } from './manifest.js';

export const UNFINISHED = '.unfinished';

/** Names that an empty folder may have: our locks, and the folder that a file system keeps for itself. */
const NOTHING = /^((run|workers)\.lock(-journal)?|run\.json.*|lost\+found)$/;

/**
 * Examines the folder for a backup of this database. Returns the manifest of the backup that is there, or
 * null if there is none. First finishes a backup that was cut off between its last two steps.
 * @throws PanicError InvalidInput if the folder holds something else, or if the database in it has changed
 * since the backup.
 */
export async function enterTarget(
  folder: string,
  databaseId: string,
  signal: AbortSignal,
): Promise<BackupManifest | null> {
  const names = isThere(folder) ? readdirSync(folder).filter((name) => !NOTHING.test(name)) : [];
  if (names.length === 0) return null;
  if (!names.includes(MANIFEST_FILE) && !names.includes(UNFINISHED_MANIFEST_FILE)) {
    const some = names.slice(0, 3).join(', ');
    throw new PanicError(
      'InvalidInput',
      `${folder} holds something else than a backup (${some}${names.length > 3 ? ', …' : ''}); name a folder that is empty, or is not there yet. Nothing was done.`,
    );
  }
  const unfinished = unfinishedManifestOf(folder);
  for (const found of [manifestOf(folder), unfinished]) {
    if (found === null || found.databaseId === databaseId) continue;
    throw new PanicError(
      'InvalidInput',
      `${folder} holds a backup of another database (that of ${found.source}); name another folder. Nothing was done.`,
    );
  }
  if (unfinished !== null && isWhole(unfinished) && (await isDurable(folder, unfinished, signal))) {
    adopt(folder, unfinished);
  }
  const manifest = manifestOf(folder);
  await refuseChanged(folder, manifest, signal);
  return manifest;
}

/** Whether the folder has the database of a manifest, under one of its two names. */
async function isDurable(
  folder: string,
  { databaseSha256 }: BackupManifest,
  signal: AbortSignal,
): Promise<boolean> {
  const file = join(folder, DATABASE_FILE);
  const newest = isThere(file + UNFINISHED) ? file + UNFINISHED : file;
  return isThere(newest) && (await sha256OfFile(newest, signal)) === databaseSha256;
}

/**
 * Replaces the previous backup by the one that `manifest` describes. If the call is cut off at any point, the
 * same call continues.
 */
export function adopt(folder: string, { routesSha256 }: BackupManifest): void {
  const take = (name: string): void => {
    const file = join(folder, name);
    if (isThere(file + UNFINISHED)) renameDurably(file + UNFINISHED, file);
  };
  take(DATABASE_FILE);
  if (routesSha256 === null) rmSync(join(folder, ROUTES_FILE), { force: true });
  else take(ROUTES_FILE);
  renameDurably(join(folder, UNFINISHED_MANIFEST_FILE), join(folder, MANIFEST_FILE));
}

/**
 * If a process has worked in the folder since the backup, it is a data folder with rows of its own, and a
 * copy would destroy these.
 */
async function refuseChanged(
  folder: string,
  manifest: BackupManifest | null,
  signal: AbortSignal,
): Promise<void> {
  const file = join(folder, DATABASE_FILE);
  if (!isThere(file)) return;
  const hasLog = isThere(`${file}-wal`) || isThere(`${file}-journal`);
  if (!hasLog && (await sha256OfFile(file, signal)) === manifest?.databaseSha256) return;
  const since = manifest === null ? '' : ` since the backup of ${manifest.takenAt} was made`;
  throw new PanicError(
    'InvalidInput',
    `${file} was written to${since}: the folder was used as a data folder, or its disk has damaged the file. Name another folder for the backup. Nothing was done.`,
  );
}

/**
 * Removes what an interrupted backup left beside the objects. Only the holder of the folder may call this.
 */
export async function removeLeftovers(folder: string, objects: ObjectStore): Promise<void> {
  for (const name of readdirSync(folder)) {
    if ([DATABASE_FILE, ROUTES_FILE].some((whole) => name.startsWith(whole + UNFINISHED))) {
      rmSync(join(folder, name));
    }
  }
  for await (const file of objects.leftovers(Infinity)) rmSync(file, { force: true });
}

/** The id of the backup's place of objects, drawn with its first copy. */
export async function placeIdOf(objects: ObjectStore): Promise<string> {
  const known = await objects.id();
  if (known !== null) return known;
  const id = randomUUID();
  await objects.setId(id);
  return id;
}

/** Names of a data folder that no backup holds, because programs make these files anew. */
const MADE_ANEW = [
  NOTHING,
  /^panic-tda\.sqlite(-wal|-shm|-journal|\.migrate-lock.*)?$/,
  /^(objects|temporal|logs)$/,
  /^panic-tda\.instance\.json$/,
  /^routes\.json$/,
  /^panic-tda-backup\./,
];

/** Other names in a data folder that no backup of it includes. */
export function namesLeftOut(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => !MADE_ANEW.some((known) => known.test(name)))
    .sort();
}
