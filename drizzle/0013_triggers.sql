-- Calendars, pauses of many triggers, a ledger that can be compared with the schedule, and backfills.
CREATE TABLE "escapement"."backfill" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "escapement"."backfill_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"namespace_id" integer NOT NULL,
	"job_id" integer NOT NULL,
	"trigger_id" integer,
	"state" text NOT NULL,
	"max_parallel" integer NOT NULL,
	"on_failure" text NOT NULL,
	"forgiven" integer DEFAULT 0 NOT NULL,
	"reprocess" text NOT NULL,
	"input" text,
	"priority" smallint,
	"started_by" text NOT NULL,
	"reason" text,
	"created_at" timestamp (3) with time zone DEFAULT escapement.clock() NOT NULL,
	"ended_at" timestamp (3) with time zone,
	CONSTRAINT "backfill_state" CHECK (state in ('RUNNING', 'PAUSED', 'STOPPED', 'CANCELLED', 'COMPLETE')),
	CONSTRAINT "backfill_ended" CHECK ((state in ('RUNNING', 'PAUSED')) = (ended_at is null)),
	CONSTRAINT "backfill_max_parallel" CHECK (max_parallel >= 1),
	CONSTRAINT "backfill_on_failure" CHECK (on_failure in ('CONTINUE', 'STOP')),
	CONSTRAINT "backfill_reprocess" CHECK (reprocess in ('NONE', 'FAILED', 'ALL'))
);
--> statement-breakpoint
CREATE TABLE "escapement"."backfill_date" (
	"backfill_id" integer NOT NULL,
	"position" integer NOT NULL,
	"scheduled_at" timestamp (3) with time zone NOT NULL,
	"state" text NOT NULL,
	"run_id" bigint,
	CONSTRAINT "backfill_date_once" PRIMARY KEY("backfill_id","position"),
	CONSTRAINT "backfill_date_state" CHECK (state in ('PENDING', 'STARTED', 'SUCCEEDED', 'FAILED', 'CANCELLED', 'SKIPPED', 'KEPT'))
);
--> statement-breakpoint
CREATE TABLE "escapement"."calendar" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "escapement"."calendar_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"namespace_id" integer NOT NULL,
	"name" text NOT NULL,
	"description" text,
	"base_id" integer,
	"version_id" integer,
	"version" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT escapement.clock() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT escapement.clock() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "escapement"."calendar_version" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "escapement"."calendar_version_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"calendar_id" integer NOT NULL,
	"version" integer NOT NULL,
	"name" text NOT NULL,
	"time_zone" text,
	"rule" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT escapement.clock() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "escapement"."time_zone_update" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "escapement"."time_zone_update_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"before" text NOT NULL,
	"after" text NOT NULL,
	"at" timestamp (3) with time zone DEFAULT escapement.clock() NOT NULL,
	"ended_at" timestamp (3) with time zone,
	"last_trigger_id" integer DEFAULT 0 NOT NULL,
	"examined" integer DEFAULT 0 NOT NULL,
	"moved" integer DEFAULT 0 NOT NULL,
	"moves" jsonb DEFAULT '[]'::jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "escapement"."trigger_calendar" (
	"trigger_id" integer NOT NULL,
	"calendar_id" integer NOT NULL,
	"position" smallint NOT NULL,
	CONSTRAINT "trigger_calendar_once" PRIMARY KEY("trigger_id","calendar_id")
);
--> statement-breakpoint
CREATE TABLE "escapement"."trigger_pause" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "escapement"."trigger_pause_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"namespace_id" integer,
	"kind" text NOT NULL,
	"target" text NOT NULL,
	"paused_by" text NOT NULL,
	"reason" text,
	"paused_at" timestamp (3) with time zone DEFAULT escapement.clock() NOT NULL,
	"until_at" timestamp (3) with time zone,
	CONSTRAINT "trigger_pause_once" UNIQUE NULLS NOT DISTINCT("namespace_id","kind","target"),
	CONSTRAINT "trigger_pause_kind" CHECK (kind in ('TRIGGER', 'GROUP', 'JOB', 'NAMESPACE', 'EVERYTHING')),
	CONSTRAINT "trigger_pause_everything" CHECK ((kind = 'EVERYTHING') = (namespace_id is null))
);
--> statement-breakpoint
CREATE TABLE "escapement"."trigger_version" (
	"trigger_id" integer NOT NULL,
	"since" timestamp (3) with time zone NOT NULL,
	"definition" jsonb NOT NULL,
	"calendar_versions" integer[],
	"time_zone_data" text,
	CONSTRAINT "trigger_version_once" PRIMARY KEY("trigger_id","since")
);
--> statement-breakpoint
ALTER TABLE "escapement"."occurrence" DROP CONSTRAINT "occurrence_outcome";--> statement-breakpoint
ALTER TABLE "escapement"."occurrence" DROP CONSTRAINT "occurrence_fired_has_run";--> statement-breakpoint
-- What a misfire policy passes over is called by the same word as what it fires late.
UPDATE escapement.occurrence SET outcome = 'MISFIRED' WHERE outcome = 'SKIPPED';--> statement-breakpoint
ALTER TABLE "escapement"."leader" ADD COLUMN "time_zone_data" text;--> statement-breakpoint
ALTER TABLE "escapement"."occurrence" ADD COLUMN "reason" text;--> statement-breakpoint
ALTER TABLE "escapement"."occurrence" ADD COLUMN "exact" boolean DEFAULT true NOT NULL;--> statement-breakpoint
ALTER TABLE "escapement"."trigger" ADD COLUMN "group" text DEFAULT 'default' NOT NULL;--> statement-breakpoint
ALTER TABLE "escapement"."trigger" ADD COLUMN "calendar_versions" integer[];--> statement-breakpoint
ALTER TABLE "escapement"."trigger" ADD COLUMN "on_excluded" text DEFAULT 'SKIP' NOT NULL;--> statement-breakpoint
ALTER TABLE "escapement"."trigger" ADD COLUMN "noted_until" timestamp (3) with time zone DEFAULT escapement.clock() NOT NULL;--> statement-breakpoint
-- What is due and has not fired yet is still to be noted.
UPDATE escapement.trigger SET noted_until = next_at - interval '1 ms' WHERE next_at <= noted_until;--> statement-breakpoint
ALTER TABLE "escapement"."trigger" ADD COLUMN "resumed_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "escapement"."trigger" ADD COLUMN "catch_up" text;--> statement-breakpoint
ALTER TABLE "escapement"."backfill" ADD CONSTRAINT "backfill_namespace_id_namespace_id_fk" FOREIGN KEY ("namespace_id") REFERENCES "escapement"."namespace"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "escapement"."backfill" ADD CONSTRAINT "backfill_job_id_job_id_fk" FOREIGN KEY ("job_id") REFERENCES "escapement"."job"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "escapement"."backfill_date" ADD CONSTRAINT "backfill_date_backfill_id_backfill_id_fk" FOREIGN KEY ("backfill_id") REFERENCES "escapement"."backfill"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "escapement"."calendar" ADD CONSTRAINT "calendar_namespace_id_namespace_id_fk" FOREIGN KEY ("namespace_id") REFERENCES "escapement"."namespace"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "escapement"."trigger_calendar" ADD CONSTRAINT "trigger_calendar_trigger_id_trigger_id_fk" FOREIGN KEY ("trigger_id") REFERENCES "escapement"."trigger"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "escapement"."trigger_calendar" ADD CONSTRAINT "trigger_calendar_calendar_id_calendar_id_fk" FOREIGN KEY ("calendar_id") REFERENCES "escapement"."calendar"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "escapement"."trigger_pause" ADD CONSTRAINT "trigger_pause_namespace_id_namespace_id_fk" FOREIGN KEY ("namespace_id") REFERENCES "escapement"."namespace"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "escapement"."trigger_version" ADD CONSTRAINT "trigger_version_trigger_id_trigger_id_fk" FOREIGN KEY ("trigger_id") REFERENCES "escapement"."trigger"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "backfill_of_namespace" ON "escapement"."backfill" USING btree ("namespace_id","id");--> statement-breakpoint
CREATE INDEX "backfill_open" ON "escapement"."backfill" USING btree ("id") WHERE ended_at is null;--> statement-breakpoint
CREATE UNIQUE INDEX "backfill_date_run_per_date" ON "escapement"."backfill_date" USING btree ("backfill_id","scheduled_at");--> statement-breakpoint
CREATE INDEX "backfill_date_run" ON "escapement"."backfill_date" USING btree ("run_id") WHERE run_id is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "calendar_name_taken" ON "escapement"."calendar" USING btree ("namespace_id","name");--> statement-breakpoint
CREATE INDEX "calendar_base" ON "escapement"."calendar" USING btree ("base_id");--> statement-breakpoint
CREATE UNIQUE INDEX "calendar_version_once" ON "escapement"."calendar_version" USING btree ("calendar_id","version");--> statement-breakpoint
CREATE INDEX "trigger_calendar_users" ON "escapement"."trigger_calendar" USING btree ("calendar_id");--> statement-breakpoint
CREATE INDEX "trigger_pause_ends" ON "escapement"."trigger_pause" USING btree ("until_at") WHERE until_at is not null;--> statement-breakpoint
ALTER TABLE "escapement"."occurrence" ADD CONSTRAINT "occurrence_outcome" CHECK (outcome in ('FIRED', 'LATE', 'DST_SHIFTED', 'MISFIRED', 'EXCLUDED', 'PAUSED', 'DISCARDED'));--> statement-breakpoint
ALTER TABLE "escapement"."occurrence" ADD CONSTRAINT "occurrence_fired_has_run" CHECK ((outcome in ('FIRED', 'LATE', 'DST_SHIFTED')) <= (run_id is not null));--> statement-breakpoint
ALTER TABLE "escapement"."trigger" ADD CONSTRAINT "trigger_on_excluded" CHECK (on_excluded in ('SKIP', 'NEXT_DAY', 'PREVIOUS_DAY'));--> statement-breakpoint
ALTER TABLE "escapement"."trigger" ADD CONSTRAINT "trigger_catch_up" CHECK (catch_up in ('SKIP', 'FIRE_ONCE', 'FIRE_ALL'));--> statement-breakpoint
-- From here on the ledger of each trigger can be checked; what its schedule was before is not known.
INSERT INTO escapement.trigger_version (trigger_id, since, definition)
	SELECT id, noted_until + interval '1 ms', jsonb_build_object('schedule', schedule, 'startAt', floor(extract(epoch from start_at) * 1000),
		'endAt', floor(extract(epoch from end_at) * 1000), 'jitterMs', jitter_ms, 'onExcluded', on_excluded)
	FROM escapement.trigger;
--> statement-breakpoint
INSERT INTO escapement.trigger_pause (namespace_id, kind, target, paused_by, reason, paused_at)
	SELECT namespace_id, 'TRIGGER', id::text, 'anybody', reason, updated_at FROM escapement.trigger WHERE state = 'PAUSED';
--> statement-breakpoint
UPDATE escapement.trigger SET reason = null WHERE state = 'PAUSED';
