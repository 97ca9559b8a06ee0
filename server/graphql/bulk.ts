/** Changes of many runs: counted first, done part by part. */
import type { BulkChange } from "../engine/engine.ts";
import { builder } from "./builder.ts";

export const BulkChangeType = builder
  .objectRef<BulkChange & { nextAt?: number | null }>("BulkChange")
  .implement({
    description: "What one call did of a change of many runs.",
    fields: (t) => ({
      matched: t.exposeInt("matched", { description: "Runs that matched before this call, beyond `after`." }),
      changed: t.exposeInt("changed"),
      cursor: t.exposeString("cursor", {
        nullable: true,
        description: "Pass it as `after` to go on; null when nothing is left.",
      }),
      nextAt: t.field({
        type: "DateTime",
        nullable: true,
        description: "Where the pace goes on: pass it as `startAt` of the next call.",
        resolve: ({ nextAt }) => nextAt,
      }),
    }),
  });

export const bulkArguments = builder.args((t) => ({
  dryRun: t.boolean({ defaultValue: false, description: "Count, and change nothing." }),
  limit: t.int({ description: "Runs that this call changes; at most, and by default, 10,000." }),
  after: t.string({ description: "The `cursor` of the call before." }),
}));
