-- To SQLite a NaN is a NULL, which these columns refuse or make nothing of; to Postgres it is a number above all others.
ALTER TABLE "vectors" DROP CONSTRAINT "vectors_compute_ms",
  ADD CONSTRAINT "vectors_compute_ms" CHECK(("compute_ms" >= 0 and "compute_ms" <> 'NaN') is true);
--> statement-breakpoint
ALTER TABLE "invocations" DROP CONSTRAINT "invocations_provenance",
  ADD CONSTRAINT "invocations_provenance" CHECK((("source" = 'computed') = ("host_id" is not null)
        and ("source" = 'computed') = ("batch_size" is not null)
        and ("source" = 'computed') = ("compute_ms" is not null)
        and ("compute_ms" is null or "compute_ms" <> 'NaN')) is true);
--> statement-breakpoint
ALTER TABLE "diagrams" DROP CONSTRAINT "diagrams_max_edge_length",
  ADD CONSTRAINT "diagrams_max_edge_length" CHECK(("max_edge_length" is null or ("max_edge_length" > 0 and "max_edge_length" <> 'NaN')) is true),
  ADD CONSTRAINT "diagrams_compute_ms" CHECK(("compute_ms" <> 'NaN') is true);
