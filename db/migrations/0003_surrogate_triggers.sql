-- A surrogate belongs to an experiment that asks for it, and has the dimensions of its diagram.
CREATE TRIGGER surrogates_fit_their_diagram BEFORE INSERT ON surrogates
BEGIN
  SELECT RAISE(ABORT, 'surrogate: its experiment does not ask for it')
  WHERE NOT EXISTS (
    SELECT 1 FROM diagrams d JOIN runs r ON r.id = d.run_id JOIN experiments e ON e.id = r.experiment_id,
      json_each(e.config, '$.null_model.kinds') asked
    WHERE d.id = NEW.diagram_id AND asked.value = NEW.kind
      AND NEW.surrogate_index < json_extract(e.config, '$.null_model.surrogates'));
  SELECT RAISE(ABORT, 'surrogate: dimension above the max_dimension of its diagram')
  WHERE NEW.dimension > (SELECT max_dimension FROM diagrams WHERE id = NEW.diagram_id);
  SELECT RAISE(ABORT, 'surrogate: dimension 0 has no more bars than there are points')
  WHERE NEW.dimension = 0 AND NEW.bar_count > (SELECT point_count FROM diagrams WHERE id = NEW.diagram_id);
END;
