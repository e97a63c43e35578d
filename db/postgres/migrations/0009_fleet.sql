CREATE TABLE "databases" (
  "id" bigint PRIMARY KEY NOT NULL,
  "database_id" text COLLATE "C" NOT NULL,
  "readable_from" bigint NOT NULL,
  "writable_from" bigint NOT NULL,
  "version" text COLLATE "C" NOT NULL,
  CONSTRAINT "databases_id" CHECK(("id" = 1) is true),
  CONSTRAINT "databases_database_id" CHECK((length("database_id") = 32) is true),
  CONSTRAINT "databases_versions" CHECK((0 < "readable_from" and "readable_from" <= "writable_from") is true),
  CONSTRAINT "databases_version" CHECK((length("version") > 0) is true)
);
--> statement-breakpoint
INSERT INTO "databases" ("id", "database_id", "readable_from", "writable_from", "version")
  VALUES (1, replace(gen_random_uuid()::text, '-', ''), 10, 10, '0.2.0');
--> statement-breakpoint
CREATE TABLE "builds" (
  "deployment" text COLLATE "C" NOT NULL,
  "build_id" text COLLATE "C" NOT NULL,
  "bundle_sha256" bytea NOT NULL,
  "version" text COLLATE "C" NOT NULL,
  "recorded_at" bigint NOT NULL,
  PRIMARY KEY ("deployment", "build_id"),
  CONSTRAINT "builds_bundle_sha256" CHECK((length("bundle_sha256") = 32) is true)
);
--> statement-breakpoint
CREATE TABLE "routes" (
  "model" text COLLATE "C" PRIMARY KEY NOT NULL,
  "route" text COLLATE "C" NOT NULL,
  "recorded_by" text COLLATE "C" NOT NULL,
  "recorded_at" bigint NOT NULL,
  CONSTRAINT "routes_route" CHECK((length("route") > 0) is true)
)
