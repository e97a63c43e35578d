-- Added in place: rebuilding the table, as Drizzle would for its check, would lose the triggers.
ALTER TABLE `vectors` ADD `cut_tokens` integer
  CONSTRAINT "vectors_cut_tokens" CHECK(("cut_tokens" is null or "cut_tokens" > 0) is true);
