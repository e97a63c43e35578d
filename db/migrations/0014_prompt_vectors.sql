-- A version that does not know the table cannot delete what its rows point at.
CREATE TABLE `prompt_vectors` (
	`artifact_id` integer NOT NULL,
	`model_id` integer NOT NULL,
	`vector_id` integer NOT NULL,
	PRIMARY KEY(`artifact_id`, `model_id`),
	FOREIGN KEY (`artifact_id`) REFERENCES `artifacts`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`model_id`) REFERENCES `models`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`vector_id`) REFERENCES `vectors`(`id`) ON UPDATE no action ON DELETE no action
) STRICT;
--> statement-breakpoint
CREATE INDEX `prompt_vectors_vector` ON `prompt_vectors` (`vector_id`);
--> statement-breakpoint
CREATE TRIGGER prompt_vectors_fit_their_prompt BEFORE INSERT ON prompt_vectors
BEGIN
  SELECT RAISE(ABORT, 'prompt vector: its vector belongs to another text or model')
  WHERE NOT EXISTS (
    SELECT 1 FROM vectors WHERE id = NEW.vector_id AND model_id = NEW.model_id AND artifact_id = NEW.artifact_id);
  SELECT RAISE(ABORT, 'prompt vector: its text is the prompt of no run')
  WHERE NOT EXISTS (SELECT 1 FROM runs WHERE prompt_id = NEW.artifact_id);
END;
--> statement-breakpoint
UPDATE `databases` SET `writable_from` = 15, `version` = '0.2.0';
