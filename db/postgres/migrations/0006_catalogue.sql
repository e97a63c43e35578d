ALTER TABLE "experiments" ADD "catalogue" text COLLATE "C"
