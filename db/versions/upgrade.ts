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

/** What bringing an SQLite file up to date takes. */
export interface UpgradePlan {
  readonly tables: TablesVersion;
  readonly plan: PlannedMigration;
  /** Bytes of the file with its write-ahead log: so large is the copy. */
  readonly bytes: number;
  /** Room for the copy and for the tables that are written anew. */
  readonly neededBytes: number;
  readonly freeBytes: number;
}

export interface Upgraded {
  /** The file as it was before, whole and by itself. */
  readonly copy: string;
  readonly copyBytes: number;
}

const COPY = '.before-upgrade-';
const UNFINISHED = '.unfinished';

/** What is to be done about a file; null where there is none. Changes nothing. */
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
 * Copies an SQLite file of an older version, then brings its tables up to date in one transaction. Cut off anywhere, the file is of
 * the one version or the other, and the same call goes on. No other process may write to it meanwhile.
 * @throws PanicError InvalidInput where the disk has too little room, before anything is written, and where the newer tables refuse
 * what is stored, with the copy named.
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

/** What `connectStore` brought up to date; `command` would have copied it first. */
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
  // Pages were copied with the mode that needs a log beside the file; a copy is one file.
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

/** What an earlier call that was cut off left behind. */
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
