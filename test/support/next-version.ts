import { RELEASES } from '../../db/versions/compatibility.js';
import { NEXT_VERSION, statements } from '../../faults/common/next-version.js';
import { builtVersion, type BuiltVersion, type Changes } from './built-version.js';

const SQLITE_TRIGGER =
  "CREATE TRIGGER `invocations_are_bright` BEFORE INSERT ON `invocations` WHEN NEW.`brightness` < 0 BEGIN SELECT RAISE(ABORT, 'dark'); END";

/** The program as a possible next version 0.3.0: with one more migration, which adds to the tables. */
export function nextVersion(changes: Omit<Changes, 'version' | 'migrations'> = {}): BuiltVersion {
  return builtVersion({ ...changes, ...NEXT_VERSION });
}

/**
 * The program as a possible version 0.4.0 after that: with one more migration, after which earlier versions
 * may not write to the tables, or may not use them at all.
 */
export function laterVersion(closedTo: 'writers' | 'readers'): BuiltVersion {
  const raised = (quote: string, number: number): string =>
    (closedTo === 'writers' ? ['writable_from'] : ['readable_from', 'writable_from'])
      .map((column) => `${quote}${column}${quote} = ${number}, `)
      .join('');
  // The tables of this version, with those of 0.3.0 and 0.4.0.
  const own = RELEASES.at(-1)!;
  const made = { sqlite: own.sqlite + 2, postgres: own.postgres + 2 };
  return builtVersion({
    version: '0.4.0',
    migrations: {
      sqlite: [
        ...NEXT_VERSION.migrations.sqlite,
        {
          tag: 'darkness',
          sql: statements([
            SQLITE_TRIGGER,
            `UPDATE \`databases\` SET ${raised('`', made.sqlite)}\`version\` = '0.4.0'`,
          ]),
        },
      ],
      postgres: [
        ...NEXT_VERSION.migrations.postgres,
        { tag: 'darkness', sql: `UPDATE "databases" SET ${raised('"', made.postgres)}"version" = '0.4.0'` },
      ],
    },
  });
}
