-- What a row promises about other rows. Drizzle describes no triggers, so they are written here.

-- An invocation continues its run: the next sequence, fed with the output before it (or the prompt), of the run's own
-- model for that position, and of the modality that this model promises.
CREATE TRIGGER invocations_continue_their_run BEFORE INSERT ON invocations
BEGIN
  SELECT RAISE(ABORT, 'invocation: the run has ended or the sequence passes its max_length')
  WHERE NOT EXISTS (
    SELECT 1 FROM runs WHERE id = NEW.run_id AND stop_reason IS NULL AND NEW.sequence < max_length);
  SELECT RAISE(ABORT, 'invocation: its input is not the output of the invocation before')
  WHERE NEW.input_id IS NOT (
    CASE NEW.sequence
      WHEN 0 THEN (SELECT prompt_id FROM runs WHERE id = NEW.run_id)
      ELSE (SELECT output_id FROM invocations WHERE run_id = NEW.run_id AND sequence = NEW.sequence - 1)
    END);
  SELECT RAISE(ABORT, 'invocation: its model is not the one of this position of the network')
  WHERE (SELECT name FROM models WHERE id = NEW.model_id) IS NOT (
    SELECT json_extract(network, '$[' || (NEW.sequence % json_array_length(network)) || ']') FROM runs WHERE id = NEW.run_id);
  SELECT RAISE(ABORT, 'invocation: its output is not of the modality that its model promises')
  WHERE (SELECT output FROM models WHERE id = NEW.model_id) IS NOT (SELECT modality FROM artifacts WHERE id = NEW.output_id);
END;
--> statement-breakpoint
CREATE TRIGGER invocations_are_immutable BEFORE UPDATE ON invocations
BEGIN
  SELECT RAISE(ABORT, 'invocation: rows are written once and never changed');
END;
--> statement-breakpoint
CREATE TRIGGER artifacts_are_immutable BEFORE UPDATE ON artifacts
BEGIN
  SELECT RAISE(ABORT, 'artifact: rows are written once and never changed');
END;
--> statement-breakpoint
-- A trajectory ends only when its rows say so.
CREATE TRIGGER runs_end_complete BEFORE UPDATE OF stop_reason, length ON runs
WHEN NEW.stop_reason IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'run: its length differs from the number of its invocations')
  WHERE NEW.length <> (SELECT count(*) FROM invocations WHERE run_id = NEW.id)
     OR NEW.length - 1 IS NOT (SELECT max(sequence) FROM invocations WHERE run_id = NEW.id);
END;
--> statement-breakpoint
CREATE TRIGGER runs_start_open BEFORE INSERT ON runs
BEGIN
  SELECT RAISE(ABORT, 'run: a new run cannot have ended') WHERE NEW.stop_reason IS NOT NULL;
  SELECT RAISE(ABORT, 'run: its prompt is not a text')
  WHERE (SELECT modality FROM artifacts WHERE id = NEW.prompt_id) IS NOT 'text';
END;
--> statement-breakpoint
CREATE TRIGGER vectors_fit_their_model BEFORE INSERT ON vectors
BEGIN
  SELECT RAISE(ABORT, 'vector: its length is not the dimension of its model')
  WHERE length(NEW.bytes) IS NOT 4 * (SELECT dimension FROM models WHERE id = NEW.model_id);
  SELECT RAISE(ABORT, 'vector: its model does not take this modality')
  WHERE (SELECT input FROM models WHERE id = NEW.model_id) IS NOT (SELECT modality FROM artifacts WHERE id = NEW.artifact_id);
END;
--> statement-breakpoint
CREATE TRIGGER embeddings_fit_their_output BEFORE INSERT ON embeddings
BEGIN
  SELECT RAISE(ABORT, 'embedding: its vector belongs to another output or model')
  WHERE NOT EXISTS (
    SELECT 1 FROM vectors v JOIN invocations i ON i.output_id = v.artifact_id
    WHERE v.id = NEW.vector_id AND v.model_id = NEW.model_id AND i.id = NEW.invocation_id);
END;
--> statement-breakpoint
CREATE TRIGGER diagram_dimensions_fit_their_diagram BEFORE INSERT ON diagram_dimensions
BEGIN
  SELECT RAISE(ABORT, 'diagram: dimension 0 has one bar for each distinct point')
  WHERE NEW.dimension = 0
    AND NEW.bar_count IS NOT (SELECT distinct_point_count FROM diagrams WHERE id = NEW.diagram_id);
  SELECT RAISE(ABORT, 'diagram: dimension above its max_dimension')
  WHERE NEW.dimension > (SELECT max_dimension FROM diagrams WHERE id = NEW.diagram_id);
END;
