import { randomUUID } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { PanicError } from '../../common/errors.js';
import { accessFailure, isAbsence } from '../../common/presence.js';
import { isText, recordIn } from '../../common/record-text.js';
import type { Checks } from '../../common/record-text.js';
import { readRegularFileNow, UnfitFile } from '../../common/regular-file.js';
import { INSTANCE_FILE } from '../layout.js';

/**
 * The identity of an SQLite file, which no copy of it has. An id stands in a file beside the database. That
 * file also says which file of the disk the database is, and where it was made. The id stays with a folder
 * that a user moves or renames. A copy of the database is another file of the disk at another place, and
 * these two facts show that.
 */
interface Instance {
  readonly format: 1;
  readonly instance: string;
  /**
   * The number of this file on its disk, and when it was made (nanoseconds since the epoch; 0 if the disk
   * does not say).
   */
  readonly file: string;
  /** Machine and folder. */
  readonly place: string;
}

const CHECKS: Checks<Instance> = {
  format: (value): value is 1 => value === 1,
  instance: isText,
  file: isText,
  place: isText,
};

const MOST_BYTES = 65_536;

/**
 * The instance of the SQLite file of a folder; null if no file states it, or if the folder is a copy of
 * another.
 */
export function sqliteInstance(folder: string): string | null {
  const path = join(folder, INSTANCE_FILE);
  let text: string;
  let stats: BigIntStats;
  try {
    text = readRegularFileNow(path, MOST_BYTES).toString();
    stats = lstatSync(path, { bigint: true });
  } catch (error) {
    if (error instanceof UnfitFile) throw new PanicError('InvalidInput', `${path} ${error.message}`);
    if (isAbsence(error)) return null;
    throw accessFailure(error, path, 'read');
  }
  const { instance, file, place } = recordIn(text, path, CHECKS);
  // A disk may give its files new numbers. A folder that a user puts back at its old place is the same
  // instance.
  return file === fileText(stats) || place === placeOf(folder) ? `sqlite ${instance}` : null;
}

/**
 * Returns the instance of the file; draws and keeps a new one if no file states it. No two processes may call
 * this at once.
 */
export function ownSqliteInstance(folder: string): string {
  const known = sqliteInstance(folder);
  if (known !== null) return known;
  const path = join(folder, INSTANCE_FILE);
  const temporary = `${path}.${process.pid}.new`;
  const instance = randomUUID();
  rmSync(temporary, { force: true });
  const descriptor = openSync(temporary, 'wx');
  try {
    const file = fileText(fstatSync(descriptor, { bigint: true }));
    const record: Instance = { format: 1, instance, file, place: placeOf(folder) };
    const bytes = Buffer.from(`${JSON.stringify(record, undefined, 2)}\n`);
    for (let written = 0; written < bytes.byteLength;) written += writeSync(descriptor, bytes, written);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, path);
  const parent = openSync(dirname(path), 'r');
  try {
    fsyncSync(parent);
  } finally {
    closeSync(parent);
  }
  return sqliteInstance(folder) ?? `sqlite ${instance}`;
}

function fileText({ ino, birthtimeNs }: BigIntStats): string {
  return `${ino} ${birthtimeNs}`;
}

function placeOf(folder: string): string {
  return `${hostname()}:${realpathSync(folder)}`;
}
