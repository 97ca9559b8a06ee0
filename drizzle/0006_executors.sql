-- What a queue's runs ask of their executor is part of the queue: a claim reads the queues its executor fits.
ALTER TABLE "escapement"."queue" ADD COLUMN "requirement" jsonb DEFAULT '{}' NOT NULL;
--> statement-breakpoint
ALTER TABLE "escapement"."queue" ADD COLUMN "used_at" timestamp (3) with time zone DEFAULT escapement.clock() NOT NULL;
--> statement-breakpoint
DROP INDEX "escapement"."queue_once";
--> statement-breakpoint
CREATE UNIQUE INDEX "queue_once" ON "escapement"."queue" USING btree ("namespace_id","group","type","requirement");
--> statement-breakpoint
CREATE INDEX "queue_asking" ON "escapement"."queue" USING btree ("id") WHERE requirement <> '{}';
--> statement-breakpoint
ALTER TABLE "escapement"."executor" ADD COLUMN "max_load" jsonb;
--> statement-breakpoint
ALTER TABLE "escapement"."executor" ADD COLUMN "load_at" timestamp (3) with time zone;
--> statement-breakpoint
ALTER TABLE "escapement"."executor" ADD COLUMN "draining_at" timestamp (3) with time zone;
--> statement-breakpoint
ALTER TABLE "escapement"."executor" ADD COLUMN "drain_reason" text;
--> statement-breakpoint
ALTER TABLE "escapement"."executor" ADD COLUMN "offline_at" timestamp (3) with time zone;
--> statement-breakpoint
-- Only executors with a capacity have one; only claims write it, so heartbeats and claims never wait for each other.
CREATE TABLE "escapement"."seat" (
	"executor_id" integer PRIMARY KEY NOT NULL,
	"claims" bigint DEFAULT 0 NOT NULL
);
--> statement-breakpoint
ALTER TABLE "escapement"."seat" SET (fillfactor = 50);
--> statement-breakpoint
INSERT INTO "escapement"."seat" (executor_id) SELECT id FROM "escapement"."executor" WHERE capacity IS NOT NULL;
