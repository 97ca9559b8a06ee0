/** How long the outputs of runs are kept, in and out. */
import type { Retention as Value } from "../core/retention.ts";
import { builder } from "./builder.ts";

export const Retention = builder.objectRef<Value>("Retention").implement({
  description: "What is beyond either is deleted: logs and files of runs that have ended.",
  fields: (t) => ({
    age: t.field({ type: "Duration", nullable: true, resolve: ({ ageMs }) => ageMs }),
    count: t.exposeInt("count", { nullable: true }),
  }),
});

export const RetentionInput = builder.inputType("RetentionInput", {
  description:
    "How long logs and files of runs that have ended are kept; at most as long as the runs themselves.",
  fields: (t) => ({
    age: t.field({ type: "Duration", description: "Since the run's end." }),
    count: t.int({ description: "Of the newest runs of the job that left any." }),
  }),
});
