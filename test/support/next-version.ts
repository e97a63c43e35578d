import { builtVersion, type BuiltVersion } from './built-version.js';

/** What the migration of a next version does beside adding to the tables. */
export interface NextVersion {
  /** Versions before may not read its tables; or only not write to them; or both. */
  readonly closedTo?: 'readers' | 'writers';
  readonly workflows?: (code: string) => string;
}

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

/**
 * The program as its next version 0.3.0 could be: with one migration more. In Postgres that has a trigger, which versions before satisfy; in
 * SQLite only where it is closed to writers, since a version before runs no trigger that it does not know.
 */
export function nextVersion({ closedTo, workflows }: NextVersion = {}): BuiltVersion {
  return builtVersion({
    version: '0.3.0',
    ...(workflows === undefined ? {} : { workflows }),
    migrations: {
      sqlite: [
        {
          tag: 'telescopes',
          sql: statements([
            ...SQLITE_ADDED,
            ...(closedTo === undefined ? [] : [SQLITE_TRIGGER]),
            `UPDATE \`databases\` SET ${stated('`', 14, closedTo)}`,
          ]),
        },
      ],
      postgres: [
        {
          tag: 'telescopes',
          sql: statements([...POSTGRES_ADDED, `UPDATE "databases" SET ${stated('"', 11, closedTo)}`]),
        },
      ],
    },
  });
}

function stated(quote: string, number: number, closedTo: NextVersion['closedTo']): string {
  const column = (name: string, value: string | number): string => `${quote}${name}${quote} = ${value}`;
  return [
    ...(closedTo === 'readers' ? [column('readable_from', number)] : []),
    ...(closedTo === undefined ? [] : [column('writable_from', number)]),
    column('version', `'0.3.0'`),
  ].join(', ');
}

function statements(list: readonly string[]): string {
  return list.join(';\n--> statement-breakpoint\n');
}
