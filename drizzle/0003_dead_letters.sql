-- A job may ask that its failures are not kept, and that its runs are unique by a key.
ALTER TABLE "escapement"."job_version" ADD COLUMN "dead_letter" boolean DEFAULT true NOT NULL;
--> statement-breakpoint
ALTER TABLE "escapement"."job_version" ADD COLUMN "unique" jsonb;
--> statement-breakpoint
CREATE TABLE "escapement"."dead_letter" (
	"run_id" bigint PRIMARY KEY NOT NULL,
	"namespace_id" integer NOT NULL,
	"job_id" integer NOT NULL,
	"error_type" text,
	"died_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE INDEX "dead_letter_namespace" ON "escapement"."dead_letter" USING btree ("namespace_id","died_at","run_id");
--> statement-breakpoint
CREATE INDEX "dead_letter_job" ON "escapement"."dead_letter" USING btree ("job_id","died_at","run_id");
--> statement-breakpoint
CREATE TABLE "escapement"."redrive" (
	"run_id" bigint NOT NULL,
	"number" integer NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"fence" integer NOT NULL,
	"state" text NOT NULL,
	"error" text,
	"edited" boolean DEFAULT false NOT NULL,
	"input" text,
	"bytes" "bytea",
	CONSTRAINT "redrive_once" PRIMARY KEY("run_id","number")
);
--> statement-breakpoint
CREATE TABLE "escapement"."rerun" (
	"run_id" bigint PRIMARY KEY NOT NULL,
	"of_run_id" bigint NOT NULL
);
--> statement-breakpoint
CREATE INDEX "rerun_of" ON "escapement"."rerun" USING btree ("of_run_id","run_id");
--> statement-breakpoint
CREATE TABLE "escapement"."uniqueness" (
	"job_id" integer NOT NULL,
	"key" text NOT NULL,
	"run_id" bigint,
	"until_at" timestamp (3) with time zone,
	"touched_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "uniqueness_once" PRIMARY KEY("job_id","key")
);
--> statement-breakpoint
CREATE INDEX "uniqueness_touched" ON "escapement"."uniqueness" USING btree ("touched_at");
--> statement-breakpoint
-- Runs that failed before this was kept are dead letters too.
INSERT INTO escapement.dead_letter (run_id, namespace_id, job_id, error_type, died_at)
select id, namespace_id, job_id, case when error not like '%\\u0000%' then left(error::json ->> 'type', 200) end, ended_at
from escapement.ended where state = 'FAILED';
