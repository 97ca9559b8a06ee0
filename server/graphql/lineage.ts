/** Where a run comes from: how often it was put back into the queue, which run it repeats, which ones repeat it. */
import { RERUNS_SHOWN, type Redrive } from "../store/lineage.ts";
import { builder } from "./builder.ts";
import { visible } from "./context.ts";
import { RunState, RunType } from "./run.ts";
import { failureOf, RunError } from "./run-parts.ts";

const RedriveType = builder.objectRef<Redrive>("Redrive").implement({
  description: "A run was put back into the queue.",
  fields: (t) => ({
    number: t.exposeInt("number", { description: "From 1." }),
    at: t.expose("at", { type: "DateTime" }),
    state: t.expose("state", { type: RunState, description: "What it had ended as." }),
    error: t.field({ type: RunError, nullable: true, resolve: failureOf }),
    edited: t.exposeBoolean("edited", { description: "It got another input." }),
    input: t.expose("input", {
      type: "JSON",
      nullable: true,
      description: "The one it had, when it got another; null: the job's.",
    }),
    inputBytes: t.expose("bytes", { type: "Base64", nullable: true }),
  }),
});

builder.objectFields(RunType, (t) => ({
  redrives: t.field({
    type: [RedriveType],
    description: "How often and when it was put back into the queue, first to last.",
    resolve: async ({ id }, _args, { load }) => (await load.redrives(id)) ?? [],
  }),
  rerunOf: t.field({
    type: RunType,
    nullable: true,
    description: "The run that this one repeats; null also when that is no longer kept.",
    resolve: async ({ id }, _args, context) => {
      const origin = await context.load.rerunOf(id);
      return origin === null ? null : visible(context, await context.load.run(origin));
    },
  }),
  reruns: t.field({
    type: [RunType],
    description: `The runs that repeat this one, newest first, at most ${RERUNS_SHOWN}.`,
    complexity: { field: 1, multiplier: RERUNS_SHOWN },
    resolve: async ({ id }, _args, context) => {
      const runs = await Promise.all(
        ((await context.load.reruns(id)) ?? []).map((one) => context.load.run(one)),
      );
      return runs.flatMap((run) => visible(context, run) ?? []);
    },
  }),
}));
