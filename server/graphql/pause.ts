/** Pauses as they are shown. pause-changes.ts makes them. */
import { listPauses, PAUSE_KINDS, type Pause } from "../store/pauses.ts";
import { builder } from "./builder.ts";
import { namespaceShown } from "./context.ts";

export const PauseType = builder.objectRef<Pause>("Pause").implement({
  description: "What is paused does not start; running runs go on.",
  fields: (t) => ({
    namespace: t.string({
      resolve: ({ namespaceId }, _args, { catalog }) => catalog.namespaceName(namespaceId),
    }),
    kind: t.expose("kind", { type: builder.enumType("PauseKind", { values: PAUSE_KINDS }) }),
    target: t.exposeString("target", {
      description: "A group's name, a job's or a run's id; empty for the namespace.",
    }),
    by: t.exposeString("pausedBy", { description: "The id of a token, or who needed none." }),
    reason: t.exposeString("reason", { nullable: true }),
    at: t.expose("pausedAt", { type: "DateTime" }),
  }),
});

builder.queryField("pauses", (t) =>
  t.field({
    type: [PauseType],
    description: "Oldest first, the first 1,000.",
    args: { namespace: t.arg.string() },
    resolve: async (_root, { namespace }, context) =>
      listPauses(context.database.sql, await namespaceShown(context, namespace)),
  }),
);
