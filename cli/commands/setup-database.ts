import { nameOfService, setUpDatabase, tablesOnServer } from '../../db/index.js';
import type { PostgresService } from '../../db/index.js';
import { PanicError } from '../../common/errors.js';
import type { Context } from '../context.js';
import { EXIT } from '../program/exit-codes.js';
import { plural } from '../terminal/format.js';
import { note, print, printJson } from '../terminal/output.js';
import { needsWork, tablesDocument, tablesText } from '../documents/tables-report.js';

/** Options of `setup database`, as the user gave them. */
export interface DatabaseFlags {
  readonly appRole?: string;
  readonly check?: boolean;
  /** How many seconds to wait for writers that must end before a migration. */
  readonly wait?: number;
}

/**
 * `setup database`: makes the tables of the Postgres database, or brings them up to date, and lets a role use
 * them. With `--check` it only says what there is to do.
 */
export async function setUpTables(
  { place: { database }, json, command }: Pick<Context, 'place' | 'json' | 'command'>,
  { appRole, check = false, wait }: DatabaseFlags,
): Promise<number> {
  if (check && (appRole !== undefined || wait !== undefined)) {
    throw new PanicError('InvalidInput', 'setup database: --check changes nothing, and stands alone');
  }
  if (database === null) {
    throw new PanicError(
      'InvalidInput',
      'no database is named: set PANIC_TDA_DATABASE to postgres://user:password@host:5432/database, or give --database. ' +
        `The SQLite file of a data folder needs no setting up; "${command('upgrade', '--check')}" says of which version it is`,
    );
  }
  if (check) return await tellTables(database, json, command);
  const migrations = await setUpDatabase(
    database,
    appRole === undefined ? [] : [appRole],
    wait === undefined ? null : { milliseconds: wait * 1000, onWaiting: sayWriters() },
  );
  const name = nameOfService(database);
  if (json) {
    printJson({ database: name, migrations, appRole: appRole ?? null });
    return EXIT.ok;
  }
  print(
    migrations === 0
      ? `The tables of ${name} are those of this version.`
      : `The tables of ${name} are made: ${plural(migrations, 'migration')}.`,
  );
  if (appRole !== undefined) print(`The role ${appRole} can read and write their rows.`);
  return EXIT.ok;
}

async function tellTables(
  database: PostgresService,
  json: boolean,
  command: Context['command'],
): Promise<number> {
  const found = await tablesOnServer(database);
  const document = tablesDocument({ database: nameOfService(database), dialect: 'postgres', ...found });
  if (json) printJson(document);
  else {
    print(tablesText(document));
    if (!document.upToDate) print(`"${command('setup', 'database')}" brings it up to date.`);
  }
  return needsWork(document) ? EXIT.failed : EXIT.ok;
}

/** Names the writers that a migration waits for, whenever they change. */
function sayWriters(): (writers: readonly string[]) => void {
  let said = '';
  return (writers) => {
    const names = writers.join(', ');
    if (names === said) return;
    said = names;
    note(
      `Waits until ${plural(writers.length, 'writer')} of the version before ${writers.length === 1 ? 'has' : 'have'} ended: ${names}.`,
    );
  };
}
