/** The schema: every noun's file adds to the builder by being imported. */
import "./scalars.ts";
import "./namespace.ts";
import "./token.ts";
import "./secret.ts";
import "./job.ts";
import "./trigger.ts";
import "./trigger-changes.ts";
import "./trigger-pause.ts";
import "./fire-changes.ts";
import "./occurrence.ts";
import "./calendar.ts";
import "./calendar-changes.ts";
import "./forecast.ts";
import "./preview.ts";
import "./schedule.ts";
import "./executor.ts";
import "./task-type.ts";
import "./run.ts";
import "./run-lists.ts";
import "./run-changes.ts";
import "./draft.ts";
import "./workflow-run.ts";
import "./workflow-changes.ts";
import "./pause.ts";
import "./pause-changes.ts";
import "./group.ts";
import "./trigger-run.ts";
import "./backfill.ts";
import "./time-zone.ts";
import "./dead-letter.ts";
import "./lineage.ts";
import "./overview.ts";
import { type GraphQLSchema, isInterfaceType, lexicographicSortSchema, printSchema } from "graphql";
import { builder } from "./builder.ts";
import { writeId } from "./id.ts";
import { guardSchema } from "./rules.ts";

export const schema = withPlainIds(guardSchema(builder.toSchema()));

/**
 * Has the ids of nodes answered at once. The relay plugin's are promises, one for each row of a list, and what is
 * promised comes after its neighbours in the answer, whatever order was asked for.
 */
function withPlainIds(schema: GraphQLSchema): GraphQLSchema {
  const node = schema.getType("Node");
  if (!isInterfaceType(node)) throw new Error("the schema has no Node");
  for (const type of schema.getPossibleTypes(node)) {
    const { id } = type.getFields();
    if (id) id.resolve = (row: { id: string | number }) => writeId(type.name, String(row.id));
  }
  return schema;
}

/** The text of schema.graphql. */
export function printedSchema(): string {
  return `${printSchema(lexicographicSortSchema(schema))}\n`;
}
