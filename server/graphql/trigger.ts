/** Triggers, and what became of their due times. trigger-changes.ts changes them. */
import type { Misfire } from "../core/trigger.ts";
import { listOccurrences, OCCURRENCE_OUTCOMES, type Occurrence } from "../store/occurrences.ts";
import { pageSize } from "../store/page.ts";
import { findTrigger, listTriggers, type Trigger, type TriggerState, upcoming } from "../store/triggers.ts";
import { byName } from "./arguments.ts";
import { builder } from "./builder.ts";
import { connectionOf, pageArguments, pageCost } from "./connection.ts";
import { namespaceOf, namespaceShown, present, visible } from "./context.ts";
import { JobType } from "./job.ts";
import { ScheduleType } from "./schedule.ts";

const TriggerStateType = builder.enumType("TriggerState", {
  values: {
    NORMAL: { description: "It fires when it is due." },
    PAUSED: { description: "Somebody paused it." },
    BLOCKED: { description: "It waits for the end of its run." },
    COMPLETE: { description: "It will not fire again." },
    ERROR: { description: "It cannot fire; see `reason`." },
  } satisfies Record<TriggerState, object>,
});

export const MisfirePolicy = builder.enumType("MisfirePolicy", {
  description: "What becomes of due times that were missed by more than the threshold.",
  values: {
    SKIP: { description: "None of them fires." },
    FIRE_ONCE: { description: "The latest fires." },
    FIRE_ALL: { description: "The latest `limit` fire." },
  } satisfies Record<Misfire["policy"], object>,
});

const MisfireType = builder.objectRef<Misfire>("Misfire").implement({
  fields: (t) => ({
    policy: t.expose("policy", { type: MisfirePolicy }),
    threshold: t.expose("thresholdMs", { type: "Duration" }),
    limit: t.exposeInt("limit"),
  }),
});

export const OccurrenceType = builder.objectRef<Occurrence>("Occurrence").implement({
  description: "One nominal due time of a trigger and what became of it.",
  fields: (t) => ({
    scheduledAt: t.expose("scheduledAt", { type: "DateTime" }),
    until: t.expose("until", {
      type: "DateTime",
      nullable: true,
      description: "The last of them when this stands for a range of times that were passed over.",
    }),
    count: t.exposeInt("count"),
    outcome: t.expose("outcome", {
      type: builder.enumType("OccurrenceOutcome", { values: OCCURRENCE_OUTCOMES }),
    }),
    firedAt: t.expose("firedAt", { type: "DateTime", nullable: true }),
  }),
});

const OccurrenceConnection = builder.connectionObject({ type: OccurrenceType, name: "OccurrenceConnection" });

export const JITTER =
  "Every time is put off by up to this: by how much is the trigger's own and never changes.";

export const TriggerType = builder.objectRef<Trigger>("Trigger");

builder.node(TriggerType, {
  id: { resolve: ({ id }) => String(id) },
  loadOne: async (id, context) => visible(context, await context.load.trigger(Number(id))),
  fields: (t) => ({
    namespace: t.string({
      resolve: ({ namespaceId }, _args, { catalog }) => catalog.namespaceName(namespaceId),
    }),
    name: t.exposeString("name"),
    job: t.field({ type: JobType, resolve: ({ jobId }, _args, { load }) => present(load.job(jobId)) }),
    schedule: t.expose("schedule", { type: ScheduleType }),
    startAt: t.expose("startAt", { type: "DateTime", nullable: true }),
    endAt: t.expose("endAt", {
      type: "DateTime",
      nullable: true,
      description: "The last instant at which it may be due.",
    }),
    jitter: t.expose("jitterMs", { type: "Duration", nullable: true, description: JITTER }),
    misfire: t.expose("misfire", { type: MisfireType }),
    priority: t.exposeInt("priority", { nullable: true, description: "Null: the job's." }),
    input: t.expose("input", { type: "JSON", nullable: true, description: "Null: the job's." }),
    state: t.expose("state", { type: TriggerStateType }),
    reason: t.exposeString("reason", { nullable: true, description: "Why it is paused or in error." }),
    firedCount: t.exposeInt("firedCount"),
    nextFireAt: t.field({
      type: "DateTime",
      nullable: true,
      description: "Null while it is paused, blocked or over.",
      resolve: ({ state, nextAt }) => (state === "NORMAL" ? nextAt : null),
    }),
    lastFireAt: t.expose("lastAt", {
      type: "DateTime",
      nullable: true,
      description: "The due time that fired last.",
    }),
    nextFires: t.field({
      type: ["DateTime"],
      description: "None while it is paused, blocked or over. A fixed delay's are the earliest possible.",
      args: { first: t.arg.int({ defaultValue: 10 }) },
      resolve: (trigger, { first }) => upcoming(trigger, pageSize(first ?? 10)),
    }),
    occurrences: t.field({
      type: OccurrenceConnection,
      description: "Newest first.",
      complexity: pageCost,
      args: pageArguments,
      resolve: async ({ id }, page, { database }) =>
        connectionOf(await listOccurrences(database.sql, id, page)),
    }),
    createdAt: t.expose("createdAt", { type: "DateTime" }),
    updatedAt: t.expose("updatedAt", { type: "DateTime" }),
  }),
});

const TriggerConnection = builder.connectionObject({ type: TriggerType, name: "TriggerConnection" });

builder.objectField(JobType, "triggers", (t) =>
  t.field({
    type: TriggerConnection,
    description: "By name.",
    complexity: pageCost,
    args: pageArguments,
    resolve: async ({ id, namespaceId }, page, { database }) =>
      connectionOf(await listTriggers(database.sql, namespaceId, { jobId: id }, page)),
  }),
);

const TriggerFilter = builder.inputType("TriggerFilter", {
  fields: (t) => ({
    job: t.string({ description: "The job's name." }),
    state: t.field({ type: TriggerStateType }),
    search: t.string({ description: "A part of the name, in any letter case." }),
  }),
});

builder.queryFields((t) => ({
  trigger: t.field({
    type: TriggerType,
    nullable: true,
    args: byName,
    resolve: async (_root, { namespace, name }, context) =>
      findTrigger(context.database.sql, await namespaceOf(context, namespace), name),
  }),
  triggers: t.field({
    type: TriggerConnection,
    description: "By name.",
    complexity: pageCost,
    args: { namespace: t.arg.string(), filter: t.arg({ type: TriggerFilter }), ...pageArguments },
    resolve: async (_root, { namespace, filter, ...page }, context) =>
      connectionOf(
        await listTriggers(
          context.database.sql,
          await namespaceShown(context, namespace),
          filter ?? {},
          page,
        ),
      ),
  }),
}));

builder.subscriptionField("triggerChanged", (t) =>
  t.field({
    type: TriggerType,
    description:
      "A trigger was created or changed, or it fired. When one is deleted, its job is what changed.",
    args: { namespace: t.arg.string() },
    subscribe: async (_root, { namespace }, context) =>
      context.live.triggers(context, await namespaceShown(context, namespace)),
    resolve: (trigger: Trigger) => trigger,
  }),
);
