import { statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { PanicError } from '../../common/errors.js';
import { isSqlite } from './sqlite.js';
import type { Database } from './database.js';

export interface Compacted {
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/**
 * Returns the room of deleted rows to the disk. SQLite writes the whole database anew for it
 * (https://sqlite.org/lang_vacuum.html), so no other process may write meanwhile. Throws InvalidInput before
 * it writes anything, if the database is no SQLite file or if the disk has too little room.
 */
export function compact(db: Database): Compacted {
  if (!isSqlite(db)) {
    throw new PanicError(
      'InvalidInput',
      `${db.name} is Postgres, which uses the room of deleted rows again by itself`,
    );
  }
  const { sqlite } = db;
  const file = sqlite.name;
  const pageSize = Number(sqlite.pragma('page_size', { simple: true }));
  const used =
    Number(sqlite.pragma('page_count', { simple: true })) -
    Number(sqlite.pragma('freelist_count', { simple: true }));
  // SQLite makes a copy in a temporary file, and writes the same pages to the write-ahead log, with a frame
  // header each.
  const needed = 2 * used * (pageSize + 24);
  const folder = dirname(file);
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  if (free < needed) {
    throw new PanicError(
      'InvalidInput',
      `the database cannot be compacted: that needs ${mebibytes(needed)} in ${folder}, which has ${mebibytes(free)} free; free some space and try again`,
    );
  }
  const bytesBefore = statSync(file).size;
  // Without this SQLite would use the system's temporary folder, whose room was not checked. SQLite reads the
  // variable at each use.
  process.env['SQLITE_TMPDIR'] = folder;
  try {
    sqlite.exec('VACUUM');
    sqlite.pragma('wal_checkpoint(TRUNCATE)');
  } finally {
    delete process.env['SQLITE_TMPDIR'];
  }
  return { bytesBefore, bytesAfter: statSync(file).size };
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}
