import { nameOfService, plannedUpgrade, tablesOnServer, upgradeFile } from '../../db/index.js';
import type { PostgresService, UpgradePlan } from '../../db/index.js';
import { PanicError } from '../../common/errors.js';
import { armFault } from '../../common/fault.js';
import { excludeWorkers } from '../../workers/settings/data-folder.js';
import { closeFolder } from '../session/closed-folder.js';
import { noExperiments } from '../context.js';
import type { Context } from '../context.js';
import { EXIT } from '../program/exit-codes.js';
import { bytes, plural } from '../terminal/format.js';
import { print, printJson } from '../terminal/output.js';
import { needsWork, tablesDocument, tablesText } from '../documents/tables-report.js';
import type { TablesDocument } from '../documents/tables-report.js';

/** What `--json` prints. */
interface UpgradeDocument extends TablesDocument {
  /** The copy of the file before the upgrade. Null if none was made. */
  readonly copy: string | null;
  readonly copyBytes: number | null;
}

/** `upgrade [--check]`: copies the database of an older version, and then brings it up to date. */
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
  const document = documentOf(context);
  if (document.upToDate) return told(context, { ...document, ...NO_COPY }, tablesText(document));
  if (check) {
    const text = `${tablesText(document)}\n${roomText(plannedUpgrade(databaseFile)!)} "${command('upgrade')}" copies it and brings it up to date.`;
    return told(context, { ...document, ...NO_COPY }, text);
  }
  if (environment.fault !== undefined) armFault(environment.fault);
  closeFolder(context);
  const lock = await excludeWorkers(folder);
  try {
    const { copy, copyBytes } = await upgradeFile(databaseFile, new Date());
    const { migrations, known } = document;
    const text =
      `${databaseFile} was of an older version (${plural(migrations, 'migration')}) and is of this one now (${known}).\n` +
      `The file as it was before is kept as ${copy} (${bytes(copyBytes)}); delete it when you no longer need it. Pictures did not change.`;
    return told(context, { ...documentOf(context), copy, copyBytes }, text);
  } finally {
    lock.release();
  }
}

function documentOf(context: Context): TablesDocument {
  const { databaseFile } = context.folder;
  const plan = plannedUpgrade(databaseFile);
  if (plan === null || plan.tables.applied === 0) throw noExperiments(context);
  return tablesDocument({ database: databaseFile, dialect: 'sqlite', writers: null, ...plan });
}

const NO_COPY = { copy: null, copyBytes: null } as const;

function roomText({ bytes: size, neededBytes, freeBytes }: UpgradePlan): string {
  return `The copy takes ${bytes(size)}; ${bytes(neededBytes)} have to be free for both, and ${bytes(freeBytes)} are.`;
}

/** Changes no tables of a server, since only the operator can back up its database. */
async function tellOfServer(context: Context, database: PostgresService, check: boolean): Promise<number> {
  const found = await tablesOnServer(database);
  if (found.tables.applied === 0) throw noExperiments(context);
  const name = nameOfService(database);
  const document = {
    ...tablesDocument({ database: name, dialect: 'postgres', ...found }),
    ...NO_COPY,
  };
  if (document.upToDate) return told(context, document, tablesText(document));
  const text = `Back it up with pg_dump, and then "${context.command('setup', 'database')}" brings it up to date. Pictures stay as they are.`;
  if (check) return told(context, document, `${tablesText(document)}\n${text}`);
  const { migrations, known } = document;
  throw new PanicError(
    'InvalidInput',
    `no copy can be made of a Postgres database: ${name} is of an older version (${migrations} of ${known} migrations). ${text}`,
  );
}

function told(context: Context, document: UpgradeDocument, text: string): number {
  if (context.json) printJson(document);
  else print(text);
  return needsWork(document) ? EXIT.failed : EXIT.ok;
}
