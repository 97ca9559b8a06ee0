-- A gate lets in so many runs at a time, for each key of its own. `capacity` 2147483647 means: no limit any more.
CREATE TABLE "escapement"."gate" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "escapement"."gate_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"namespace_id" integer NOT NULL,
	"name" text NOT NULL,
	"kind" text NOT NULL,
	"job_id" integer,
	"capacity" integer NOT NULL,
	"policy" text,
	CONSTRAINT "gate_kind" CHECK (kind in ('AFFINITY', 'OVERLAP', 'CONCURRENCY')),
	CONSTRAINT "gate_capacity" CHECK (capacity >= 0),
	CONSTRAINT "gate_policy" CHECK (policy in ('SERIAL_WAIT', 'SERIAL_DISCARD', 'SERIAL_PRIORITY', 'SERIAL_REPLACE'))
);
--> statement-breakpoint
CREATE TABLE "escapement"."place" (
	"run_id" bigint NOT NULL,
	"stage" smallint NOT NULL,
	"gate_id" integer NOT NULL,
	"key" text NOT NULL,
	"rank" smallint NOT NULL,
	"state" text NOT NULL,
	CONSTRAINT "place_once" PRIMARY KEY("run_id","stage"),
	CONSTRAINT "place_state" CHECK (state in ('AHEAD', 'LINE', 'TAKEN'))
);
--> statement-breakpoint
-- What is locked before places are counted: a key's stripe, by hash. Rows are never added, so a key costs nothing.
CREATE TABLE "escapement"."stripe" (
	"id" integer PRIMARY KEY NOT NULL
);
--> statement-breakpoint
INSERT INTO escapement.stripe (id) SELECT generate_series(0, 4095);
--> statement-breakpoint
CREATE FUNCTION escapement.stripe_of(gate integer, key text) RETURNS integer
	LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN (hashtextextended(key, gate) & 4095)::integer;
--> statement-breakpoint
ALTER TABLE "escapement"."gate" ADD CONSTRAINT "gate_namespace_id_namespace_id_fk" FOREIGN KEY ("namespace_id") REFERENCES "escapement"."namespace"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "escapement"."gate" ADD CONSTRAINT "gate_job_id_job_id_fk" FOREIGN KEY ("job_id") REFERENCES "escapement"."job"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "gate_name_taken" ON "escapement"."gate" USING btree ("namespace_id","name");--> statement-breakpoint
CREATE INDEX "gate_job" ON "escapement"."gate" USING btree ("job_id") WHERE job_id is not null;--> statement-breakpoint
CREATE INDEX "place_line" ON "escapement"."place" USING btree ("gate_id","key","rank","run_id") WHERE state = 'LINE';--> statement-breakpoint
CREATE INDEX "place_taken" ON "escapement"."place" USING btree ("gate_id","key") WHERE state = 'TAKEN';--> statement-breakpoint
ALTER TABLE escapement.place SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
--> statement-breakpoint
ALTER TABLE "escapement"."job_version" ADD COLUMN "overlap" text DEFAULT 'PARALLEL' NOT NULL;--> statement-breakpoint
ALTER TABLE "escapement"."job_version" ADD COLUMN "max_parallel" integer;--> statement-breakpoint
ALTER TABLE "escapement"."job_version" ADD CONSTRAINT "job_version_overlap" CHECK (overlap in ('PARALLEL', 'SERIAL_WAIT', 'SERIAL_DISCARD', 'SERIAL_PRIORITY', 'SERIAL_REPLACE'));--> statement-breakpoint
ALTER TABLE "escapement"."job_version" ADD CONSTRAINT "job_version_max_parallel" CHECK (max_parallel >= 1);--> statement-breakpoint
ALTER TABLE "escapement"."waiting" ADD COLUMN "gates" text;--> statement-breakpoint
ALTER TABLE "escapement"."ready" ADD COLUMN "gates" text;--> statement-breakpoint
ALTER TABLE "escapement"."lease" ADD COLUMN "gates" text;--> statement-breakpoint
ALTER TABLE "escapement"."ended" ADD COLUMN "gates" text;--> statement-breakpoint
ALTER TABLE "escapement"."staged" ADD COLUMN "gates" text;--> statement-breakpoint
ALTER TABLE "escapement"."occurrence" DROP CONSTRAINT "occurrence_outcome";--> statement-breakpoint
ALTER TABLE "escapement"."occurrence" ADD CONSTRAINT "occurrence_outcome" CHECK (outcome in ('FIRED', 'LATE', 'MISFIRED', 'SKIPPED', 'PAUSED', 'DISCARDED'));
--> statement-breakpoint
-- Its group, its namespace or itself is paused: starts that know nothing of it are refused and look again.
ALTER TABLE "escapement"."job" ADD COLUMN "paused" boolean DEFAULT false NOT NULL;
--> statement-breakpoint
-- core/gate.ts's gatesOf for a run without affinity, for those who start runs in SQL.
CREATE FUNCTION escapement.job_gates(version integer, priority smallint) RETURNS text LANGUAGE sql STABLE
	RETURN coalesce((
		SELECT json_agg(json_build_object('gate', g.id, 'key', '',
			'rank', CASE WHEN g.kind = 'CONCURRENCY' OR g.policy IS NOT DISTINCT FROM 'SERIAL_PRIORITY' THEN -job_gates.priority ELSE 0 END)
			ORDER BY g.kind = 'CONCURRENCY')::text
		FROM escapement.job_version v JOIN escapement.gate g ON g.job_id = v.job_id
		WHERE v.id = job_gates.version
			AND CASE g.kind WHEN 'OVERLAP' THEN v.overlap <> 'PARALLEL' ELSE v.max_parallel IS NOT NULL END
	), (
		SELECT '[]' FROM escapement.job_version v JOIN escapement.job j ON j.id = v.job_id WHERE v.id = job_gates.version AND j.paused
	));
--> statement-breakpoint
-- Whose runs may not start, by whom and why. `target` is a group's name, a job's or a run's id; '' for a namespace.
CREATE TABLE "escapement"."pause" (
	"namespace_id" integer NOT NULL,
	"kind" text NOT NULL,
	"target" text NOT NULL,
	"paused_by" text NOT NULL,
	"reason" text,
	"paused_at" timestamp (3) with time zone DEFAULT escapement.clock() NOT NULL,
	CONSTRAINT "pause_once" PRIMARY KEY("namespace_id","kind","target"),
	CONSTRAINT "pause_kind" CHECK (kind in ('NAMESPACE', 'GROUP', 'JOB', 'RUN'))
);
--> statement-breakpoint
-- The pause that holds a run, whoever of run, job, group and namespace was paused first.
CREATE FUNCTION escapement.pause_of(namespace integer, job integer, queue integer, run bigint) RETURNS escapement.pause LANGUAGE sql STABLE
	RETURN (
		SELECT p FROM escapement.pause p
		WHERE p.namespace_id = pause_of.namespace AND (
			p.kind = 'NAMESPACE' OR p.kind = 'JOB' AND p.target = pause_of.job::text OR p.kind = 'RUN' AND p.target = pause_of.run::text
			OR p.kind = 'GROUP' AND p.target = (SELECT q."group" FROM escapement.queue q WHERE q.id = pause_of.queue))
		ORDER BY p.paused_at LIMIT 1
	);
