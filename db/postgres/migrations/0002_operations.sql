CREATE TABLE "removed_objects" (
  "sha256" bytea PRIMARY KEY NOT NULL,
  "byte_length" bigint NOT NULL,
  "claimed_at" bigint,
  "removed_at" bigint,
  CONSTRAINT "removed_objects_sha256" CHECK((length("sha256") = 32) is true),
  CONSTRAINT "removed_objects_byte_length" CHECK(("byte_length" > 0) is true)
);
--> statement-breakpoint
CREATE INDEX "removed_objects_removed_at" ON "removed_objects" ("removed_at");
--> statement-breakpoint
ALTER TABLE "experiments" ADD "paused_at" bigint;
--> statement-breakpoint
ALTER TABLE "experiments" ADD "deleting_at" bigint;
--> statement-breakpoint
ALTER TABLE "runs" ADD "hold" text COLLATE "C"
  CONSTRAINT "runs_hold" CHECK(("hold" is null or "hold" in ('paused', 'cancelled')) is true);
--> statement-breakpoint
CREATE INDEX "runs_prompt" ON "runs" ("prompt_id");
--> statement-breakpoint
CREATE INDEX "embeddings_vector" ON "embeddings" ("vector_id");
--> statement-breakpoint
CREATE INDEX "invocations_input_artifact" ON "invocations" ("input_id");
--> statement-breakpoint
CREATE INDEX "invocations_output_artifact" ON "invocations" ("output_id");
--> statement-breakpoint
CREATE INDEX "vectors_artifact" ON "vectors" ("artifact_id");
