ALTER TABLE `experiments` ADD `driver_service` text;--> statement-breakpoint
ALTER TABLE `experiments` ADD `driver_place` text;