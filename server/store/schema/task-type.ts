/** The table of what workers say of the task types that they serve, for drizzle. */
import { sql } from "drizzle-orm";
import { integer, primaryKey, text } from "drizzle-orm/pg-core";
import { escapement, instant, namespace } from "../schema.ts";

export const taskType = escapement.table(
  "task_type",
  {
    namespaceId: integer()
      .notNull()
      .references(() => namespace.id),
    type: text().notNull(),
    title: text(),
    description: text(),
    /** JSON Schemas as text: they are shown and never looked into, and text holds any JSON. */
    inputSchema: text(),
    outputSchema: text(),
    /** When an executor last registered it. */
    lastSeenAt: instant().notNull().default(sql`escapement.clock()`),
  },
  (t) => [primaryKey({ name: "task_type_once", columns: [t.namespaceId, t.type] })],
);
