/** The schema: every noun's file adds to the builder by being imported. */
import "./scalars.ts";
import "./namespace.ts";
import "./token.ts";
import "./job.ts";
import "./trigger.ts";
import "./trigger-changes.ts";
import "./schedule.ts";
import "./executor.ts";
import "./run.ts";
import "./run-lists.ts";
import "./run-changes.ts";
import "./pause.ts";
import "./pause-changes.ts";
import "./dead-letter.ts";
import "./lineage.ts";
import "./overview.ts";
import { lexicographicSortSchema, printSchema } from "graphql";
import { builder } from "./builder.ts";
import { guardSchema } from "./rules.ts";

export const schema = guardSchema(builder.toSchema());

/** The text of schema.graphql. */
export function printedSchema(): string {
  return `${printSchema(lexicographicSortSchema(schema))}\n`;
}
