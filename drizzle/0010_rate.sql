-- At most so many starts of a job in any interval of a length: {max, everyMs, key}, where `key` is a path into the input or null.
ALTER TABLE "escapement"."job_version" ADD COLUMN "rate" jsonb;
--> statement-breakpoint
ALTER TABLE "escapement"."gate" ADD COLUMN "every_ms" bigint;
--> statement-breakpoint
ALTER TABLE "escapement"."gate" DROP CONSTRAINT "gate_kind";
--> statement-breakpoint
ALTER TABLE "escapement"."gate" ADD CONSTRAINT "gate_kind" CHECK (kind in ('AFFINITY', 'OVERLAP', 'KEY_CONCURRENCY', 'CONCURRENCY', 'GROUP_CONCURRENCY', 'RATE'));
--> statement-breakpoint
-- What counts at a rate: an attempt that was let in, and when it began; 'infinity' while it has not.
CREATE TABLE "escapement"."recent_start" (
	"run_id" bigint NOT NULL,
	"fence" integer NOT NULL,
	"gate_id" integer NOT NULL,
	"key" text NOT NULL,
	"started_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "recent_start_once" PRIMARY KEY("run_id","fence")
);
--> statement-breakpoint
CREATE INDEX "recent_start_window" ON "escapement"."recent_start" USING btree ("gate_id","key","started_at");
--> statement-breakpoint
ALTER TABLE escapement.recent_start SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
--> statement-breakpoint
-- When the first in line at a rate may be let in: one row for each key that has a line.
CREATE TABLE "escapement"."rate_wake" (
	"gate_id" integer NOT NULL,
	"key" text NOT NULL,
	"wake_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "rate_wake_once" PRIMARY KEY("gate_id","key")
);
--> statement-breakpoint
CREATE INDEX "rate_wake_due" ON "escapement"."rate_wake" USING btree ("wake_at");
--> statement-breakpoint
ALTER TABLE escapement.rate_wake SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
--> statement-breakpoint
-- As before, and the gate of a rate.
CREATE OR REPLACE FUNCTION escapement.job_gates(version integer, priority smallint) RETURNS text
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	limited text;
BEGIN
	SELECT j.name INTO limited FROM escapement.job_version v JOIN escapement.job j ON j.id = v.job_id
	WHERE v.id = job_gates.version AND (v.max_parallel_per_key IS NOT NULL OR v.rate ->> 'key' IS NOT NULL);
	IF limited IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'S0005', MESSAGE = format('job: job "%s" limits its runs by a key of their input, which only the server reads', limited),
			HINT = 'Start it through the server, over GraphQL or POST /v1/runs.';
	END IF;
	RETURN coalesce((
		SELECT json_agg(json_build_object('gate', g.id, 'key', '',
			'rank', CASE WHEN g.kind <> 'OVERLAP' OR g.policy = 'SERIAL_PRIORITY' THEN -job_gates.priority ELSE 0 END)
			ORDER BY array_position('{OVERLAP,CONCURRENCY,RATE}', g.kind))::text
		FROM escapement.job_version v JOIN escapement.gate g ON g.job_id = v.job_id
		WHERE v.id = job_gates.version AND CASE g.kind
			WHEN 'OVERLAP' THEN v.overlap <> 'PARALLEL'
			WHEN 'CONCURRENCY' THEN v.max_parallel IS NOT NULL
			WHEN 'RATE' THEN v.rate IS NOT NULL END
	), (
		SELECT '[]' FROM escapement.job_version v JOIN escapement.job j ON j.id = v.job_id WHERE v.id = job_gates.version AND j.paused
	));
END
$$;
