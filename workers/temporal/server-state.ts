import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isAbsence, isThere } from '../../common/presence.js';
import { readRegularFileNow, UnfitFile } from '../../common/regular-file.js';

/**
 * The embedded server's SQLite file. The database of experiments is the truth and Temporal only drives, so this state may be lost
 * at any time; it is set aside rather than repaired. Files are not promised to be compatible across CLI versions.
 */

export function stateIsOfAnotherVersion(databaseFile: string, cliVersion: string): boolean {
  if (!isThere(databaseFile)) return false;
  const file = versionFile(databaseFile);
  return readVersion(file) !== cliVersion;
}

export function recordCliVersion(databaseFile: string, cliVersion: string): void {
  rmSync(versionFile(databaseFile), { force: true });
  writeFileSync(versionFile(databaseFile), `${cliVersion}\n`, { flag: 'wx' });
}

/** Null where there is none, or something else than a file in its place. */
function readVersion(file: string): string | null {
  try {
    return readRegularFileNow(file, MOST_VERSION_BYTES).toString().trim();
  } catch (error) {
    if (error instanceof UnfitFile || isAbsence(error)) return null;
    throw error;
  }
}

const MOST_VERSION_BYTES = 1024;

/** Whether the server's last words blame its database file: SQLite's own messages, and tables that are not as it knows them. */
export function looksCorrupt(logTail: string): boolean {
  return /malformed|file is not a database|disk I\/O error|no such (table|column)|schema version|unsupported file format/i.test(
    logTail,
  );
}

/** Moves the state to a folder beside it, replacing the one that was set aside before. Returns that folder. */
export function setStateAside(databaseFile: string): string {
  const aside = join(dirname(databaseFile), 'set-aside');
  rmSync(aside, { recursive: true, force: true });
  mkdirSync(aside);
  for (const file of [
    ...['', '-wal', '-shm', '-journal'].map((suffix) => databaseFile + suffix),
    versionFile(databaseFile),
  ]) {
    if (isThere(file)) renameSync(file, join(aside, basename(file)));
  }
  return aside;
}

function versionFile(databaseFile: string): string {
  return `${databaseFile}.cli-version`;
}
