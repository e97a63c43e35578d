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
 * What an SQLite file is that no copy of it is. An id, in a file beside it that says also which file of the disk it is itself, and where it
 * was made: it goes along where the folder is moved or renamed; a copy of the file is another file of the disk, at another place, and is told by that.
 */
interface Instance {
  readonly format: 1;
  readonly instance: string;
  /** Number of this file on its disk, and when it was made (nanoseconds since the epoch; 0 where the disk does not say). */
  readonly file: string;
  /** Host and folder. */
  readonly place: string;
}

const CHECKS: Checks<Instance> = {
  format: (value): value is 1 => value === 1,
  instance: isText,
  file: isText,
  place: isText,
};

const MOST_BYTES = 65_536;

/** The instance of the SQLite file of a folder; null where nothing says which it is, also since the folder is a copy of another. */
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
  // A disk may number its files anew; a folder that is put back where it was is what it was.
  return file === fileText(stats) || place === placeOf(folder) ? `sqlite ${instance}` : null;
}

/** The same, drawn and kept where nothing says it. No two processes may call it at once. */
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
