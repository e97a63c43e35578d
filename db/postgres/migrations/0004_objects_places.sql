CREATE TABLE "objects_places" (
  "id" bigint PRIMARY KEY NOT NULL,
  "place_id" text COLLATE "C" NOT NULL,
  "place" text COLLATE "C" NOT NULL
)
