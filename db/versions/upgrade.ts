import Database from 'better-sqlite3';
import { readdirSync, renameSync, rmSync, statfsSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { errorMessage, PanicError } from '../../common/errors.js';
import { faultPoint } from '../../common/fault.js';
import { statIfThere } from '../../common/presence.js';
import { plannedMigration } from './compatibility.js';
import type { PlannedMigration, TablesVersion } from './compatibility.js';
import { MIGRATIONS, openDatabase, tablesOf } from '../connection/sqlite.js';
import { migrationFiles } from './migration-files.js';
import { synchronise } from '../connection/synchronise.js';

/** The needs of bringing an SQLite file up to date. */
export interface UpgradePlan {
  readonly tables: TablesVersion;
  readonly plan: PlannedMigration;
  /** Bytes of the file with its write-ahead log, which is the size of the copy. */
  readonly bytes: number;
  /** Bytes for the copy and for the tables that the migrations write anew. */
  readonly neededBytes: number;
  readonly freeBytes: number;
}

export interface Upgraded {
  /** The copy of the file from before the upgrade, whole by itself. */
  readonly copy: string;
  readonly copyBytes: number;
}

const COPY = '.before-upgrade-';
const UNFINISHED = '.unfinished';

/** The upgrade that a file needs; null if it needs none. Changes nothing. */
export function plannedUpgrade(file: string): UpgradePlan | null {
  const tables = tablesOf(file);
  if (tables === null) return null;
  const plan = plannedMigration(tables, migrationFiles(MIGRATIONS));
  const log = statIfThere(`${file}-wal`)?.size ?? 0;
  const bytes = statSync(file).size + log;
  const { bavail, bsize } = statfsSync(dirname(file));
  return { tables, plan, bytes, neededBytes: 2 * bytes, freeBytes: bavail * bsize };
}

/**
 * Copies an SQLite file of an older version, then brings its tables up to date in one transaction. If the
 * call is cut off at any point, the file is of one version or the other, and the same call continues. No
 * other process may write to the file meanwhile.
 * @throws PanicError InvalidInput before it writes anything, if the disk has too little room. Also throws it
 * if the newer tables refuse stored rows; the message then names the copy.
 */
export async function upgradeFile(file: string, now: Date): Promise<Upgraded> {
  const plan = plannedUpgrade(file);
  if (plan === null) throw new Error(`there is no ${file}`);
  if (plan.freeBytes < plan.neededBytes) {
    throw new PanicError(
      'InvalidInput',
      `${file} cannot be brought up to date: its copy and its new tables need ${mebibytes(plan.neededBytes)} in ${dirname(file)}, which has ${mebibytes(plan.freeBytes)} free; free some space and try again`,
    );
  }
  removeUnfinished(file);
  const copy = await copied(file, plan.tables.applied, now);
  faultPoint('upgrade:after-copy');
  try {
    await openDatabase(file).close();
  } catch (error) {
    throw new PanicError('InvalidInput', `${errorMessage(error)}. The copy made before is ${copy}`, {
      cause: error,
    });
  }
  faultPoint('upgrade:after-commit');
  return { copy, copyBytes: statSync(copy).size };
}

/** The message after `connectStore` brought a file up to date; `command` would have copied the file first. */
export function upgradedText(file: string, { applied, known }: TablesVersion, command: string): string {
  return `${file} was of an older version (${applied} of ${known} migrations) and was brought up to date, without a copy; "${command}" would have made one.`;
}

async function copied(file: string, applied: number, now: Date): Promise<string> {
  const time = now.toISOString().replace(/\.\d+/, '').replaceAll(':', '');
  const copy = `${file.replace(/\.sqlite$/, '')}${COPY}${applied}-migrations-${time}.sqlite`;
  const unfinished = `${copy}${UNFINISHED}`;
  const source = new Database(file, { fileMustExist: true });
  try {
    await source.backup(unfinished);
  } finally {
    source.close();
  }
  // The copied pages still have the mode that needs a log beside the file; a copy is one file.
  const made = new Database(unfinished, { fileMustExist: true });
  try {
    made.pragma('journal_mode = DELETE');
  } finally {
    made.close();
  }
  const found = tablesOf(unfinished)?.applied;
  if (found !== applied)
    throw new Error(`the copy ${unfinished} has ${found} migrations instead of ${applied}`);
  faultPoint('upgrade:before-copy');
  synchronise(unfinished);
  renameSync(unfinished, copy);
  synchronise(dirname(copy));
  return copy;
}

/** Removes the unfinished copy of an earlier call that was cut off. */
function removeUnfinished(file: string): void {
  const folder = dirname(file);
  const prefix = `${basename(file).replace(/\.sqlite$/, '')}${COPY}`;
  for (const name of readdirSync(folder)) {
    if (name.startsWith(prefix) && name.includes(UNFINISHED)) rmSync(join(folder, name));
  }
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}
