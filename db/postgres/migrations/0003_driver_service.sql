ALTER TABLE "experiments" ADD "driver_service" text COLLATE "C";
--> statement-breakpoint
ALTER TABLE "experiments" ADD "driver_place" text COLLATE "C"
