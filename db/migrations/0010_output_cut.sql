-- Added in place: rebuilding the table, as Drizzle would for its check, would lose the triggers.
ALTER TABLE `invocations` ADD `output_cut` integer
  CONSTRAINT "invocations_output_cut" CHECK(("output_cut" is null or "output_cut" = 1) is true);
--> statement-breakpoint
-- The commonest part of what experiment/text.ts says of texts that enter the store: no U+0000, and something beside white space
-- and zero-width characters. A trigger and not the check of the table, which rows of older versions may break.
CREATE TRIGGER artifacts_text_is_visible BEFORE INSERT ON artifacts
WHEN NEW.modality = 'text'
BEGIN
  SELECT RAISE(ABORT, 'artifact: its text is blank or contains U+0000')
  WHERE instr(NEW.text, char(0)) > 0 OR length(trim(NEW.text, char(
    9, 10, 11, 12, 13, 32, 133, 160, 173, 847, 1564, 4447, 4448, 5760, 6068, 6069, 6155, 6156, 6157, 6158, 6159,
    8192, 8193, 8194, 8195, 8196, 8197, 8198, 8199, 8200, 8201, 8202, 8203, 8204, 8205, 8206, 8207, 8232, 8233,
    8234, 8235, 8236, 8237, 8238, 8239, 8287, 8288, 8289, 8290, 8291, 8292, 8293, 8294, 8295, 8296, 8297, 8298,
    8299, 8300, 8301, 8302, 8303, 10240, 12288, 12644, 65024, 65025, 65026, 65027, 65028, 65029, 65030, 65031,
    65032, 65033, 65034, 65035, 65036, 65037, 65038, 65039, 65279, 65440))) = 0;
END;
