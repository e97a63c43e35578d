import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errorCode } from '../../common/error-code.js';
import { PanicError } from '../../common/errors.js';
import { faultPoint } from '../../common/fault.js';
import { makeFolder } from '../../common/make-folder.js';
import { isAbsence, isThere } from '../../common/presence.js';
import { readRegularFileNow, UnfitFile } from '../../common/regular-file.js';
import type { Connection } from '../connection/sqlite.js';
import { DATABASE_FILE, OBJECTS_FOLDER, ROUTES_FILE } from '../layout.js';
import { missingPictures, OWN_PLACE } from '../objects/recorded-place.js';
import { createObjectFolder } from '../objects/folder.js';
import type { ObjectStore } from '../objects/object-store.js';
import { copyObjects, NO_OBJECTS } from '../objects/copy.js';
import type { CopyCounts, DamagedObject } from '../objects/copy.js';
import { unmentionedObjects } from '../objects/unmentioned.js';
import type { Store } from '../store.js';
import { hasObject } from '../tables/has-object.js';
import { copyDatabase, readCopy, settleCopy, sha256OfFile } from './database-copy.js';
import { synchronise } from '../connection/synchronise.js';
import { writeUnfinishedManifest } from './manifest.js';
import type { BackupManifest } from './manifest.js';
import { adopt, enterTarget, namesLeftOut, placeIdOf, removeLeftovers, UNFINISHED } from './target.js';

export type { BackupManifest } from './manifest.js';
export { MANIFEST_FILE } from './manifest.js';

export type BackupProgress =
  | { readonly stage: 'database'; readonly pages: number; readonly of: number }
  | { readonly stage: 'objects'; readonly counts: CopyCounts; readonly of: number };

export interface BackupRequest {
  /** The store to copy, open for reading. */
  readonly source: Store<Connection>;
  readonly sourceFolder: string;
  /** The folder of the backup. The caller holds its lock, so that no other process writes there. */
  readonly folder: string;
  /** The version of panic-tda. */
  readonly version: string;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: BackupProgress) => void;
  /** Called for each object that the data folder itself does not have. */
  readonly onMissing: (message: string) => void;
}

export interface Backup {
  readonly manifest: BackupManifest;
  readonly counts: CopyCounts;
  /** How often this call copied the database, because a deletion removed objects during a copy. */
  readonly databaseCopies: number;
  /**
   * The number of objects in the folder that no row of the copy mentions. Their rows were deleted after an
   * earlier backup.
   */
  readonly unmentioned: number;
  readonly unmentionedBytes: number;
  /** Names in the data folder that no backup includes. */
  readonly leftOut: readonly string[];
}

/**
 * A deletion that runs meanwhile removes objects that a copy mentions. A further copy has only the later
 * objects left to read.
 */
const MOST_COPIES = 10;
/** The unit to which a file system rounds up the length of a file. */
const BLOCK_BYTES = 4096;
const MOST_ROUTES_BYTES = 16 * 2 ** 20;

/**
 * Throws InvalidInput if a folder cannot take a backup of this store, because it holds something else or has
 * too little room. Call it before you make or lock the folder. It changes nothing, except that it finishes a
 * backup that was cut off between its last two steps.
 */
export async function refuseTarget(
  request: Pick<BackupRequest, 'source' | 'folder' | 'signal'>,
): Promise<void> {
  const { source, folder, signal } = request;
  await enterTarget(folder, await databaseIdOf(source), signal);
  const to = createObjectFolder(join(folder, OBJECTS_FOLDER), folder);
  try {
    await requireRoom(source, to, folder);
  } finally {
    to.close();
  }
}

/**
 * Copies a data folder with its SQLite file while other processes write to it: first the database as it is at
 * one moment, then the objects that it mentions, then the user's small files. Only then does the copy replace
 * an earlier one. If the call is cut off before, the earlier backup stays as it was, and the same call
 * continues.
 * @throws PanicError InvalidInput if the folder holds something else.
 */
