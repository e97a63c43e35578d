import { missingTables, nameOfService, plannedUpgrade, upgradeFile } from '../../db/index.js';
import type { PostgresService, UpgradePlan } from '../../db/index.js';
import { PanicError } from '../../experiment/errors.js';
import { armFault } from '../../experiment/fault.js';
import { excludeWorkers } from '../../workers/data-folder.js';
import { closeFolder } from '../closed-folder.js';
import { noExperiments } from '../context.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { bytes, plural } from '../format.js';
import { print, printJson } from '../output.js';

/** What `--json` prints. */
interface UpgradeDocument {
  readonly database: string;
  /** Migrations that made its tables, and those of this version. */
  readonly migrations: number;
  readonly known: number;
  /** Whether the tables are of this version now. */
  readonly upToDate: boolean;
  /** The file as it was before; null where none was made. */
  readonly copy: string | null;
  readonly copyBytes: number | null;
}

/** `upgrade [--check]`: brings what an older version stored up to date, after a copy of it. */
export async function upgradeStore(
  context: Context,
  { check }: { readonly check: boolean },
): Promise<number> {
  const { database } = context.place;
  return database === null
    ? await upgradeFolder(context, check)
    : await tellOfServer(context, database, check);
}

async function upgradeFolder(context: Context, check: boolean): Promise<number> {
  const { environment, folder, command } = context;
  const { databaseFile } = folder;
  const plan = plannedUpgrade(databaseFile);
  if (plan === null || plan.applied === 0) throw noExperiments(context);
  const document = { database: databaseFile, migrations: plan.applied, known: plan.known };
  if (plan.applied === plan.known) {
    return told(context, { ...document, ...NO_COPY, upToDate: true }, `${databaseFile} is of this version.`);
  }
  if (check) {
    const text = `${databaseFile} is of an older version (${plan.applied} of ${plan.known} migrations). ${roomText(plan)} "${command('upgrade')}" copies it and brings it up to date.`;
    return told(context, { ...document, ...NO_COPY, upToDate: false }, text);
  }
  if (environment.fault !== undefined) armFault(environment.fault);
  closeFolder(context);
  const lock = await excludeWorkers(folder);
  try {
    const { copy, copyBytes } = await upgradeFile(databaseFile, new Date());
    const text =
      `${databaseFile} was of an older version (${plural(plan.applied, 'migration')}) and is of this one now (${plan.known}).\n` +
      `As it was before, it is in ${copy} (${bytes(copyBytes)}); delete that when you need it no more. Pictures are as they were.`;
    return told(context, { ...document, upToDate: true, copy, copyBytes }, text);
  } finally {
    lock.release();
  }
}

const NO_COPY = { copy: null, copyBytes: null } as const;

function roomText({ bytes: size, neededBytes, freeBytes }: UpgradePlan): string {
  return `The copy takes ${bytes(size)}; ${bytes(neededBytes)} have to be free for both, and ${bytes(freeBytes)} are.`;
}

/** The copy of a server's database is the operator's to make, so that the tables are not touched here. */
async function tellOfServer(context: Context, database: PostgresService, check: boolean): Promise<number> {
  const name = nameOfService(database);
  const { missing, known } = await missingTables(database);
  if (missing === known) throw noExperiments(context);
  const document = {
    database: name,
    migrations: known - missing,
    known,
    ...NO_COPY,
    upToDate: missing === 0,
  };
  if (missing === 0) return told(context, document, `${name} is of this version.`);
  const text =
    `${name} is of an older version (${known - missing} of ${known} migrations). Stop its workers, back it up with pg_dump, and then ` +
    `"${context.command('setup', 'database')}" brings it up to date. Pictures stay as they are.`;
  if (check) return told(context, document, text);
  throw new PanicError('InvalidInput', `no copy can be made of a Postgres database: ${text}`);
}

function told(context: Context, document: UpgradeDocument, text: string): number {
  if (context.json) printJson(document);
  else print(text);
  return document.upToDate ? EXIT.ok : EXIT.failed;
}
