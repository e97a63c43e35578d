import { builtVersion, type BuiltVersion, type Changes } from './built-version.js';

const SQLITE_ADDED = [
  'ALTER TABLE `invocations` ADD COLUMN `brightness` integer DEFAULT 7 NOT NULL',
  'ALTER TABLE `runs` ADD COLUMN `telescope` text',
  'CREATE TABLE `telescopes` (`id` integer PRIMARY KEY NOT NULL, `name` text NOT NULL) STRICT',
  'CREATE INDEX `runs_telescope` ON `runs` (`telescope`)',
  `INSERT INTO \`telescopes\` VALUES (1, 'Kepler')`,
];
const SQLITE_TRIGGER =
  "CREATE TRIGGER `invocations_are_bright` BEFORE INSERT ON `invocations` WHEN NEW.`brightness` < 0 BEGIN SELECT RAISE(ABORT, 'dark'); END";

const POSTGRES_ADDED = [
  'ALTER TABLE "invocations" ADD COLUMN "brightness" bigint DEFAULT 7 NOT NULL',
  'ALTER TABLE "runs" ADD COLUMN "telescope" text',
  'CREATE TABLE "telescopes" ("id" bigint PRIMARY KEY, "name" text NOT NULL)',
  'CREATE INDEX "runs_telescope" ON "runs" ("telescope")',
  `INSERT INTO "telescopes" VALUES (1, 'Kepler')`,
  `-- What versions before write satisfies it: the column's default is not negative.
CREATE FUNCTION "invocations_are_bright"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.brightness < 0 THEN RAISE EXCEPTION 'dark'; END IF;
  RETURN NEW;
END $$`,
  `-- What versions before write satisfies it: as above.
CREATE TRIGGER "invocations_are_bright" BEFORE INSERT ON "invocations" FOR EACH ROW EXECUTE FUNCTION "invocations_are_bright"()`,
];

/** The program as a next version 0.3.0 could be: with one migration more, which adds to the tables. */
export function nextVersion(changes: Omit<Changes, 'version' | 'migrations'> = {}): BuiltVersion {
  return builtVersion({
    ...changes,
    version: '0.3.0',
    migrations: { sqlite: [SQLITE_TELESCOPES], postgres: [POSTGRES_TELESCOPES] },
  });
}

/**
 * The program as a version 0.4.0 after that could be: with a migration more, behind which versions before may not write to the tables, or do
 * nothing with them.
 */
export function laterVersion(closedTo: 'writers' | 'readers'): BuiltVersion {
  const raised = (quote: string, number: number): string =>
    (closedTo === 'writers' ? ['writable_from'] : ['readable_from', 'writable_from'])
      .map((column) => `${quote}${column}${quote} = ${number}, `)
      .join('');
  return builtVersion({
    version: '0.4.0',
    migrations: {
      sqlite: [
        SQLITE_TELESCOPES,
        {
          tag: 'darkness',
          sql: statements([
            SQLITE_TRIGGER,
            `UPDATE \`databases\` SET ${raised('`', 15)}\`version\` = '0.4.0'`,
          ]),
        },
      ],
      postgres: [
        POSTGRES_TELESCOPES,
        { tag: 'darkness', sql: `UPDATE "databases" SET ${raised('"', 12)}"version" = '0.4.0'` },
      ],
    },
  });
}

const SQLITE_TELESCOPES = {
  tag: 'telescopes',
  sql: statements([...SQLITE_ADDED, "UPDATE `databases` SET `version` = '0.3.0'"]),
};
const POSTGRES_TELESCOPES = {
  tag: 'telescopes',
  sql: statements([...POSTGRES_ADDED, `UPDATE "databases" SET "version" = '0.3.0'`]),
};

function statements(list: readonly string[]): string {
  return list.join(';\n--> statement-breakpoint\n');
}
