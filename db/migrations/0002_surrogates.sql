CREATE TABLE `surrogates` (
	`diagram_id` integer NOT NULL,
	`kind` text NOT NULL,
	`surrogate_index` integer NOT NULL,
	`dimension` integer NOT NULL,
	`bar_count` integer NOT NULL,
	`longest_bar` real NOT NULL,
	`total_persistence` real NOT NULL,
	`entropy` real NOT NULL,
	PRIMARY KEY(`diagram_id`, `kind`, `surrogate_index`, `dimension`),
	FOREIGN KEY (`diagram_id`) REFERENCES `diagrams`(`id`) ON UPDATE no action ON DELETE cascade,
	CONSTRAINT "surrogates_kind" CHECK(("surrogates"."kind" in ('shuffled_increments', 'sphere')) is true),
	CONSTRAINT "surrogates_index" CHECK(("surrogates"."surrogate_index" between 0 and 998) is true),
	CONSTRAINT "surrogates_dimension" CHECK(("surrogates"."dimension" between 0 and 2) is true),
	CONSTRAINT "surrogates_bar_count" CHECK(("surrogates"."bar_count" >= ("surrogates"."dimension" = 0 or "surrogates"."longest_bar" > 0)) is true),
	CONSTRAINT "surrogates_lengths" CHECK(("surrogates"."longest_bar" between 0 and "surrogates"."total_persistence" and "surrogates"."total_persistence" < 1e300
        and ("surrogates"."longest_bar" = 0) = ("surrogates"."total_persistence" = 0)) is true),
	CONSTRAINT "surrogates_entropy" CHECK(("surrogates"."entropy" >= 0 and "surrogates"."entropy" < 1e300 and ("surrogates"."entropy" = 0 or "surrogates"."longest_bar" > 0)) is true)
) STRICT;
