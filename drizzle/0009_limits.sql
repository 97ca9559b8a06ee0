-- At most so many runs of a job with the same key at once: {key, max}, where `key` is a path into the input.
ALTER TABLE "escapement"."job_version" ADD COLUMN "max_parallel_per_key" jsonb;
--> statement-breakpoint
ALTER TABLE "escapement"."gate" DROP CONSTRAINT "gate_kind";
--> statement-breakpoint
ALTER TABLE "escapement"."gate" ADD CONSTRAINT "gate_kind" CHECK (kind in ('AFFINITY', 'OVERLAP', 'KEY_CONCURRENCY', 'CONCURRENCY', 'GROUP_CONCURRENCY'));
--> statement-breakpoint
-- The worker group whose runs a gate lets in. No run names it: those who ask look whether their group has a limit.
ALTER TABLE "escapement"."gate" ADD COLUMN "group" text;
--> statement-breakpoint
CREATE INDEX "gate_group" ON "escapement"."gate" USING btree ("namespace_id","group") WHERE "group" is not null;
--> statement-breakpoint
-- As before, and refuses what it cannot say: how a key is written down is core/input-key.ts's to decide.
CREATE OR REPLACE FUNCTION escapement.job_gates(version integer, priority smallint) RETURNS text
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	limited text;
BEGIN
	SELECT j.name INTO limited FROM escapement.job_version v JOIN escapement.job j ON j.id = v.job_id
	WHERE v.id = job_gates.version AND v.max_parallel_per_key IS NOT NULL;
	IF limited IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'S0005', MESSAGE = format('job: job "%s" limits its runs by a key of their input, which only the server reads', limited),
			HINT = 'Start it through the server, over GraphQL or POST /v1/runs.';
	END IF;
	RETURN coalesce((
		SELECT json_agg(json_build_object('gate', g.id, 'key', '',
			'rank', CASE WHEN g.kind = 'CONCURRENCY' OR g.policy IS NOT DISTINCT FROM 'SERIAL_PRIORITY' THEN -job_gates.priority ELSE 0 END)
			ORDER BY g.kind = 'CONCURRENCY')::text
		FROM escapement.job_version v JOIN escapement.gate g ON g.job_id = v.job_id
		WHERE v.id = job_gates.version
			AND CASE g.kind WHEN 'OVERLAP' THEN v.overlap <> 'PARALLEL' WHEN 'CONCURRENCY' THEN v.max_parallel IS NOT NULL END
	), (
		SELECT '[]' FROM escapement.job_version v JOIN escapement.job j ON j.id = v.job_id WHERE v.id = job_gates.version AND j.paused
	));
END
$$;
