ALTER TABLE "experiments" ADD "driver_kind" text COLLATE "C";--> statement-breakpoint
ALTER TABLE "experiments" ADD "driver_address" text COLLATE "C";--> statement-breakpoint
ALTER TABLE "experiments" ADD "driver_namespace" text COLLATE "C";--> statement-breakpoint
ALTER TABLE "experiments" ADD "driver_folder" text COLLATE "C";--> statement-breakpoint
ALTER TABLE "experiments" ADD "driver_machine" text COLLATE "C";--> statement-breakpoint
-- "the Temporal service at ADDRESS, namespace NAMESPACE", or "... at ADDRESS on MACHINE, namespace NAMESPACE".
UPDATE "experiments" SET "driver_kind" = 'service', "driver_address" = told.words[1],
  "driver_machine" = told.words[2], "driver_namespace" = told.words[3]
FROM (
  SELECT "id", regexp_match("driver_place", '^the Temporal service at ([^ ]+)(?: on ([^ ]+))?, namespace (.+)$') AS words
  FROM "experiments"
) AS told
WHERE "experiments"."id" = told."id" AND told.words IS NOT NULL;--> statement-breakpoint
-- 'the Temporal server of "panic-tda run" in the data folder', or '... folder FOLDER on MACHINE': the last word is the machine.
UPDATE "experiments" SET "driver_kind" = 'embedded', "driver_folder" = told.words[1], "driver_machine" = told.words[2]
FROM (
  SELECT "id", regexp_match("driver_place", '^the Temporal server of "panic-tda run" in the data folder(?: (.+) on ([^ ]+))?$') AS words
  FROM "experiments"
) AS told
WHERE "experiments"."id" = told."id" AND told.words IS NOT NULL;--> statement-breakpoint
UPDATE "databases" SET "writable_from" = 11, "version" = '0.2.0'
