-- Outputs that are bytes and not JSON. Apart from `ended`, so that no run without one ever hears of them.
CREATE TABLE "escapement"."output_bytes" (
	"run_id" bigint PRIMARY KEY,
	"bytes" "bytea" NOT NULL
) PARTITION BY RANGE (run_id);
--> statement-breakpoint
CREATE TABLE escapement.output_bytes_default PARTITION OF escapement.output_bytes DEFAULT;
--> statement-breakpoint
-- Which runs left logs or files in the output store: a row goes when its outputs have gone, so it is in no partition.
CREATE TABLE "escapement"."output" (
	"run_id" bigint PRIMARY KEY,
	"job_id" integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX "output_job" ON "escapement"."output" USING btree ("job_id", "run_id");
--> statement-breakpoint
ALTER TABLE "escapement"."job" ADD COLUMN "retention" jsonb;
--> statement-breakpoint
ALTER TABLE "escapement"."namespace" ADD COLUMN "retention" jsonb;
