CREATE TABLE `objects_places` (
	`id` integer PRIMARY KEY NOT NULL,
	`place_id` text NOT NULL,
	`place` text NOT NULL
) STRICT;
