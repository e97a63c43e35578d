import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { PanicError } from '../../common/errors.js';
import { accessFailure, statIfThere } from '../../common/presence.js';

/** How a process can read an SQLite file. */
export interface ReadableFile {
  /** The location that SQLite opens: the path, or a URI. */
  readonly location: string;
  /**
   * Throws StoreUnavailable if another process may have changed the file while this one read it as immutable.
   */
  readonly refuseIfChanged: () => void;
}

/** For a file that SQLite itself guards by its locks. */
export const GUARDED = { refuseIfChanged: (): void => undefined } as const;

/**
 * How this process can read an existing SQLite file with a write-ahead log; null if there is no file.
 *
 * SQLite makes `-wal` and `-shm` beside such a file even to read it. A user who may not write there can read
 * the file in two cases. Either those two files exist already. Or no log exists: then no process has the file
 * open, and it is as good as immutable (https://sqlite.org/wal.html#readonly,
 * https://sqlite.org/uri.html#uriimmutable). If a process opens the file later, the file's time shows it, and
 * the reader discards what it read.
 * @throws PanicError InvalidInput that says what is missing.
 */
export function readableFile(file: string): ReadableFile | null {
  if (statIfThere(file) === undefined) return null;
  try {
    accessSync(file, constants.R_OK);
  } catch (error) {
    throw accessFailure(error, file, 'read');
  }
  if (isAllowed(file, constants.W_OK) && isAllowed(dirname(file), constants.W_OK | constants.X_OK)) {
    return { location: file, ...GUARDED };
  }
  const [log, index] = [`${file}-wal`, `${file}-shm`];
  const [logBytes, indexThere] = [statIfThere(log)?.size ?? 0, statIfThere(index) !== undefined];
  if (logBytes === 0 && !indexThere) return immutableFile(file);
  const missing = !indexThere
    ? `${index} is missing`
    : [log, index]
        .filter((path) => !isAllowed(path, constants.R_OK))
        .map((path) => `${path} may not be read`)[0];
  if (missing === undefined) return { location: file, ...GUARDED };
  throw new PanicError(
    'InvalidInput',
    `${file} cannot be read as it is: what was written last is in ${log}, and ${missing}. This user may not write to ` +
      `${dirname(file)}: ask a user who may to look at it once ("panic-tda list"), or copy the folder to where this user may write`,
  );
}

function immutableFile(file: string): ReadableFile {
  const before = markOf(file);
  return {
    location: `${pathToFileURL(file).href}?immutable=1`,
    refuseIfChanged() {
      if (markOf(file) === before) return;
      throw new PanicError(
        'StoreUnavailable',
        `${file} was changed by another process while it was read, and this user may not write to ${dirname(file)}, which SQLite needs to read beside a writer; try again`,
      );
    },
  };
}

/** A text that changes with every write to the file. */
function markOf(file: string): string {
  const { ino, size, mtimeNs } = statSync(file, { bigint: true });
  return `${ino} ${size} ${mtimeNs}`;
}

/** Whether this user may do this on this mount: a read-only mount refuses every user's writes. */
function isAllowed(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
