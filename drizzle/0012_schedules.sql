-- Triggers of one schedule need not all fire at once: each is put off by a part of this that is its own.
ALTER TABLE "escapement"."trigger" ADD COLUMN "jitter_ms" integer;
--> statement-breakpoint
ALTER TABLE "escapement"."trigger" ADD CONSTRAINT "trigger_jitter" CHECK (jitter_ms > 0);
