CREATE TABLE `artifacts` (
	`id` integer PRIMARY KEY NOT NULL,
	`modality` text NOT NULL,
	`sha256` blob NOT NULL,
	`byte_length` integer NOT NULL,
	`text` text,
	`width` integer,
	`height` integer,
	CONSTRAINT "artifacts_sha256" CHECK((length("artifacts"."sha256") = 32) is true),
	CONSTRAINT "artifacts_byte_length" CHECK(("artifacts"."byte_length" > 0) is true),
	CONSTRAINT "artifacts_shape" CHECK((("artifacts"."modality" = 'text' and length(trim("artifacts"."text", char(9, 10, 11, 12, 13, 32))) > 0
          and "artifacts"."width" is null and "artifacts"."height" is null)
        or ("artifacts"."modality" = 'image' and "artifacts"."text" is null and "artifacts"."width" > 0 and "artifacts"."height" > 0)) is true)
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `artifacts_content` ON `artifacts` (`sha256`,`modality`);--> statement-breakpoint
CREATE TABLE `diagram_dimensions` (
	`diagram_id` integer NOT NULL,
	`dimension` integer NOT NULL,
	`bar_count` integer NOT NULL,
	`finite_bar_count` integer NOT NULL,
	`entropy` real NOT NULL,
	`bars` blob NOT NULL,
	PRIMARY KEY(`diagram_id`, `dimension`),
	FOREIGN KEY (`diagram_id`) REFERENCES `diagrams`(`id`) ON UPDATE no action ON DELETE cascade,
	CONSTRAINT "diagram_dimensions_dimension" CHECK(("diagram_dimensions"."dimension" between 0 and 2) is true),
	CONSTRAINT "diagram_dimensions_bars" CHECK((length("diagram_dimensions"."bars") = 8 * "diagram_dimensions"."bar_count") is true),
	CONSTRAINT "diagram_dimensions_finite" CHECK(("diagram_dimensions"."finite_bar_count" between 0 and "diagram_dimensions"."bar_count") is true),
	CONSTRAINT "diagram_dimensions_entropy" CHECK(("diagram_dimensions"."entropy" >= 0 and "diagram_dimensions"."entropy" < 1e300) is true)
) STRICT;
--> statement-breakpoint
CREATE TABLE `diagrams` (
	`id` integer PRIMARY KEY NOT NULL,
	`run_id` integer NOT NULL,
	`model_id` integer NOT NULL,
	`metric` text NOT NULL,
	`max_dimension` integer NOT NULL,
	`max_edge_length` real,
	`point_count` integer NOT NULL,
	`distinct_point_count` integer NOT NULL,
	`edge_count` integer NOT NULL,
	`points_sha256` blob NOT NULL,
	`compute_ms` real NOT NULL,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`run_id`) REFERENCES `runs`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`model_id`) REFERENCES `models`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "diagrams_metric" CHECK(("diagrams"."metric" in ('euclidean')) is true),
	CONSTRAINT "diagrams_max_dimension" CHECK(("diagrams"."max_dimension" between 0 and 2) is true),
	CONSTRAINT "diagrams_max_edge_length" CHECK(("diagrams"."max_edge_length" is null or "diagrams"."max_edge_length" > 0) is true),
	CONSTRAINT "diagrams_points" CHECK(("diagrams"."point_count" >= "diagrams"."distinct_point_count" and "diagrams"."distinct_point_count" > 0) is true),
	CONSTRAINT "diagrams_points_sha256" CHECK((length("diagrams"."points_sha256") = 32) is true)
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `diagrams_identity` ON `diagrams` (`run_id`,`model_id`);--> statement-breakpoint
CREATE TABLE `embeddings` (
	`invocation_id` integer NOT NULL,
	`model_id` integer NOT NULL,
	`vector_id` integer NOT NULL,
	`source` text NOT NULL,
	PRIMARY KEY(`invocation_id`, `model_id`),
	FOREIGN KEY (`invocation_id`) REFERENCES `invocations`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`model_id`) REFERENCES `models`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`vector_id`) REFERENCES `vectors`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "embeddings_source" CHECK(("embeddings"."source" in ('computed', 'reused')) is true)
) STRICT;
--> statement-breakpoint
CREATE TABLE `experiments` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text,
	`config` text NOT NULL,
	`run_count` integer NOT NULL,
	`status` text DEFAULT 'planned' NOT NULL,
	`driver_workflow_id` text,
	`driver_run_id` text,
	`created_at` integer NOT NULL,
	`started_at` integer,
	`finished_at` integer,
	`error` text,
	CONSTRAINT "experiments_status" CHECK(("experiments"."status" in ('planned', 'running', 'completed', 'completed_with_failures', 'cancelled', 'failed')) is true),
	CONSTRAINT "experiments_run_count" CHECK(("experiments"."run_count" > 0) is true),
	CONSTRAINT "experiments_config" CHECK((json_valid("experiments"."config")) is true),
	CONSTRAINT "experiments_driver" CHECK((("experiments"."driver_workflow_id" is null) = ("experiments"."driver_run_id" is null)) is true)
) STRICT;
--> statement-breakpoint
CREATE TABLE `failures` (
	`id` integer PRIMARY KEY NOT NULL,
	`run_id` integer NOT NULL,
	`attempt` integer NOT NULL,
	`stage` text NOT NULL,
	`sequence` integer,
	`kind` text NOT NULL,
	`message` text NOT NULL,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`run_id`) REFERENCES `runs`(`id`) ON UPDATE no action ON DELETE cascade,
	CONSTRAINT "failures_stage" CHECK(("failures"."stage" in ('invocation', 'embedding', 'diagram')) is true)
) STRICT;
--> statement-breakpoint
CREATE INDEX `failures_run` ON `failures` (`run_id`,`attempt`);--> statement-breakpoint
CREATE TABLE `hosts` (
	`id` integer PRIMARY KEY NOT NULL,
	`fingerprint` text NOT NULL
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `hosts_fingerprint_unique` ON `hosts` (`fingerprint`);--> statement-breakpoint
CREATE TABLE `invocations` (
	`id` integer PRIMARY KEY NOT NULL,
	`run_id` integer NOT NULL,
	`sequence` integer NOT NULL,
	`model_id` integer NOT NULL,
	`input_id` integer NOT NULL,
	`output_id` integer NOT NULL,
	`seed` integer NOT NULL,
	`source` text NOT NULL,
	`host_id` integer,
	`batch_size` integer,
	`compute_ms` real,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`run_id`) REFERENCES `runs`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`model_id`) REFERENCES `models`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`input_id`) REFERENCES `artifacts`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`output_id`) REFERENCES `artifacts`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`host_id`) REFERENCES `hosts`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "invocations_sequence" CHECK(("invocations"."sequence" >= 0) is true),
	CONSTRAINT "invocations_seed" CHECK(("invocations"."seed" between 0 and 9007199254740991) is true),
	CONSTRAINT "invocations_source" CHECK(("invocations"."source" in ('computed', 'reused', 'cycle')) is true),
	CONSTRAINT "invocations_provenance" CHECK((("invocations"."source" = 'computed') = ("invocations"."host_id" is not null)
        and ("invocations"."source" = 'computed') = ("invocations"."batch_size" is not null)
        and ("invocations"."source" = 'computed') = ("invocations"."compute_ms" is not null)) is true)
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `invocations_step` ON `invocations` (`run_id`,`sequence`);--> statement-breakpoint
CREATE INDEX `invocations_output` ON `invocations` (`run_id`,`output_id`);--> statement-breakpoint
CREATE INDEX `invocations_work` ON `invocations` (`model_id`,`input_id`,`seed`) WHERE source = 'computed';--> statement-breakpoint
CREATE TABLE `models` (
	`id` integer PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`kind` text NOT NULL,
	`source` text NOT NULL,
	`revision` text NOT NULL,
	`settings` text NOT NULL,
	`input` text NOT NULL,
	`output` text,
	`dimension` integer,
	CONSTRAINT "models_kind" CHECK(("models"."kind" in ('generative', 'embedding')) is true),
	CONSTRAINT "models_input" CHECK(("models"."input" in ('text', 'image')) is true),
	CONSTRAINT "models_shape" CHECK((("models"."kind" = 'generative' and "models"."output" in ('text', 'image') and "models"."dimension" is null)
        or ("models"."kind" = 'embedding' and "models"."output" is null and "models"."dimension" > 0)) is true)
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `models_identity` ON `models` (`name`,`kind`,`source`,`revision`,`settings`);--> statement-breakpoint
CREATE TABLE `runs` (
	`id` integer PRIMARY KEY NOT NULL,
	`experiment_id` text NOT NULL,
	`run_index` integer NOT NULL,
	`network` text NOT NULL,
	`seed` integer NOT NULL,
	`drawn_seed` integer,
	`prompt_id` integer NOT NULL,
	`max_length` integer NOT NULL,
	`status` text DEFAULT 'pending' NOT NULL,
	`stop_reason` text,
	`length` integer,
	`cycle_start` integer,
	`cycle_length` integer,
	`attempt` integer DEFAULT 1 NOT NULL,
	`error_kind` text,
	`error_message` text,
	`started_at` integer,
	`finished_at` integer,
	FOREIGN KEY (`experiment_id`) REFERENCES `experiments`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`prompt_id`) REFERENCES `artifacts`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "runs_status_known" CHECK(("runs"."status" in ('pending', 'running', 'finished', 'failed', 'cancelled')) is true),
	CONSTRAINT "runs_network" CHECK((json_valid("runs"."network") and json_array_length("runs"."network") > 0) is true),
	CONSTRAINT "runs_index" CHECK(("runs"."run_index" >= 0) is true),
	CONSTRAINT "runs_max_length" CHECK(("runs"."max_length" between 1 and 1000000) is true),
	CONSTRAINT "runs_seed" CHECK(("runs"."seed" >= -1 and ("runs"."seed" = -1) = ("runs"."drawn_seed" is not null)) is true),
	CONSTRAINT "runs_stop" CHECK((("runs"."stop_reason" is null and "runs"."length" is null)
        or ("runs"."stop_reason" = 'length' and "runs"."length" = "runs"."max_length")
        or ("runs"."stop_reason" = 'cycle' and "runs"."cycle_length" is not null
            and "runs"."length" = "runs"."cycle_start" + "runs"."cycle_length" + 1 and "runs"."length" <= "runs"."max_length")) is true),
	CONSTRAINT "runs_cycle" CHECK((("runs"."cycle_start" is null) = ("runs"."cycle_length" is null)
        and ("runs"."cycle_length" is null or ("runs"."cycle_length" > 0 and "runs"."cycle_start" >= 0 and "runs"."seed" >= 0
             and "runs"."cycle_length" % json_array_length("runs"."network") = 0))) is true),
	CONSTRAINT "runs_finished" CHECK(("runs"."status" <> 'finished' or "runs"."stop_reason" is not null) is true),
	CONSTRAINT "runs_failed" CHECK((("runs"."status" = 'failed') = ("runs"."error_kind" is not null)) is true)
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `runs_identity` ON `runs` (`experiment_id`,`run_index`);--> statement-breakpoint
CREATE INDEX `runs_status` ON `runs` (`experiment_id`,`status`);--> statement-breakpoint
CREATE TABLE `vectors` (
	`id` integer PRIMARY KEY NOT NULL,
	`model_id` integer NOT NULL,
	`artifact_id` integer NOT NULL,
	`sha256` blob NOT NULL,
	`bytes` blob NOT NULL,
	`norm` real NOT NULL,
	`compute_ms` real NOT NULL,
	`host_id` integer NOT NULL,
	FOREIGN KEY (`model_id`) REFERENCES `models`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`artifact_id`) REFERENCES `artifacts`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`host_id`) REFERENCES `hosts`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "vectors_sha256" CHECK((length("vectors"."sha256") = 32) is true),
	CONSTRAINT "vectors_bytes" CHECK((length("vectors"."bytes") > 0 and length("vectors"."bytes") % 4 = 0) is true),
	CONSTRAINT "vectors_norm" CHECK(("vectors"."norm" > 0 and "vectors"."norm" < 1e300) is true),
	CONSTRAINT "vectors_compute_ms" CHECK(("vectors"."compute_ms" >= 0) is true)
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `vectors_content` ON `vectors` (`model_id`,`artifact_id`,`sha256`);