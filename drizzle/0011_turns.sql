-- Claims go by turn (server/core/turn.ts): a point of priority is worth an hour of waiting, so nothing waits forever. The
-- expression takes nothing but immutable steps, which `ready_at - interval` is not.
ALTER TABLE "escapement"."ready" ADD COLUMN "turn" timestamp (3) with time zone
	GENERATED ALWAYS AS (to_timestamp(date_part('epoch', ready_at - timestamptz '1970-01-01Z') - priority * 3600)) STORED NOT NULL;
--> statement-breakpoint
DROP INDEX "escapement"."ready_claim";
--> statement-breakpoint
CREATE INDEX "ready_claim" ON "escapement"."ready" USING btree ("queue_id","turn","id");
--> statement-breakpoint
-- Of equal turns the smaller id goes first, so ids of one millisecond have to tell who came first, too: with a cache,
-- each connection would have numbers of its own.
ALTER SEQUENCE escapement.run_number CACHE 1;
--> statement-breakpoint
-- The same in a gate's line, where ids say who came first: 22 of their bits are below the millisecond.
CREATE FUNCTION escapement.line_turn(run_id bigint, rank smallint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
	AS 'select run_id + rank * (3600000::bigint << 22)';
--> statement-breakpoint
DROP INDEX "escapement"."place_line";
--> statement-breakpoint
CREATE INDEX "place_line" ON "escapement"."place" USING btree ("gate_id","key",escapement.line_turn("run_id","rank"),"run_id") WHERE state = 'LINE';
--> statement-breakpoint
-- What a namespace gets of executors that work for several, and which executors those are.
ALTER TABLE "escapement"."namespace" ADD COLUMN "weight" smallint DEFAULT 1 NOT NULL CONSTRAINT "namespace_weight" CHECK (weight between 1 and 100);
--> statement-breakpoint
ALTER TABLE "escapement"."executor" ADD COLUMN "serves" integer[];
