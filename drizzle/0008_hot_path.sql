-- A lease that is plain to settle says so itself, and one index serves both what executors hold and what they asked for.
ALTER TABLE "escapement"."lease" ADD COLUMN "has_staged" boolean DEFAULT false NOT NULL;
--> statement-breakpoint
UPDATE "escapement"."lease" l SET "has_staged" = true WHERE EXISTS (SELECT FROM "escapement"."staged" s WHERE s."parent_id" = l."id" AND s."secret" = l."secret");
--> statement-breakpoint
DROP INDEX "escapement"."lease_request";
--> statement-breakpoint
DROP INDEX "escapement"."lease_executor";
--> statement-breakpoint
CREATE INDEX "lease_executor" ON "escapement"."lease" USING btree ("executor_id","request_id");
--> statement-breakpoint
ALTER TABLE "escapement"."executor" ADD COLUMN "counts_itself" boolean DEFAULT false NOT NULL;
