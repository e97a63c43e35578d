-- What a row promises about other rows: the triggers of SQLite's migrations 0001 and 0003, with the same words.

CREATE FUNCTION "invocations_continue_their_run"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  run record;
  model record;
BEGIN
  SELECT prompt_id, network::json AS network INTO run FROM runs
  WHERE id = NEW.run_id AND stop_reason IS NULL AND NEW.sequence < max_length;
  IF NOT FOUND THEN
    -- Another attempt may have ended it between two statements of this one: made again, this one sees that.
    RAISE EXCEPTION 'invocation: the run has ended or the sequence passes its max_length' USING ERRCODE = '40001';
  END IF;
  IF NEW.input_id IS DISTINCT FROM (
    CASE NEW.sequence
      WHEN 0 THEN run.prompt_id
      ELSE (SELECT output_id FROM invocations WHERE run_id = NEW.run_id AND sequence = NEW.sequence - 1)
    END) THEN
    RAISE EXCEPTION 'invocation: its input is not the output of the invocation before' USING ERRCODE = '23000';
  END IF;
  SELECT name, output INTO model FROM models WHERE id = NEW.model_id;
  IF model.name IS DISTINCT FROM run.network ->> (NEW.sequence % json_array_length(run.network))::integer THEN
    RAISE EXCEPTION 'invocation: its model is not the one of this position of the network' USING ERRCODE = '23000';
  END IF;
  IF model.output IS DISTINCT FROM (SELECT modality FROM artifacts WHERE id = NEW.output_id) THEN
    RAISE EXCEPTION 'invocation: its output is not of the modality that its model promises' USING ERRCODE = '23000';
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER "invocations_continue_their_run" BEFORE INSERT ON "invocations"
FOR EACH ROW EXECUTE FUNCTION "invocations_continue_their_run"();
--> statement-breakpoint
CREATE FUNCTION "rows_are_immutable"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '%: rows are written once and never changed', TG_ARGV[0] USING ERRCODE = '23000';
END $$;
--> statement-breakpoint
CREATE TRIGGER "invocations_are_immutable" BEFORE UPDATE ON "invocations"
FOR EACH ROW EXECUTE FUNCTION "rows_are_immutable"('invocation');
--> statement-breakpoint
CREATE TRIGGER "artifacts_are_immutable" BEFORE UPDATE ON "artifacts"
FOR EACH ROW EXECUTE FUNCTION "rows_are_immutable"('artifact');
--> statement-breakpoint
-- A trajectory ends only when its rows say so.
CREATE FUNCTION "runs_end_complete"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  made record;
BEGIN
  SELECT count(*) AS rows, max(sequence) AS last INTO made FROM invocations WHERE run_id = NEW.id;
  IF NEW.length <> made.rows OR NEW.length - 1 IS DISTINCT FROM made.last THEN
    RAISE EXCEPTION 'run: its length differs from the number of its invocations' USING ERRCODE = '23000';
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER "runs_end_complete" BEFORE UPDATE OF "stop_reason", "length" ON "runs"
FOR EACH ROW WHEN (NEW.stop_reason IS NOT NULL) EXECUTE FUNCTION "runs_end_complete"();
--> statement-breakpoint
CREATE FUNCTION "runs_start_open"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.stop_reason IS NOT NULL THEN
    RAISE EXCEPTION 'run: a new run cannot have ended' USING ERRCODE = '23000';
  END IF;
  IF (SELECT modality FROM artifacts WHERE id = NEW.prompt_id) IS DISTINCT FROM 'text' THEN
    RAISE EXCEPTION 'run: its prompt is not a text' USING ERRCODE = '23000';
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER "runs_start_open" BEFORE INSERT ON "runs"
FOR EACH ROW EXECUTE FUNCTION "runs_start_open"();
--> statement-breakpoint
CREATE FUNCTION "vectors_fit_their_model"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  model record;
BEGIN
  SELECT dimension, input INTO model FROM models WHERE id = NEW.model_id;
  IF length(NEW.bytes) IS DISTINCT FROM 4 * model.dimension THEN
    RAISE EXCEPTION 'vector: its length is not the dimension of its model' USING ERRCODE = '23000';
  END IF;
  IF model.input IS DISTINCT FROM (SELECT modality FROM artifacts WHERE id = NEW.artifact_id) THEN
    RAISE EXCEPTION 'vector: its model does not take this modality' USING ERRCODE = '23000';
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER "vectors_fit_their_model" BEFORE INSERT ON "vectors"
FOR EACH ROW EXECUTE FUNCTION "vectors_fit_their_model"();
--> statement-breakpoint
CREATE FUNCTION "embeddings_fit_their_output"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (
    SELECT 1 FROM vectors v JOIN invocations i ON i.output_id = v.artifact_id
    WHERE v.id = NEW.vector_id AND v.model_id = NEW.model_id AND i.id = NEW.invocation_id) THEN
    RAISE EXCEPTION 'embedding: its vector belongs to another output or model' USING ERRCODE = '23000';
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER "embeddings_fit_their_output" BEFORE INSERT ON "embeddings"
FOR EACH ROW EXECUTE FUNCTION "embeddings_fit_their_output"();
--> statement-breakpoint
CREATE FUNCTION "diagram_dimensions_fit_their_diagram"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  diagram record;
BEGIN
  SELECT distinct_point_count, max_dimension INTO diagram FROM diagrams WHERE id = NEW.diagram_id;
  IF NEW.dimension = 0 AND NEW.bar_count IS DISTINCT FROM diagram.distinct_point_count THEN
    RAISE EXCEPTION 'diagram: dimension 0 has one bar for each distinct point' USING ERRCODE = '23000';
  END IF;
  IF NEW.dimension > diagram.max_dimension THEN
    RAISE EXCEPTION 'diagram: dimension above its max_dimension' USING ERRCODE = '23000';
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER "diagram_dimensions_fit_their_diagram" BEFORE INSERT ON "diagram_dimensions"
FOR EACH ROW EXECUTE FUNCTION "diagram_dimensions_fit_their_diagram"();
--> statement-breakpoint
-- A surrogate belongs to an experiment that asks for it, and has the dimensions of its diagram.
CREATE FUNCTION "surrogates_fit_their_diagram"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  diagram record;
BEGIN
  SELECT d.max_dimension, d.point_count, e.config::json -> 'null_model' AS asked INTO diagram
  FROM diagrams d JOIN runs r ON r.id = d.run_id JOIN experiments e ON e.id = r.experiment_id
  WHERE d.id = NEW.diagram_id;
  IF NOT FOUND OR json_typeof(diagram.asked) IS DISTINCT FROM 'object'
    OR NOT EXISTS (SELECT 1 FROM json_array_elements_text(diagram.asked -> 'kinds') AS kind WHERE kind = NEW.kind)
    OR (NEW.surrogate_index < (diagram.asked ->> 'surrogates')::bigint) IS NOT TRUE THEN
    RAISE EXCEPTION 'surrogate: its experiment does not ask for it' USING ERRCODE = '23000';
  END IF;
  IF NEW.dimension > diagram.max_dimension THEN
    RAISE EXCEPTION 'surrogate: dimension above the max_dimension of its diagram' USING ERRCODE = '23000';
  END IF;
  IF NEW.dimension = 0 AND NEW.bar_count > diagram.point_count THEN
    RAISE EXCEPTION 'surrogate: dimension 0 has no more bars than there are points' USING ERRCODE = '23000';
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER "surrogates_fit_their_diagram" BEFORE INSERT ON "surrogates"
FOR EACH ROW EXECUTE FUNCTION "surrogates_fit_their_diagram"();
