-- Values are encrypted and decrypted by the servers, with keys that the database never sees.
CREATE TABLE "escapement"."secret" (
	"namespace_id" integer NOT NULL,
	"name" text NOT NULL,
	"cipher" "bytea" NOT NULL,
	"key_id" text NOT NULL,
	"version" integer DEFAULT 1 NOT NULL,
	"description" text,
	"created_at" timestamp (3) with time zone DEFAULT escapement.clock() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT escapement.clock() NOT NULL,
	"updated_by" text NOT NULL,
	CONSTRAINT "secret_name_once" PRIMARY KEY("namespace_id","name"),
	CONSTRAINT "secret_version_positive" CHECK (version >= 1)
);
--> statement-breakpoint
ALTER TABLE "escapement"."secret" ADD CONSTRAINT "secret_namespace_id_namespace_id_fk" FOREIGN KEY ("namespace_id") REFERENCES "escapement"."namespace"("id") ON DELETE no action ON UPDATE no action;
