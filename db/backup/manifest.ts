import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errorMessage, PanicError } from '../../common/errors.js';
import { isAbsence } from '../../common/presence.js';
import { isCount, isSha256, isText, isTime, recordIn } from '../../common/record-text.js';
import type { Checks } from '../../common/record-text.js';
import { readRegularFileNow, UnfitFile } from '../../common/regular-file.js';
import { synchronise } from '../connection/synchronise.js';

/** The facts about a backup, in its file `panic-tda-backup.json`. */
export interface BackupManifest {
  readonly format: 1;
  /** The version of panic-tda that made the backup. */
  readonly version: string;
  /** The data folder of the backup, for people. */
  readonly source: string;
  /** The id in the table `databases`. */
  readonly databaseId: string;
  /** The moment (ISO 8601) whose rows the backup has. */
  readonly takenAt: string;
  readonly finishedAt: string;
  /** The number of migrations that made the tables. */
  readonly migrations: number;
  readonly databaseBytes: number;
  readonly databaseSha256: string;
  readonly experiments: number;
  readonly runs: number;
  readonly invocations: number;
  /** The number of objects that the rows mention, and their bytes. */
  readonly objects: number;
  readonly objectBytes: number;
  /** SHA-256 of the SHA-256 digests of all these objects, 32 bytes each, in their order. */
  readonly objectsSha256: string;
  /** How many of these objects the backup does not have, because the data folder itself did not have them. */
  readonly missing: number;
  /** SHA-256 of the file of routes; null if there is none. */
  readonly routesSha256: string | null;
}

/** The facts about an unfinished backup, in its file `panic-tda-backup.unfinished.json`. */
export type UnfinishedManifest = BegunManifest | BackupManifest;

export type BegunManifest = Pick<BackupManifest, 'format' | 'version' | 'source' | 'databaseId'> & {
  readonly begunAt: string;
};

export const MANIFEST_FILE = 'panic-tda-backup.json';
export const UNFINISHED_MANIFEST_FILE = 'panic-tda-backup.unfinished.json';

const MOST_BYTES = 65_536;

const BEGUN: Checks<BegunManifest> = {
  format: (value): value is 1 => value === 1,
  version: isText,
  source: isText,
  databaseId: isText,
  begunAt: isTime,
};

const WHOLE: Checks<BackupManifest> = {
  format: BEGUN.format,
  version: isText,
  source: isText,
  databaseId: isText,
  takenAt: isTime,
  finishedAt: isTime,
  migrations: isCount,
  databaseBytes: isCount,
  databaseSha256: isSha256,
  experiments: isCount,
  runs: isCount,
  invocations: isCount,
  objects: isCount,
  objectBytes: isCount,
  objectsSha256: isSha256,
  missing: isCount,
  routesSha256: (value): value is string | null => value === null || isSha256(value),
};

/**
 * The manifest of a folder; null if it has none. Throws InvalidInput if the file holds something that this
 * version does not know.
 */
export function manifestOf(folder: string): BackupManifest | null {
  const file = join(folder, MANIFEST_FILE);
  const text = textOf(file);
  return text === null ? null : recordIn(text, file, WHOLE);
}

export function unfinishedManifestOf(folder: string): UnfinishedManifest | null {
  const file = join(folder, UNFINISHED_MANIFEST_FILE);
  const text = textOf(file);
  if (text === null) return null;
  return text.includes('"begunAt"') ? recordIn(text, file, BEGUN) : recordIn(text, file, WHOLE);
}

export function isWhole(manifest: UnfinishedManifest): manifest is BackupManifest {
  return 'finishedAt' in manifest;
}

function textOf(file: string): string | null {
  try {
    return readRegularFileNow(file, MOST_BYTES).toString();
  } catch (error) {
    if (error instanceof UnfitFile) throw new PanicError('InvalidInput', `${file} ${error.message}`);
    if (isAbsence(error)) return null;
    throw new PanicError('InvalidInput', `${file} cannot be read: ${errorMessage(error)}`, { cause: error });
  }
}

export function writeUnfinishedManifest(folder: string, manifest: UnfinishedManifest): void {
  const file = join(folder, UNFINISHED_MANIFEST_FILE);
  const temporary = `${file}.new`;
  rmSync(temporary, { force: true });
  const bytes = Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`);
  const descriptor = openSync(temporary, 'wx');
  try {
    for (let written = 0; written < bytes.byteLength;) written += writeSync(descriptor, bytes, written);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, file);
  synchronise(folder);
}

/** Gives a file its name durably. It replaces a file of that name. */
export function renameDurably(from: string, to: string): void {
  renameSync(from, to);
  synchronise(dirname(to));
}
