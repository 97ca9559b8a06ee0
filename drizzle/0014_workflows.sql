-- Workflows: what goes on in one, and the control plane's own runs, which no executor has.
CREATE TABLE "escapement"."node_cache" (
	"namespace_id" integer NOT NULL,
	"key" "bytea" NOT NULL,
	"run_id" bigint NOT NULL,
	"used_at" timestamp (3) with time zone DEFAULT escapement.clock() NOT NULL,
	CONSTRAINT "node_cache_once" PRIMARY KEY("namespace_id","key")
);
--> statement-breakpoint
CREATE TABLE "escapement"."workflow_draft" (
	"namespace_id" integer NOT NULL,
	"name" text NOT NULL,
	"content" text NOT NULL,
	"revision" integer DEFAULT 1 NOT NULL,
	"saved_by" text NOT NULL,
	"saved_at" timestamp (3) with time zone DEFAULT escapement.clock() NOT NULL,
	CONSTRAINT "workflow_draft_once" PRIMARY KEY("namespace_id","name")
);
--> statement-breakpoint
CREATE TABLE "escapement"."workflow_member" (
	"run_id" bigint NOT NULL,
	"place" integer NOT NULL,
	"member_id" bigint NOT NULL,
	"handed_on" text,
	CONSTRAINT "workflow_member_once" PRIMARY KEY("run_id","place")
) PARTITION BY RANGE ("run_id");
--> statement-breakpoint
CREATE TABLE "escapement"."workflow_member_default" PARTITION OF "escapement"."workflow_member" DEFAULT;
--> statement-breakpoint
CREATE TABLE "escapement"."workflow_run" (
	"run_id" bigint PRIMARY KEY NOT NULL,
	"states" text NOT NULL,
	"chosen" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"options" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"members" text,
	"resume" jsonb,
	"halt" text,
	"fault" text,
	CONSTRAINT "workflow_run_states" CHECK (states ~ '^[PRSFIOKXCB]*$'),
	CONSTRAINT "workflow_run_halt" CHECK (halt in ('FAILED', 'CANCELLED', 'TIMED_OUT'))
) PARTITION BY RANGE ("run_id");
--> statement-breakpoint
CREATE TABLE "escapement"."workflow_run_default" PARTITION OF "escapement"."workflow_run" DEFAULT;
--> statement-breakpoint
CREATE TABLE "escapement"."workflow_signal" (
	"run_id" bigint NOT NULL,
	"name" text NOT NULL,
	"payload" text,
	"sent_by" text NOT NULL,
	"sent_at" timestamp (3) with time zone DEFAULT escapement.clock() NOT NULL,
	CONSTRAINT "workflow_signal_once" PRIMARY KEY("run_id","name")
) PARTITION BY RANGE ("run_id");
--> statement-breakpoint
CREATE TABLE "escapement"."workflow_signal_default" PARTITION OF "escapement"."workflow_signal" DEFAULT;
--> statement-breakpoint
ALTER TABLE "escapement"."attempt" ALTER COLUMN "executor_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "escapement"."lease" ALTER COLUMN "executor_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "escapement"."job" ADD COLUMN "workflow_id" integer;--> statement-breakpoint
ALTER TABLE "escapement"."job" ADD COLUMN "node" text;--> statement-breakpoint
ALTER TABLE "escapement"."job_version" ADD COLUMN "workflow" text;--> statement-breakpoint
ALTER TABLE "escapement"."job_version" ADD COLUMN "control" text;--> statement-breakpoint
ALTER TABLE "escapement"."job_version" ADD COLUMN "warn_ms" bigint;--> statement-breakpoint
ALTER TABLE "escapement"."lease" ADD COLUMN "warned_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "escapement"."node_cache" ADD CONSTRAINT "node_cache_namespace_id_namespace_id_fk" FOREIGN KEY ("namespace_id") REFERENCES "escapement"."namespace"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "escapement"."workflow_draft" ADD CONSTRAINT "workflow_draft_namespace_id_namespace_id_fk" FOREIGN KEY ("namespace_id") REFERENCES "escapement"."namespace"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "node_cache_used" ON "escapement"."node_cache" USING btree ("used_at");--> statement-breakpoint
CREATE INDEX "workflow_member_run" ON "escapement"."workflow_member" USING btree ("run_id","member_id");--> statement-breakpoint
CREATE INDEX "job_of_workflow" ON "escapement"."job" USING btree ("workflow_id") WHERE workflow_id is not null;--> statement-breakpoint
CREATE INDEX "lease_own" ON "escapement"."lease" USING btree ("id") WHERE executor_id is null;--> statement-breakpoint
ALTER TABLE "escapement"."job" ADD CONSTRAINT "job_node" CHECK ((workflow_id is null) = (node is null));--> statement-breakpoint
ALTER TABLE "escapement"."attempt" DROP CONSTRAINT "attempt_outcome";--> statement-breakpoint
ALTER TABLE "escapement"."attempt" ADD CONSTRAINT "attempt_outcome" CHECK (outcome in ('FAILED', 'TIMED_OUT', 'LOST', 'RELEASED', 'CANCELLED', 'SUCCEEDED'));
