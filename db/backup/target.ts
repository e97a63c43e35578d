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

/** What may lie in a folder that holds nothing: locks of ours, and the folder that a file system keeps for itself. */
const NOTHING = /^((run|workers)\.lock(-journal)?|run\.json.*|lost\+found)$/;

/**
 * Looks at the folder that a backup of this database is to go to; returns the manifest of the backup that is there, null where there is none.
 * A backup that was cut off between its last two steps is finished first.
 * @throws PanicError InvalidInput where the folder holds something else, and where its database has changed since.
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

/** Whether the database of a manifest is in the folder, by one of its two names. */
async function isDurable(
  folder: string,
  { databaseSha256 }: BackupManifest,
  signal: AbortSignal,
): Promise<boolean> {
  const file = join(folder, DATABASE_FILE);
  const newest = isThere(file + UNFINISHED) ? file + UNFINISHED : file;
  return isThere(newest) && (await sha256OfFile(newest, signal)) === databaseSha256;
}

/** Lets the backup that `manifest` describes take the place of the one before. Cut off anywhere, the same call goes on. */
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

/** A folder that was worked in since is a data folder with rows of its own, which a copy would take away. */
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

/** Removes what a backup that was cut off left beside the objects; only its owner may call this. */
export async function removeLeftovers(folder: string, objects: ObjectStore): Promise<void> {
  for (const name of readdirSync(folder)) {
    if ([DATABASE_FILE, ROUTES_FILE].some((whole) => name.startsWith(whole + UNFINISHED))) {
      rmSync(join(folder, name));
    }
  }
  for await (const file of objects.leftovers(Infinity)) rmSync(file, { force: true });
}

/** The id by which the objects of a backup go, drawn with its first copy. */
export async function placeIdOf(objects: ObjectStore): Promise<string> {
  const known = await objects.id();
  if (known !== null) return known;
  const id = randomUUID();
  await objects.setId(id);
  return id;
}

/** Names of a data folder that no backup holds, since they are made anew. */
const MADE_ANEW = [
  NOTHING,
  /^panic-tda\.sqlite(-wal|-shm|-journal|\.migrate-lock.*)?$/,
  /^(objects|temporal|logs)$/,
  /^panic-tda\.instance\.json$/,
  /^routes\.json$/,
  /^panic-tda-backup\./,
];

/** What else lies in a data folder, and is in no backup of it. */
export function namesLeftOut(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => !MADE_ANEW.some((known) => known.test(name)))
    .sort();
}