export async function backUp(request: BackupRequest): Promise<Backup> {
  try {
    return await backedUp(request);
  } catch (error) {
    if (errorCode(error) !== 'ENOSPC' && errorCode(error) !== 'SQLITE_FULL') throw error;
    throw new Error(`the disk of ${request.folder} is full; free some space, and the same command goes on`, {
      cause: error,
    });
  }
}

async function backedUp(request: BackupRequest): Promise<Backup> {
  const { source, sourceFolder, folder, version, signal } = request;
  makeFolder(folder);
  const databaseId = await databaseIdOf(source);
  await enterTarget(folder, databaseId, signal);
  const to = createObjectFolder(join(folder, OBJECTS_FOLDER), folder);
  try {
    const begun = { format: 1, version, source: sourceFolder, databaseId } as const;
    writeUnfinishedManifest(folder, { ...begun, begunAt: new Date().toISOString() });
    await removeLeftovers(folder, to);
    makeFolder(to.root);
    const copied = await copyRows(request, to, await placeIdOf(to));
    const routesSha256 = copyRoutes(sourceFolder, folder);
    faultPoint('backup:after-objects');
    const file = join(folder, DATABASE_FILE + UNFINISHED);
    const manifest: BackupManifest = {
      ...begun,
      takenAt: copied.takenAt.toISOString(),
      finishedAt: new Date().toISOString(),
      migrations: source.schemaVersion,
      databaseBytes: statSync(file).size,
      databaseSha256: await sha256OfFile(file, signal),
      ...copied.rows,
      missing: copied.missing.length,
      routesSha256,
    };
    signal.throwIfAborted();
    writeUnfinishedManifest(folder, manifest);
    faultPoint('backup:after-manifest');
    adopt(folder, manifest);
    faultPoint('backup:after-adopted');
    const { counts, databaseCopies } = copied;
    const unmentioned = await countUnmentioned(folder, to);
    return { manifest, counts, databaseCopies, ...unmentioned, leftOut: namesLeftOut(sourceFolder) };
  } finally {
    to.close();
  }
}

async function databaseIdOf({ db }: Store<Connection>): Promise<string> {
  const snapshot = await db.snapshot();
  try {
    for await (const { id } of snapshot.rows<{ id: string }>('select database_id as id from databases'))
      return id;
    throw new PanicError(
      'InvalidInput',
      `${db.name} has no id; "panic-tda doctor" says what is wrong with it`,
    );
  } finally {
    await snapshot.close();
  }
}

/**
 * Throws InvalidInput if the disk has too little room for the copy of the database and for the objects that
 * the folder does not have.
 */
async function requireRoom({ db }: Store<Connection>, to: ObjectStore, folder: string): Promise<void> {
  const { missing, missingBytes } = await missingPictures(db, to);
  const needed = (await db.size()) + missingBytes + missing * BLOCK_BYTES;
  let there = folder;
  while (!isThere(there)) there = dirname(there);
  const { bavail, bsize } = statfsSync(there);
  if (bavail * bsize >= needed) return;
  throw new PanicError(
    'InvalidInput',
    `the backup needs ${mebibytes(needed)} in ${folder}, which has ${mebibytes(bavail * bsize)} free. Nothing was done.`,
  );
}

interface CopiedRows {
  readonly takenAt: Date;
  readonly counts: CopyCounts;
  readonly rows: ReturnType<ReturnType<typeof readCopy>['counts']>;
  readonly missing: readonly DamagedObject[];
  readonly databaseCopies: number;
}

/**
 * Copies the database and the objects that it mentions. It repeats this until no deletion has removed one of
 * these objects meanwhile.
 */
