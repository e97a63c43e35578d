CREATE TABLE `builds` (
	`deployment` text NOT NULL,
	`build_id` text NOT NULL,
	`bundle_sha256` blob NOT NULL,
	`version` text NOT NULL,
	`recorded_at` integer NOT NULL,
	PRIMARY KEY(`deployment`, `build_id`),
	CONSTRAINT "builds_bundle_sha256" CHECK((length("builds"."bundle_sha256") = 32) is true)
) STRICT;
--> statement-breakpoint
CREATE TABLE `databases` (
	`id` integer PRIMARY KEY NOT NULL,
	`database_id` text NOT NULL,
	`readable_from` integer NOT NULL,
	`writable_from` integer NOT NULL,
	`version` text NOT NULL,
	CONSTRAINT "databases_id" CHECK(("databases"."id" = 1) is true),
	CONSTRAINT "databases_database_id" CHECK((length("databases"."database_id") = 32) is true),
	CONSTRAINT "databases_versions" CHECK((0 < "databases"."readable_from" and "databases"."readable_from" <= "databases"."writable_from") is true),
	CONSTRAINT "databases_version" CHECK((length("databases"."version") > 0) is true)
) STRICT;
--> statement-breakpoint
CREATE TABLE `routes` (
	`model` text PRIMARY KEY NOT NULL,
	`route` text NOT NULL,
	`recorded_by` text NOT NULL,
	`recorded_at` integer NOT NULL,
	CONSTRAINT "routes_route" CHECK((length("routes"."route") > 0) is true)
) STRICT;
--> statement-breakpoint
INSERT INTO `databases` (`id`, `database_id`, `readable_from`, `writable_from`, `version`)
  VALUES (1, lower(hex(randomblob(16))), 13, 13, '0.2.0');
