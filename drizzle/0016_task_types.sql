CREATE TABLE "escapement"."task_type" (
	"namespace_id" integer NOT NULL,
	"type" text NOT NULL,
	"title" text,
	"description" text,
	"input_schema" text,
	"output_schema" text,
	"last_seen_at" timestamp (3) with time zone DEFAULT escapement.clock() NOT NULL,
	CONSTRAINT "task_type_once" PRIMARY KEY("namespace_id","type")
);
--> statement-breakpoint
ALTER TABLE "escapement"."task_type" ADD CONSTRAINT "task_type_namespace_id_namespace_id_fk" FOREIGN KEY ("namespace_id") REFERENCES "escapement"."namespace"("id") ON DELETE no action ON UPDATE no action;