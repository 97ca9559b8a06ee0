/** Triggers created, changed, paused, resumed and deleted. */
import { durationMs } from "../core/duration.ts";
import { DEFAULT_MISFIRE, type Misfire } from "../core/trigger.ts";
import {
  createTrigger,
  deleteTrigger,
  pauseTrigger,
  resumeTrigger,
  updateTrigger,
} from "../store/trigger-changes.ts";
import { byName } from "./arguments.ts";
import { builder } from "./builder.ts";
import { namespaceOf } from "./context.ts";
import { textOf } from "./json.ts";
import { readSchedule, ScheduleInput } from "./schedule.ts";
import { JITTER, MisfirePolicy, TriggerType } from "./trigger.ts";

const MisfireInput = builder.inputType("MisfireInput", {
  fields: (t) => ({
    policy: t.field({ type: MisfirePolicy, defaultValue: "FIRE_ONCE" }),
    threshold: t.field({ type: "Duration", defaultValue: "PT1M" }),
    limit: t.int({ defaultValue: 100, description: "Of FIRE_ALL: at most this many." }),
  }),
});

const TriggerInput = builder.inputType("TriggerInput", {
  fields: (t) => ({
    namespace: t.string({ defaultValue: "default" }),
    name: t.string({ required: true }),
    job: t.string({ required: true }),
    schedule: t.field({ type: ScheduleInput, required: true }),
    startAt: t.field({ type: "DateTime" }),
    endAt: t.field({ type: "DateTime", description: "Inclusive." }),
    jitter: t.field({ type: "Duration", description: JITTER }),
    misfire: t.field({ type: MisfireInput }),
    priority: t.int({ description: "Unset: the job's." }),
    input: t.field({ type: "JSON", description: "Unset: the job's." }),
    paused: t.boolean({ defaultValue: false }),
  }),
});

const TriggerPatch = builder.inputType("TriggerPatch", {
  description: "What is absent stays as it is; null clears times, jitter, priority and input.",
  fields: (t) => ({
    schedule: t.field({ type: ScheduleInput }),
    startAt: t.field({ type: "DateTime" }),
    endAt: t.field({ type: "DateTime", description: "Inclusive." }),
    jitter: t.field({ type: "Duration", description: JITTER }),
    misfire: t.field({ type: MisfireInput }),
    priority: t.int(),
    input: t.field({ type: "JSON" }),
  }),
});

/** What the store takes of an input or a patch. */
function readPatch<Given extends typeof TriggerPatch.$inferInput>({
  schedule,
  jitter,
  misfire,
  input,
  ...rest
}: Given) {
  return {
    ...rest,
    schedule: schedule && readSchedule(schedule),
    jitterMs: jitter == null ? jitter : durationMs(jitter, "jitter"),
    misfire: misfire && readMisfire(misfire),
    input: textOf(input),
  };
}

function readMisfire({ policy, threshold, limit }: typeof MisfireInput.$inferInput): Misfire {
  return {
    policy: policy ?? DEFAULT_MISFIRE.policy,
    thresholdMs: threshold == null ? DEFAULT_MISFIRE.thresholdMs : durationMs(threshold, "misfire.threshold"),
    limit: limit ?? DEFAULT_MISFIRE.limit,
  };
}

builder.mutationFields((t) => ({
  createTrigger: t.field({
    type: TriggerType,
    args: { input: t.arg({ type: TriggerInput, required: true }) },
    resolve: async (_root, { input }, context) =>
      createTrigger(context.definitions, await namespaceOf(context, input.namespace), {
        ...input,
        ...readPatch(input),
        schedule: readSchedule(input.schedule),
      }),
  }),
  updateTrigger: t.field({
    type: TriggerType,
    args: { ...byName, input: t.arg({ type: TriggerPatch, required: true }) },
    resolve: async (_root, { namespace, name, input }, context) =>
      updateTrigger(context.definitions, await namespaceOf(context, namespace), name, readPatch(input)),
  }),
  deleteTrigger: t.boolean({
    description: "Runs that it fired go on.",
    args: byName,
    resolve: async (_root, { namespace, name }, context) => {
      await deleteTrigger(context.definitions, await namespaceOf(context, namespace), name);
      return true;
    },
  }),
  pauseTrigger: t.field({
    type: TriggerType,
    args: { ...byName, reason: t.arg.string() },
    resolve: async (_root, { namespace, name, reason }, context) =>
      pauseTrigger(context.definitions, await namespaceOf(context, namespace), name, reason ?? null),
  }),
  resumeTrigger: t.field({
    type: TriggerType,
    description: "It goes on with the first time from now on; those that passed are recorded as PAUSED.",
    args: byName,
    resolve: async (_root, { namespace, name }, context) =>
      resumeTrigger(context.definitions, await namespaceOf(context, namespace), name),
  }),
}));
