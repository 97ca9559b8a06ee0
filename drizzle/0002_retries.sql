-- Retry policies at every level: null means "as the next level says" (job, namespace, server).
ALTER TABLE escapement.namespace ADD COLUMN retry jsonb;
--> statement-breakpoint
ALTER TABLE escapement.job_version ALTER COLUMN retry DROP NOT NULL;
--> statement-breakpoint
-- What a job says about runs that could only start late.
ALTER TABLE escapement.job_version ADD COLUMN late text NOT NULL DEFAULT 'RUN',
	ADD CONSTRAINT job_version_late CHECK (late in ('RUN', 'SKIP'));
--> statement-breakpoint
-- A run's own policy, what its attempts saved for the next one, and when it is too late for its first start.
-- Null for nearly all runs, where they cost a bit each in a bitmap that is there anyway.
ALTER TABLE escapement.waiting ADD COLUMN retry jsonb, ADD COLUMN checkpoint text,
	ADD COLUMN skip_at timestamp (3) with time zone;
--> statement-breakpoint
ALTER TABLE escapement.ready ADD COLUMN retry jsonb, ADD COLUMN checkpoint text,
	ADD COLUMN skip_at timestamp (3) with time zone;
--> statement-breakpoint
ALTER TABLE escapement.lease ADD COLUMN retry jsonb, ADD COLUMN checkpoint text;
--> statement-breakpoint
ALTER TABLE escapement.ended ADD COLUMN retry jsonb, ADD COLUMN checkpoint text;
--> statement-breakpoint
ALTER TABLE escapement.staged ADD COLUMN retry jsonb, ADD COLUMN checkpoint text,
	ADD COLUMN skip_at timestamp (3) with time zone;
--> statement-breakpoint
CREATE INDEX waiting_skip ON escapement.waiting USING btree (skip_at) WHERE skip_at is not null;
--> statement-breakpoint
CREATE INDEX ready_skip ON escapement.ready USING btree (skip_at) WHERE skip_at is not null;