async function copyRows(request: BackupRequest, to: ObjectStore, placeId: string): Promise<CopiedRows> {
  const { source, folder, signal, onProgress, onMissing } = request;
  const file = join(folder, DATABASE_FILE + UNFINISHED);
  const earlier = `${file}.earlier`;
  const missing: DamagedObject[] = [];
  let counts = NO_OBJECTS;
  let deleted: readonly DamagedObject[] = [];
  for (let databaseCopies = 1; databaseCopies <= MOST_COPIES; databaseCopies++) {
    if (databaseCopies > 1) renameSync(file, earlier);
    const { takenAt } = await copyDatabase(source.db, file, signal, (pages, of) =>
      onProgress({ stage: 'database', pages, of }),
    );
    settleCopy(file, { placeId, place: OWN_PLACE });
    faultPoint('backup:after-database');
    const copy = readCopy(file);
    try {
      const rows = copy.counts();
      const again = deleted.map(({ sha256 }) => sha256);
      const pictures = databaseCopies === 1 ? copy.pictures() : copy.picturesSince(earlier, again);
      const lacked: DamagedObject[] = [];
      counts = await copyObjects(pictures, source.objects, to, {
        verify: true,
        signal,
        onProgress: (now) => onProgress({ stage: 'objects', counts: now, of: rows.objects }),
        onDamaged: (object) => lacked.push(object),
        before: counts,
      });
      const left = await sorted(source, lacked);
      for (const { message } of left.missing) onMissing(message);
      missing.push(...left.missing);
      deleted = left.deleted;
      // The next copy looks at these objects once more.
      counts = { ...counts, objects: counts.objects - deleted.length };
      if (deleted.length === 0) return { takenAt, counts, rows, missing, databaseCopies };
    } finally {
      copy.close();
      rmSync(earlier, { force: true });
    }
  }
  throw new PanicError(
    'StoreUnavailable',
    `objects went with deletions during each of ${MOST_COPIES} copies of the database; back up when these are over. What was copied stays`,
  );
}

/**
 * Splits the objects that were missing: the rows of some were deleted meanwhile, and the rows still mention
 * the others.
 */
async function sorted(
  { db }: Store<Connection>,
  lacked: readonly DamagedObject[],
): Promise<{ readonly missing: readonly DamagedObject[]; readonly deleted: readonly DamagedObject[] }> {
  const [missing, deleted]: [DamagedObject[], DamagedObject[]] = [[], []];
  if (lacked.length === 0) return { missing, deleted };
  const isMentioned = db.sqlite.prepare(`select 1 from artifacts where sha256 = ? and ${hasObject()}`);
  for (const object of lacked) {
    (isMentioned.get(object.sha256) === undefined ? deleted : missing).push(object);
  }
  return { missing, deleted };
}

/** Copies the user's routes under their unfinished name. Returns their digest, or null if there are none. */
function copyRoutes(from: string, to: string): string | null {
  const file = join(from, ROUTES_FILE);
  let bytes: Buffer;
  try {
    bytes = readRegularFileNow(file, MOST_ROUTES_BYTES, { links: true });
  } catch (error) {
    if (isAbsence(error)) return null;
    if (error instanceof UnfitFile) throw new PanicError('InvalidInput', `${file} ${error.message}`);
    throw error;
  }
  const target = join(to, ROUTES_FILE + UNFINISHED);
  const descriptor = openSync(target, 'wx');
  try {
    for (let written = 0; written < bytes.byteLength;) written += writeSync(descriptor, bytes, written);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  synchronise(to);
  return createHash('sha256').update(bytes).digest('hex');
}

async function countUnmentioned(
  folder: string,
  objects: ObjectStore,
): Promise<Pick<Backup, 'unmentioned' | 'unmentionedBytes'>> {
  const copy = readCopy(join(folder, DATABASE_FILE));
  let [unmentioned, unmentionedBytes] = [0, 0];
  try {
    for await (const { byteLength } of unmentionedObjects(objects.list(), copy.pictures())) {
      unmentioned++;
      unmentionedBytes += byteLength;
    }
    return { unmentioned, unmentionedBytes };
  } finally {
    copy.close();
  }
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}
