import { nameOfService, setUpDatabase } from '../../db/index.js';
import { PanicError } from '../../experiment/errors.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { plural } from '../format.js';
import { print, printJson } from '../output.js';

/** `setup database`: makes the tables of the Postgres database, or brings them up to date, and lets a role use them. */
export async function setUpTables(
  { place: { database }, json }: Pick<Context, 'place' | 'json'>,
  appRole: string | undefined,
): Promise<number> {
  if (database === null) {
    throw new PanicError(
      'InvalidInput',
      'no database is named: set PANIC_TDA_DATABASE to postgres://user:password@host:5432/database, or give --database. ' +
        'The SQLite file of a data folder needs no setting up',
    );
  }
  const migrations = await setUpDatabase(database, appRole === undefined ? [] : [appRole]);
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
