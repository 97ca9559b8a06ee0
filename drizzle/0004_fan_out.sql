-- What a waiter waits for: AFTER that run's end; JOIN its end and that of all that it starts, and the result is the
-- waiter's; LINE only that of all that it starts.
ALTER TABLE escapement.dependency ADD COLUMN kind text NOT NULL DEFAULT 'AFTER';
--> statement-breakpoint
ALTER TABLE escapement.dependency ADD CONSTRAINT dependency_kind CHECK (kind in ('AFTER', 'JOIN', 'LINE'));
--> statement-breakpoint
-- Turns over completely, like the tables of live runs.
ALTER TABLE escapement.dependency SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0);
--> statement-breakpoint
ALTER TABLE escapement.staged ADD COLUMN after_ids bigint[];
--> statement-breakpoint
ALTER TABLE escapement.staged ADD COLUMN join_ids bigint[];
--> statement-breakpoint
-- The runs whose results a join is given: written when each ends, read page by page.
CREATE TABLE escapement.joined (
	join_id bigint NOT NULL,
	run_id bigint NOT NULL,
	CONSTRAINT joined_once PRIMARY KEY (join_id, run_id)
) PARTITION BY RANGE (join_id);
--> statement-breakpoint
CREATE TABLE escapement.joined_default PARTITION OF escapement.joined DEFAULT;
--> statement-breakpoint
-- What an ended run had started is looked for among the running, too.
CREATE INDEX lease_parent ON escapement.lease USING btree (parent_id, id) WHERE parent_id is not null;
--> statement-breakpoint
ALTER TABLE escapement.job_version ADD COLUMN execution text NOT NULL DEFAULT 'SINGLE';
--> statement-breakpoint
ALTER TABLE escapement.job_version ADD CONSTRAINT job_version_execution CHECK (execution in ('SINGLE', 'BROADCAST', 'MAP', 'MAP_REDUCE'));
--> statement-breakpoint
-- Runs of jobs that go by steps and are not the first one.
CREATE TABLE escapement.part (
	run_id bigint PRIMARY KEY,
	step text NOT NULL,
	CONSTRAINT part_step CHECK (step in ('PART', 'REDUCE'))
) PARTITION BY RANGE (run_id);
--> statement-breakpoint
CREATE TABLE escapement.part_default PARTITION OF escapement.part DEFAULT;
