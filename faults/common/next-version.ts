import type { Changes } from './built-version.js';

const SQLITE_ADDED = [
  'ALTER TABLE `invocations` ADD COLUMN `brightness` integer DEFAULT 7 NOT NULL',
  'ALTER TABLE `runs` ADD COLUMN `telescope` text',
  'CREATE TABLE `telescopes` (`id` integer PRIMARY KEY NOT NULL, `name` text NOT NULL) STRICT',
  'CREATE INDEX `runs_telescope` ON `runs` (`telescope`)',
  `INSERT INTO \`telescopes\` VALUES (1, 'Kepler')`,
];
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

/** The changes of a possible next version 0.3.0: one more migration, which adds to the tables. */
export const NEXT_VERSION = {
  version: '0.3.0',
  migrations: {
    sqlite: [
      {
        tag: 'telescopes',
        sql: statements([...SQLITE_ADDED, "UPDATE `databases` SET `version` = '0.3.0'"]),
      },
    ],
    postgres: [
      {
        tag: 'telescopes',
        sql: statements([...POSTGRES_ADDED, `UPDATE "databases" SET "version" = '0.3.0'`]),
      },
    ],
  },
} as const satisfies Changes;

/** SQL of a migration. */
export function statements(list: readonly string[]): string {
  return list.join(';\n--> statement-breakpoint\n');
}
