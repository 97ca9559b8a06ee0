-- The whole model. Generated from server/store/schema.ts, then read and completed by hand: the clock, run ids,
-- partitions, storage parameters and the `run` view are beyond what the generator can say.
CREATE SCHEMA "escapement";
--> statement-breakpoint
-- The one clock that decides anything. Tests may replace it by a virtual one.
CREATE FUNCTION escapement.clock() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE
	AS 'select pg_catalog.clock_timestamp()';
--> statement-breakpoint
CREATE SEQUENCE escapement.run_number AS bigint CACHE 50;
--> statement-breakpoint
-- 41 bits of milliseconds since 2024, 22 bits of a sequence: an id tells its creation time and so its partition.
CREATE FUNCTION escapement.next_run_id() RETURNS bigint LANGUAGE sql VOLATILE
	AS 'select ((extract(epoch from escapement.clock()) * 1000)::bigint - 1704067200000) << 22 | (nextval(''escapement.run_number'') & 4194303)';
--> statement-breakpoint
CREATE TABLE "escapement"."attempt" (
	"run_id" bigint NOT NULL,
	"fence" integer NOT NULL,
	"number" integer NOT NULL,
	"secret" uuid NOT NULL,
	"executor_id" integer NOT NULL,
	"started_at" timestamp (3) with time zone NOT NULL,
	"ended_at" timestamp (3) with time zone NOT NULL,
	"outcome" text NOT NULL,
	"error" text,
	"state" text NOT NULL,
	"retry_ms" bigint,
	CONSTRAINT "attempt_once" PRIMARY KEY("run_id","fence"),
	CONSTRAINT "attempt_outcome" CHECK (outcome in ('FAILED', 'TIMED_OUT', 'LOST', 'RELEASED', 'CANCELLED'))
) PARTITION BY RANGE (run_id);
--> statement-breakpoint
CREATE TABLE escapement.attempt_default PARTITION OF escapement.attempt DEFAULT;
--> statement-breakpoint
CREATE TABLE "escapement"."dependency" (
	"on_run_id" bigint NOT NULL,
	"run_id" bigint NOT NULL,
	CONSTRAINT "dependency_once" PRIMARY KEY("on_run_id","run_id")
);
--> statement-breakpoint
CREATE TABLE "escapement"."ended" (
	"id" bigint PRIMARY KEY NOT NULL,
	"namespace_id" integer NOT NULL,
	"job_id" integer NOT NULL,
	"version_id" integer NOT NULL,
	"queue_id" integer NOT NULL,
	"priority" smallint NOT NULL,
	"trigger_id" integer,
	"parent_id" bigint,
	"scheduled_at" timestamp (3) with time zone NOT NULL,
	"input" text,
	"payload" smallint DEFAULT 0 NOT NULL,
	"tags" text[],
	"fence" integer DEFAULT 0 NOT NULL,
	"failures" smallint DEFAULT 0 NOT NULL,
	"lost" smallint DEFAULT 0 NOT NULL,
	"released" smallint DEFAULT 0 NOT NULL,
	"awaited" boolean DEFAULT false NOT NULL,
	"ready_at" timestamp (3) with time zone,
	"secret" uuid,
	"executor_id" integer,
	"started_at" timestamp (3) with time zone,
	"ended_at" timestamp (3) with time zone NOT NULL,
	"state" text NOT NULL,
	"outcome" text,
	"output" text,
	"error" text,
	"progress" real,
	CONSTRAINT "ended_state" CHECK (state in ('SUCCEEDED', 'FAILED', 'CANCELLED', 'SKIPPED')),
	CONSTRAINT "ended_started" CHECK ((started_at is null) = (secret is null)),
	CONSTRAINT "ended_outcome" CHECK ((outcome is null) = (secret is null)),
	CONSTRAINT "ended_success_started" CHECK (state <> 'SUCCEEDED' or started_at is not null),
	CONSTRAINT "ended_failure_says_why" CHECK (state <> 'FAILED' or error is not null)
) PARTITION BY RANGE (id);
--> statement-breakpoint
CREATE TABLE escapement.ended_default PARTITION OF escapement.ended DEFAULT;
--> statement-breakpoint
CREATE TABLE "escapement"."executor" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "escapement"."executor_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"namespace_id" integer NOT NULL,
	"name" text NOT NULL,
	"groups" text[] NOT NULL,
	"types" text[],
	"capacity" integer,
	"labels" jsonb,
	"load" jsonb,
	"registered_at" timestamp (3) with time zone DEFAULT escapement.clock() NOT NULL,
	"last_heartbeat_at" timestamp (3) with time zone DEFAULT escapement.clock() NOT NULL,
	"left_at" timestamp (3) with time zone,
	CONSTRAINT "executor_capacity_positive" CHECK (capacity > 0)
);
--> statement-breakpoint
CREATE TABLE "escapement"."idempotency" (
	"namespace_id" integer NOT NULL,
	"key" text NOT NULL,
	"hash" "bytea" NOT NULL,
	"run_ids" bigint[] NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT escapement.clock() NOT NULL,
	"touched_at" timestamp (3) with time zone DEFAULT escapement.clock() NOT NULL,
	CONSTRAINT "idempotency_once" PRIMARY KEY("namespace_id","key")
);
--> statement-breakpoint
CREATE TABLE "escapement"."job" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "escapement"."job_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"namespace_id" integer NOT NULL,
	"name" text NOT NULL,
	"description" text,
	"tags" text[] DEFAULT '{}' NOT NULL,
	"version_id" integer,
	"version" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT escapement.clock() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT escapement.clock() NOT NULL,
	"deleted_at" timestamp (3) with time zone,
	CONSTRAINT "job_version_positive" CHECK (version >= 1)
);
--> statement-breakpoint
CREATE TABLE "escapement"."job_version" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "escapement"."job_version_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"job_id" integer NOT NULL,
	"version" integer NOT NULL,
	"queue_id" integer NOT NULL,
	"input" text,
	"priority" smallint NOT NULL,
	"retry" jsonb NOT NULL,
	"timeout_ms" bigint,
	"start_deadline_ms" bigint NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT escapement.clock() NOT NULL,
	CONSTRAINT "job_version_timeout_positive" CHECK (timeout_ms > 0)
);
--> statement-breakpoint
CREATE TABLE "escapement"."leader" (
	"id" integer PRIMARY KEY NOT NULL,
	"epoch" bigint NOT NULL,
	"holder" uuid,
	"expires_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "leader_one_row" CHECK (id = 1)
);
--> statement-breakpoint
CREATE TABLE "escapement"."lease" (
	"id" bigint PRIMARY KEY NOT NULL,
	"namespace_id" integer NOT NULL,
	"job_id" integer NOT NULL,
	"version_id" integer NOT NULL,
	"queue_id" integer NOT NULL,
	"priority" smallint NOT NULL,
	"trigger_id" integer,
	"parent_id" bigint,
	"scheduled_at" timestamp (3) with time zone NOT NULL,
	"input" text,
	"payload" smallint DEFAULT 0 NOT NULL,
	"tags" text[],
	"fence" integer DEFAULT 0 NOT NULL,
	"failures" smallint DEFAULT 0 NOT NULL,
	"lost" smallint DEFAULT 0 NOT NULL,
	"released" smallint DEFAULT 0 NOT NULL,
	"awaited" boolean DEFAULT false NOT NULL,
	"ready_at" timestamp (3) with time zone NOT NULL,
	"secret" uuid NOT NULL,
	"executor_id" integer NOT NULL,
	"started_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"progress" real,
	"message" text,
	"cancel_at" timestamp (3) with time zone,
	"cancel_reason" text,
	"request_id" text,
	CONSTRAINT "lease_fence_positive" CHECK (fence >= 1),
	CONSTRAINT "lease_progress" CHECK (progress between 0 and 1),
	CONSTRAINT "lease_payload" CHECK (payload between 0 and 2 and (payload = 0 or input is null))
);
--> statement-breakpoint
CREATE TABLE "escapement"."namespace" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "escapement"."namespace_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"name" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT escapement.clock() NOT NULL,
	CONSTRAINT "namespace_name_taken" UNIQUE("name")
);
--> statement-breakpoint
CREATE TABLE "escapement"."occurrence" (
	"trigger_id" integer NOT NULL,
	"scheduled_at" timestamp (3) with time zone NOT NULL,
	"until_at" timestamp (3) with time zone,
	"count" integer DEFAULT 1 NOT NULL,
	"outcome" text NOT NULL,
	"fired_at" timestamp (3) with time zone,
	"run_id" bigint,
	CONSTRAINT "occurrence_once" PRIMARY KEY("trigger_id","scheduled_at"),
	CONSTRAINT "occurrence_outcome" CHECK (outcome in ('FIRED', 'LATE', 'MISFIRED', 'SKIPPED', 'PAUSED')),
	CONSTRAINT "occurrence_fired_has_run" CHECK ((outcome in ('FIRED', 'LATE')) <= (run_id is not null))
) PARTITION BY RANGE (scheduled_at);
--> statement-breakpoint
CREATE TABLE escapement.occurrence_default PARTITION OF escapement.occurrence DEFAULT;
--> statement-breakpoint
CREATE TABLE "escapement"."payload" (
	"run_id" bigint PRIMARY KEY NOT NULL,
	"json" text,
	"bytes" "bytea",
	CONSTRAINT "payload_one" CHECK (num_nonnulls(json, bytes) = 1)
) PARTITION BY RANGE (run_id);
--> statement-breakpoint
CREATE TABLE escapement.payload_default PARTITION OF escapement.payload DEFAULT;
--> statement-breakpoint
CREATE TABLE "escapement"."queue" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "escapement"."queue_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"namespace_id" integer NOT NULL,
	"group" text NOT NULL,
	"type" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "escapement"."ready" (
	"id" bigint PRIMARY KEY NOT NULL,
	"namespace_id" integer NOT NULL,
	"job_id" integer NOT NULL,
	"version_id" integer NOT NULL,
	"queue_id" integer NOT NULL,
	"priority" smallint NOT NULL,
	"trigger_id" integer,
	"parent_id" bigint,
	"scheduled_at" timestamp (3) with time zone NOT NULL,
	"input" text,
	"payload" smallint DEFAULT 0 NOT NULL,
	"tags" text[],
	"fence" integer DEFAULT 0 NOT NULL,
	"failures" smallint DEFAULT 0 NOT NULL,
	"lost" smallint DEFAULT 0 NOT NULL,
	"released" smallint DEFAULT 0 NOT NULL,
	"awaited" boolean DEFAULT false NOT NULL,
	"ready_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "ready_payload" CHECK (payload between 0 and 2 and (payload = 0 or input is null))
);
--> statement-breakpoint
CREATE TABLE "escapement"."server" (
	"id" uuid PRIMARY KEY NOT NULL,
	"started_at" timestamp (3) with time zone NOT NULL,
	"seen_at" timestamp (3) with time zone NOT NULL,
	"parked_polls" integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "escapement"."staged" (
	"id" bigint PRIMARY KEY NOT NULL,
	"namespace_id" integer NOT NULL,
	"job_id" integer NOT NULL,
	"version_id" integer NOT NULL,
	"queue_id" integer NOT NULL,
	"priority" smallint NOT NULL,
	"trigger_id" integer,
	"parent_id" bigint NOT NULL,
	"scheduled_at" timestamp (3) with time zone NOT NULL,
	"input" text,
	"payload" smallint DEFAULT 0 NOT NULL,
	"tags" text[],
	"fence" integer DEFAULT 0 NOT NULL,
	"failures" smallint DEFAULT 0 NOT NULL,
	"lost" smallint DEFAULT 0 NOT NULL,
	"released" smallint DEFAULT 0 NOT NULL,
	"awaited" boolean DEFAULT false NOT NULL,
	"secret" uuid NOT NULL,
	"joins" integer,
	"call" integer NOT NULL,
	"wake_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "escapement"."tally" (
	"namespace_id" integer NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"what" text NOT NULL,
	"source" text NOT NULL,
	"count" bigint NOT NULL,
	CONSTRAINT "tally_once" PRIMARY KEY("at","namespace_id","what","source")
);
--> statement-breakpoint
CREATE TABLE "escapement"."token" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"namespace_id" integer,
	"role" text NOT NULL,
	"groups" text[],
	"hash" "bytea" NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT escapement.clock() NOT NULL,
	"expires_at" timestamp (3) with time zone,
	"last_used_at" timestamp (3) with time zone,
	"revoked_at" timestamp (3) with time zone,
	CONSTRAINT "token_role" CHECK (role in ('VIEWER', 'OPERATOR', 'ADMIN', 'WORKER')),
	CONSTRAINT "token_groups_of_worker" CHECK (groups is null or role = 'WORKER'),
	CONSTRAINT "token_hash_sha256" CHECK (octet_length(hash) = 32)
);
--> statement-breakpoint
CREATE TABLE "escapement"."trigger" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "escapement"."trigger_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"namespace_id" integer NOT NULL,
	"job_id" integer NOT NULL,
	"name" text NOT NULL,
	"schedule" jsonb NOT NULL,
	"start_at" timestamp (3) with time zone,
	"end_at" timestamp (3) with time zone,
	"misfire" jsonb NOT NULL,
	"priority" smallint,
	"input" text,
	"state" text NOT NULL,
	"reason" text,
	"fired_count" integer DEFAULT 0 NOT NULL,
	"next_at" timestamp (3) with time zone,
	"last_at" timestamp (3) with time zone,
	"delay_ms" bigint,
	"fires_left" integer,
	"blocked_by" bigint,
	"version" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT escapement.clock() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT escapement.clock() NOT NULL,
	CONSTRAINT "trigger_state" CHECK (state in ('NORMAL', 'PAUSED', 'BLOCKED', 'COMPLETE', 'ERROR')),
	CONSTRAINT "trigger_normal_is_due" CHECK (state <> 'NORMAL' or next_at is not null),
	CONSTRAINT "trigger_blocked_by_run" CHECK ((state = 'BLOCKED') <= (blocked_by is not null)),
	CONSTRAINT "trigger_complete_has_no_next" CHECK (state <> 'COMPLETE' or next_at is null)
);
--> statement-breakpoint
CREATE TABLE "escapement"."waiting" (
	"id" bigint PRIMARY KEY NOT NULL,
	"namespace_id" integer NOT NULL,
	"job_id" integer NOT NULL,
	"version_id" integer NOT NULL,
	"queue_id" integer NOT NULL,
	"priority" smallint NOT NULL,
	"trigger_id" integer,
	"parent_id" bigint,
	"scheduled_at" timestamp (3) with time zone NOT NULL,
	"input" text,
	"payload" smallint DEFAULT 0 NOT NULL,
	"tags" text[],
	"fence" integer DEFAULT 0 NOT NULL,
	"failures" smallint DEFAULT 0 NOT NULL,
	"lost" smallint DEFAULT 0 NOT NULL,
	"released" smallint DEFAULT 0 NOT NULL,
	"awaited" boolean DEFAULT false NOT NULL,
	"wake_at" timestamp (3) with time zone,
	"wake_kind" text,
	CONSTRAINT "waiting_wake_kind" CHECK (wake_kind in ('TIME', 'RETRY')),
	CONSTRAINT "waiting_wake_both" CHECK ((wake_at is null) = (wake_kind is null)),
	CONSTRAINT "waiting_payload" CHECK (payload between 0 and 2 and (payload = 0 or input is null))
);
--> statement-breakpoint
ALTER TABLE "escapement"."executor" ADD CONSTRAINT "executor_namespace_id_namespace_id_fk" FOREIGN KEY ("namespace_id") REFERENCES "escapement"."namespace"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "escapement"."job" ADD CONSTRAINT "job_namespace_id_namespace_id_fk" FOREIGN KEY ("namespace_id") REFERENCES "escapement"."namespace"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "escapement"."job_version" ADD CONSTRAINT "job_version_job_id_job_id_fk" FOREIGN KEY ("job_id") REFERENCES "escapement"."job"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "escapement"."job_version" ADD CONSTRAINT "job_version_queue_id_queue_id_fk" FOREIGN KEY ("queue_id") REFERENCES "escapement"."queue"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "escapement"."queue" ADD CONSTRAINT "queue_namespace_id_namespace_id_fk" FOREIGN KEY ("namespace_id") REFERENCES "escapement"."namespace"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "escapement"."token" ADD CONSTRAINT "token_namespace_id_namespace_id_fk" FOREIGN KEY ("namespace_id") REFERENCES "escapement"."namespace"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "escapement"."trigger" ADD CONSTRAINT "trigger_namespace_id_namespace_id_fk" FOREIGN KEY ("namespace_id") REFERENCES "escapement"."namespace"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "escapement"."trigger" ADD CONSTRAINT "trigger_job_id_job_id_fk" FOREIGN KEY ("job_id") REFERENCES "escapement"."job"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "dependency_waiter" ON "escapement"."dependency" USING btree ("run_id");--> statement-breakpoint
CREATE INDEX "ended_namespace" ON "escapement"."ended" USING btree ("namespace_id","id");--> statement-breakpoint
CREATE INDEX "ended_job" ON "escapement"."ended" USING btree ("job_id","id");--> statement-breakpoint
CREATE INDEX "ended_unsuccessful" ON "escapement"."ended" USING btree ("namespace_id","state","id") WHERE state <> 'SUCCEEDED';--> statement-breakpoint
CREATE INDEX "ended_trigger" ON "escapement"."ended" USING btree ("trigger_id","id") WHERE trigger_id is not null;--> statement-breakpoint
CREATE INDEX "ended_parent" ON "escapement"."ended" USING btree ("parent_id","id") WHERE parent_id is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "executor_name_taken" ON "escapement"."executor" USING btree ("namespace_id","name");--> statement-breakpoint
CREATE INDEX "idempotency_touched" ON "escapement"."idempotency" USING btree ("touched_at");--> statement-breakpoint
CREATE UNIQUE INDEX "job_name_taken" ON "escapement"."job" USING btree ("namespace_id","name") WHERE deleted_at is null;--> statement-breakpoint
CREATE UNIQUE INDEX "job_version_once" ON "escapement"."job_version" USING btree ("job_id","version");--> statement-breakpoint
CREATE INDEX "lease_executor" ON "escapement"."lease" USING btree ("executor_id");--> statement-breakpoint
CREATE INDEX "lease_request" ON "escapement"."lease" USING btree ("executor_id","request_id") WHERE request_id is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "queue_once" ON "escapement"."queue" USING btree ("namespace_id","group","type");--> statement-breakpoint
CREATE INDEX "ready_claim" ON "escapement"."ready" USING btree ("queue_id","priority" DESC NULLS FIRST,"ready_at","id");--> statement-breakpoint
CREATE INDEX "staged_parent" ON "escapement"."staged" USING btree ("parent_id");--> statement-breakpoint
CREATE UNIQUE INDEX "trigger_name_taken" ON "escapement"."trigger" USING btree ("namespace_id","name");--> statement-breakpoint
CREATE INDEX "trigger_job" ON "escapement"."trigger" USING btree ("job_id");--> statement-breakpoint
CREATE INDEX "trigger_due" ON "escapement"."trigger" USING btree ("next_at") WHERE state = 'NORMAL';--> statement-breakpoint
CREATE INDEX "waiting_wake" ON "escapement"."waiting" USING btree ("wake_at") WHERE wake_at is not null;--> statement-breakpoint
CREATE INDEX "waiting_job" ON "escapement"."waiting" USING btree ("job_id","id");
--> statement-breakpoint
CREATE INDEX "ended_job_unsuccessful" ON "escapement"."ended" USING btree ("job_id","state","id") WHERE state <> 'SUCCEEDED';
--> statement-breakpoint
CREATE INDEX "ready_parent" ON "escapement"."ready" USING btree ("parent_id","id") WHERE parent_id is not null;
--> statement-breakpoint
CREATE INDEX "trigger_blocked" ON "escapement"."trigger" USING btree ("blocked_by") WHERE blocked_by is not null;
--> statement-breakpoint
CREATE INDEX "waiting_parent" ON "escapement"."waiting" USING btree ("parent_id","id") WHERE parent_id is not null;
--> statement-breakpoint
-- A hot table is small and turns over completely: vacuum by count, not by share, and never give pages back
-- (that would take an exclusive lock for nothing). The leader vacuums them besides, every two seconds.
ALTER TABLE escapement.ready SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
--> statement-breakpoint
ALTER TABLE escapement.waiting SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
--> statement-breakpoint
-- Room on the page for the next version of the row, so that a heartbeat touches no index.
ALTER TABLE escapement.lease SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
--> statement-breakpoint
ALTER TABLE escapement.trigger SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0);
--> statement-breakpoint
ALTER TABLE escapement.leader SET (fillfactor = 10);
--> statement-breakpoint
ALTER TABLE escapement.tally SET (fillfactor = 50);
--> statement-breakpoint
-- A run in whichever table it is. One statement sees it in exactly one.
CREATE VIEW escapement.run AS
	select id, namespace_id, job_id, version_id, queue_id, 'WAITING'::text as state, priority, trigger_id, parent_id,
		scheduled_at, input, payload, tags, fence, failures, lost, released, awaited,
		wake_at, wake_kind, null::timestamptz as ready_at, null::uuid as secret, null::integer as executor_id,
		null::timestamptz as started_at, null::timestamptz as ended_at, null::timestamptz as expires_at,
		null::real as progress, null::text as message, null::timestamptz as cancel_at, null::text as cancel_reason,
		null::text as outcome, null::text as output, null::text as error
	from escapement.waiting
	union all
	select id, namespace_id, job_id, version_id, queue_id, 'READY', priority, trigger_id, parent_id,
		scheduled_at, input, payload, tags, fence, failures, lost, released, awaited,
		null, null, ready_at, null, null, null, null, null, null, null, null, null, null, null, null
	from escapement.ready
	union all
	select id, namespace_id, job_id, version_id, queue_id, 'RUNNING', priority, trigger_id, parent_id,
		scheduled_at, input, payload, tags, fence, failures, lost, released, awaited,
		null, null, ready_at, secret, executor_id, started_at, null, expires_at, progress, message, cancel_at, cancel_reason, null, null, null
	from escapement.lease
	union all
	select id, namespace_id, job_id, version_id, queue_id, state, priority, trigger_id, parent_id,
		scheduled_at, input, payload, tags, fence, failures, lost, released, awaited,
		null, null, ready_at, secret, executor_id, started_at, ended_at, null, progress, null, null, null, outcome, output, error
	from escapement.ended;
--> statement-breakpoint
-- Without this row nobody can lead: absence fails closed.
INSERT INTO escapement.leader (id, epoch, holder, expires_at) VALUES (1, 0, null, '-infinity');
--> statement-breakpoint
INSERT INTO escapement.namespace (name) VALUES ('default');
