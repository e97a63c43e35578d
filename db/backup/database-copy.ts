import Database from 'better-sqlite3';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { harden, openSnapshot } from '../connection/sqlite.js';
import type { Connection } from '../connection/sqlite.js';
import type { RecordedPlace } from '../objects/recorded-place.js';
import { hasObject } from '../tables/has-object.js';
import { synchronise } from '../connection/synchronise.js';

/** Pages between two checks of the signal: 4 MiB, some hundredths of a second. */
const PAGES_AT_ONCE = 1024;

/**
 * Copies an SQLite file as it is now, while other processes write to it. One transaction reads the whole
 * copy: without it SQLite's backup begins again after each write of another process
 * (https://sqlite.org/backup.html), and never ends beside a steady writer. Throws the signal's reason, and
 * leaves no copy then.
 */
export async function copyDatabase(
  db: Connection,
  to: string,
  signal: AbortSignal,
  onProgress: (pages: number, of: number) => void,
): Promise<{ readonly takenAt: Date }> {
  const snapshot = openSnapshot(db);
  const takenAt = new Date();
  try {
    await snapshot.backup(to, {
      progress({ totalPages, remainingPages }) {
        signal.throwIfAborted();
        onProgress(totalPages - remainingPages, totalPages);
        return PAGES_AT_ONCE;
      },
    });
  } finally {
    snapshot.close();
    db.file.refuseIfChanged();
  }
  return { takenAt };
}

/** Records in a copy the place of its own objects, and makes the copy one file that is whole by itself. */
export function settleCopy(file: string, { placeId, place }: RecordedPlace): void {
  const copy = new Database(file, { fileMustExist: true });
  try {
    harden(copy);
    copy
      .prepare(
        `insert into objects_places (id, place_id, place) values (1, ?, ?)
         on conflict (id) do update set place_id = excluded.place_id, place = excluded.place`,
      )
      .run(placeId, place);
    // The copied pages still have the mode that needs a log beside the file.
    copy.pragma('journal_mode = DELETE');
  } finally {
    copy.close();
  }
  synchronise(file);
}

export interface CopiedPicture {
  readonly sha256: Buffer;
  readonly byteLength: number;
}

export interface CopyCounts {
  readonly experiments: number;
  readonly runs: number;
  readonly invocations: number;
  readonly objects: number;
  readonly objectBytes: number;
  readonly objectsSha256: string;
}

/** A copy that is open for reading. Each list of pictures is in the order of their digests. */
export interface DatabaseCopy {
  counts(): CopyCounts;
  pictures(): Iterable<CopiedPicture>;
  /** Pictures that an earlier copy of the same database does not have, and those of `again`. */
  picturesSince(earlier: string, again: readonly Buffer[]): Iterable<CopiedPicture>;
  close(): void;
}

const PICTURES = `select sha256, byte_length as "byteLength" from artifacts a where ${hasObject('a')}`;

export function readCopy(file: string): DatabaseCopy {
  const connections: Database.Database[] = [];
  /** Opens a connection for each list, because a connection with an open list can run no other query. */
  function open(): Database.Database {
    const copy = new Database(file, { readonly: true, fileMustExist: true });
    connections.push(copy);
    harden(copy);
    return copy;
  }
  function pictures(): Iterable<CopiedPicture> {
    return open().prepare<[], CopiedPicture>(`${PICTURES} order by sha256`).iterate();
  }
  return {
    counts() {
      const copy = open();
      const countOf = (table: string): number =>
        Number(copy.prepare(`select count(*) from ${table}`).pluck().get());
      const digest = createHash('sha256');
      let [objects, objectBytes] = [0, 0];
      for (const { sha256, byteLength } of pictures()) {
        digest.update(sha256);
        objects++;
        objectBytes += byteLength;
      }
      const [experiments, runs, invocations] = ['experiments', 'runs', 'invocations'].map(countOf);
      return {
        experiments: experiments!,
        runs: runs!,
        invocations: invocations!,
        objects,
        objectBytes,
        objectsSha256: digest.digest('hex'),
      };
    },
    pictures,
    picturesSince(earlier, again) {
      const copy = open();
      copy.prepare('attach ? as earlier').run(earlier);
      copy.exec('create temp table again (sha256 blob primary key)');
      const insert = copy.prepare('insert or ignore into again values (?)');
      for (const sha256 of again) insert.run(sha256);
      const query = `${PICTURES} and (
        a.sha256 in (select sha256 from again)
        or not exists (select 1 from earlier.artifacts e where e.sha256 = a.sha256 and ${hasObject('e')})
      ) order by sha256`;
      return copy.prepare<[], CopiedPicture>(query).iterate();
    },
    close() {
      for (const copy of connections.splice(0)) copy.close();
    },
  };
}

export async function sha256OfFile(file: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { signal }) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest('hex');
}
