/** Triggers, and what became of their due times. trigger-changes.ts changes them. */
import { scheduleInWords } from "../core/schedule/words.ts";
import type { OnExcluded } from "../core/trigger/definition.ts";
import type { Misfire } from "../core/trigger/misfire.ts";
import { pageSize } from "../store/page.ts";
import {
  findTrigger,
  listTriggers,
  seedOf,
  type Trigger,
  type TriggerState,
  upcoming,
} from "../store/triggers.ts";
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

export const WINDOW =
  "Times that were missed by more than this are not made up for, whatever the policy; unset: however long ago.";

const MisfireType = builder.objectRef<Misfire>("Misfire").implement({
  fields: (t) => ({
    policy: t.expose("policy", { type: MisfirePolicy }),
    threshold: t.expose("thresholdMs", { type: "Duration" }),
    limit: t.exposeInt("limit"),
    window: t.field({
      type: "Duration",
      nullable: true,
      description: WINDOW,
      resolve: ({ windowMs }) => windowMs,
    }),
  }),
});

export const OnExcludedType = builder.enumType("OnExcluded", {
  description: "What becomes of a time that a calendar excludes.",
  values: {
    SKIP: { description: "It does not fire." },
    NEXT_DAY: { description: "It fires at the same time of the next day that the calendars include." },
    PREVIOUS_DAY: { description: "It fires at the same time of the last day before that they include." },
  } satisfies Record<OnExcluded, object>,
});

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
    group: t.exposeString("group", { description: "For pausing several triggers at once." }),
    job: t.field({ type: JobType, resolve: ({ jobId }, _args, { load }) => present(load.job(jobId)) }),
    schedule: t.expose("schedule", { type: ScheduleType }),
    scheduleInWords: t.string({ resolve: (trigger) => scheduleInWords(trigger.schedule, seedOf(trigger)) }),
    onExcluded: t.expose("onExcluded", { type: OnExcludedType }),
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
    reason: t.string({
      nullable: true,
      description: "Why it is paused or in error.",
      resolve: async ({ id, state, reason }, _args, { load }) =>
        state === "PAUSED" ? (await load.triggerPauses(id))?.[0]?.reason : reason,
    }),
    version: t.exposeInt("version", { description: "Grows with every change of it and of its pauses." }),
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
      resolve: (trigger, { first }, { catalog }) => upcoming(catalog, trigger, pageSize(first ?? 10)),
    }),
    createdAt: t.expose("createdAt", { type: "DateTime" }),
    updatedAt: t.expose("updatedAt", { type: "DateTime" }),
  }),
});

export const TriggerConnection = builder.connectionObject({ type: TriggerType, name: "TriggerConnection" });

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
    group: t.string(),
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
