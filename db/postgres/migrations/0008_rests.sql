ALTER TABLE "experiments" ADD "rests" text COLLATE "C"
