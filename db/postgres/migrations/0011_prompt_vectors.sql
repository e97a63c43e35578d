CREATE TABLE "prompt_vectors" (
  "artifact_id" bigint NOT NULL,
  "model_id" bigint NOT NULL,
  "vector_id" bigint NOT NULL,
  PRIMARY KEY ("artifact_id", "model_id"),
  FOREIGN KEY ("artifact_id") REFERENCES "artifacts"("id"),
  FOREIGN KEY ("model_id") REFERENCES "models"("id"),
  FOREIGN KEY ("vector_id") REFERENCES "vectors"("id")
);
--> statement-breakpoint
CREATE INDEX "prompt_vectors_vector" ON "prompt_vectors" ("vector_id");
--> statement-breakpoint
-- As in SQLite's migration 0014, with the same words.
CREATE FUNCTION "prompt_vectors_fit_their_prompt"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (
    SELECT 1 FROM vectors WHERE id = NEW.vector_id AND model_id = NEW.model_id AND artifact_id = NEW.artifact_id) THEN
    RAISE EXCEPTION 'prompt vector: its vector belongs to another text or model' USING ERRCODE = '23000';
  END IF;
  IF NOT EXISTS (SELECT 1 FROM runs WHERE prompt_id = NEW.artifact_id) THEN
    RAISE EXCEPTION 'prompt vector: its text is the prompt of no run' USING ERRCODE = '23000';
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER "prompt_vectors_fit_their_prompt" BEFORE INSERT ON "prompt_vectors"
FOR EACH ROW EXECUTE FUNCTION "prompt_vectors_fit_their_prompt"();
--> statement-breakpoint
UPDATE "databases" SET "writable_from" = 12, "version" = '0.2.0'
