/** Pauses of triggers: of one, a group, those of a job, of a namespace, of everything. */
import { checkName } from "../core/name.ts";
import { badInput, forbidden, notFound } from "../core/rejection.ts";
import { findJob } from "../store/jobs.ts";
import { pauseTrigger, pauseTriggers, resumeTrigger, resumeTriggers } from "../store/trigger-pauses.ts";
import {
  listTriggerPauses,
  TRIGGER_PAUSE_KINDS,
  type TriggerPause,
  type TriggerScope,
} from "../store/trigger-scopes.ts";
import { byName } from "./arguments.ts";
import { builder } from "./builder.ts";
import { whoIs } from "./caller.ts";
import { type Context, namespaceOf, namespaceShown } from "./context.ts";
import { MisfirePolicy, TriggerType } from "./trigger.ts";

const UNTIL = "When it ends by itself; unset: when somebody resumes.";
const MISSED =
  "What becomes of the times that passed meanwhile; unset: as each trigger's misfire policy says.";

const TriggerPauseType = builder.objectRef<TriggerPause>("TriggerPause").implement({
  description: "What keeps triggers from firing. A trigger is PAUSED while some pause is about it.",
  fields: (t) => ({
    namespace: t.string({
      nullable: true,
      description: "Null: of every namespace.",
      resolve: ({ namespaceId }, _args, { catalog }) =>
        namespaceId === null ? null : catalog.namespaceName(namespaceId),
    }),
    kind: t.expose("kind", {
      type: builder.enumType("TriggerPauseKind", { values: TRIGGER_PAUSE_KINDS }),
    }),
    target: t.string({
      description: "The name of the trigger, the group or the job; empty for others.",
      resolve: async ({ kind, target }, _args, { load }) => {
        if (kind === "TRIGGER") return (await load.trigger(Number(target)))?.name ?? "";
        return kind === "JOB" ? ((await load.job(Number(target)))?.name ?? "") : target;
      },
    }),
    by: t.exposeString("pausedBy", { description: "The id of a token, or who needed none." }),
    reason: t.exposeString("reason", { nullable: true }),
    at: t.expose("pausedAt", { type: "DateTime" }),
    until: t.expose("until", { type: "DateTime", nullable: true, description: UNTIL }),
  }),
});

builder.objectField(TriggerType, "pauses", (t) =>
  t.field({
    type: [TriggerPauseType],
    description: "What keeps it from firing, the narrowest first.",
    resolve: async ({ id }, _args, { load }) => (await load.triggerPauses(id)) ?? [],
  }),
);

builder.queryField("triggerPauses", (t) =>
  t.field({
    type: [TriggerPauseType],
    description: "Oldest first, the first 1,000.",
    args: { namespace: t.arg.string() },
    resolve: async (_root, { namespace }, context) =>
      listTriggerPauses(context.database.sql, await namespaceShown(context, namespace)),
  }),
);

const GroupScope = builder.inputType("TriggerGroupScope", {
  fields: (t) => ({ namespace: t.string({ defaultValue: "default" }), group: t.string({ required: true }) }),
});
const JobScope = builder.inputType("TriggersOfJobScope", {
  fields: (t) => ({ namespace: t.string({ defaultValue: "default" }), job: t.string({ required: true }) }),
});
const Scope = builder.inputType("TriggerScope", {
  isOneOf: true,
  description: "Triggers to pause together; those that join them later are paused, too.",
  fields: (t) => ({
    group: t.field({ type: GroupScope }),
    job: t.field({ type: JobScope }),
    namespace: t.string(),
    everything: t.boolean({ description: "`true`: the triggers of every namespace." }),
  }),
});

async function scopeOf(context: Context, scope: typeof Scope.$inferInput): Promise<TriggerScope> {
  const { group, job, namespace, everything } = scope;
  if (group) {
    const namespaceId = await namespaceOf(context, group.namespace, "scope.group.namespace");
    return { namespaceId, kind: "GROUP", target: checkName(group.group, "scope.group.group") };
  }
  if (job) {
    const namespaceId = await namespaceOf(context, job.namespace, "scope.job.namespace");
    const found = await findJob(context.database.sql, namespaceId, job.job);
    if (!found) throw notFound(`job "${job.job}"`, "scope.job.job");
    return { namespaceId, kind: "JOB", target: String(found.id) };
  }
  if (namespace != null) {
    const namespaceId = await namespaceOf(context, namespace, "scope.namespace");
    return { namespaceId, kind: "NAMESPACE", target: "" };
  }
  if (everything !== true) throw badInput("scope.everything", "must be true, or be left out");
  if (context.principal.namespaceId !== null)
    throw forbidden(
      "the triggers of every namespace can be paused and resumed only by a token for all of them",
    );
  return { namespaceId: null, kind: "EVERYTHING", target: "" };
}

builder.mutationFields((t) => ({
  pauseTrigger: t.field({
    type: TriggerType,
    description: "Pausing what is paused replaces who, why and until when.",
    args: { ...byName, reason: t.arg.string(), until: t.arg({ type: "DateTime", description: UNTIL }) },
    resolve: async (_root, { namespace, name, reason, until }, context) =>
      pauseTrigger(context.definitions, await namespaceOf(context, namespace), name, {
        by: whoIs(context.principal),
        reason: reason ?? null,
        until: until ?? null,
      }),
  }),
  resumeTrigger: t.field({
    type: TriggerType,
    description: "What does not fire of the times that passed meanwhile is recorded as PAUSED.",
    args: { ...byName, missed: t.arg({ type: MisfirePolicy, description: MISSED }) },
    resolve: async (_root, { namespace, name, missed }, context) =>
      resumeTrigger(context.definitions, await namespaceOf(context, namespace), name, missed ?? null),
  }),
  pauseTriggers: t.field({
    type: TriggerPauseType,
    description: "Runs that have been fired go on. Pausing what is paused replaces who, why and until when.",
    args: {
      scope: t.arg({ type: Scope, required: true }),
      reason: t.arg.string(),
      until: t.arg({ type: "DateTime", description: UNTIL }),
    },
    resolve: async (_root, { scope, reason, until }, context) =>
      pauseTriggers(context.definitions, await scopeOf(context, scope), {
        by: whoIs(context.principal),
        reason: reason ?? null,
        until: until ?? null,
      }),
  }),
  resumeTriggers: t.int({
    description:
      "Lifts that pause; returns how many triggers go on. Those that another pause is about do not.",
    args: {
      scope: t.arg({ type: Scope, required: true }),
      missed: t.arg({ type: MisfirePolicy, description: MISSED }),
    },
    resolve: async (_root, { scope, missed }, context) =>
      resumeTriggers(context.definitions, await scopeOf(context, scope), missed ?? null),
  }),
}));
