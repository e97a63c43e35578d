import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isAbsence, isThere } from '../../common/presence.js';
import { readRegularFileNow, UnfitFile } from '../../common/regular-file.js';

/**
 * State of the embedded server: its SQLite file. The database of experiments is the truth and Temporal only
 * drives, so this state may be lost at any time; we set it aside instead of repairing it. Temporal does not
 * promise that versions of its CLI can read each other's files.
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

/** Null if there is no such file, or if something else is in its place. */
function readVersion(file: string): string | null {
  try {
    return readRegularFileNow(file, MOST_VERSION_BYTES).toString().trim();
  } catch (error) {
    if (error instanceof UnfitFile || isAbsence(error)) return null;
    throw error;
  }
}

const MOST_VERSION_BYTES = 1024;

/**
 * Whether the end of the server's log blames its database file: SQLite's own messages, and tables other than
 * the server expects.
 */
export function looksCorrupt(logTail: string): boolean {
  return /malformed|file is not a database|disk I\/O error|no such (table|column)|schema version|unsupported file format/i.test(
    logTail,
  );
}

/**
 * Moves the state to a folder beside it, which replaces the one that was set aside before. Returns that
 * folder.
 */
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
