/** What a change does to the fires of a trigger, as the answer of a mutation tells it. */
import type { FireChanges } from "../core/trigger/fire-changes.ts";
import { builder } from "./builder.ts";
import { TriggerType } from "./trigger.ts";

const MovedFire = builder.objectRef<FireChanges["moved"][number]>("MovedFire").implement({
  fields: (t) => ({
    from: t.expose("from", { type: "DateTime" }),
    to: t.expose("to", { type: "DateTime" }),
  }),
});

export const FireChangesType = builder.objectRef<FireChanges>("FireChanges").implement({
  description: "A trigger's fires of the next 30 days, before and after a change.",
  fields: (t) => ({
    from: t.expose("from", { type: "DateTime" }),
    until: t.expose("until", {
      type: "DateTime",
      description: "How far was compared: 30 days, or as far as a thousand fires go.",
    }),
    unchanged: t.exposeInt("unchanged"),
    added: t.expose("added", { type: ["DateTime"] }),
    removed: t.expose("removed", { type: ["DateTime"] }),
    moved: t.expose("moved", { type: [MovedFire] }),
  }),
});

builder.objectField(TriggerType, "changes", (t) =>
  t.field({
    type: FireChangesType,
    nullable: true,
    description: "What the mutation that answers with this trigger does to its fires; null elsewhere.",
    complexity: 10,
    resolve: ({ changes }) => changes?.() ?? null,
  }),
);
