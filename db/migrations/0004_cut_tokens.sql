-- Added in place: rebuilding the table, as Drizzle would for its check, would lose the triggers.
ALTER TABLE `invocations` ADD `cut_tokens` integer
  CONSTRAINT "invocations_cut_tokens" CHECK(("cut_tokens" is null or "cut_tokens" > 0) is true);
