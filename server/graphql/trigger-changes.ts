/** Triggers created, changed, run, reset and deleted. trigger-pause.ts pauses them. */
import { durationMs } from "../core/duration.ts";
import { DEFAULT_MISFIRE, type Misfire } from "../core/trigger/misfire.ts";
import { createTrigger, deleteTrigger, updateTrigger } from "../store/trigger-changes.ts";
import { resetTrigger } from "../store/trigger-pauses.ts";
import { byName } from "./arguments.ts";
import { builder } from "./builder.ts";
import { whoIs } from "./caller.ts";
import { namespaceOf } from "./context.ts";
import { textOf } from "./json.ts";
import { readSchedule, ScheduleInput } from "./schedule.ts";
import { JITTER, MisfirePolicy, OnExcludedType, TriggerType, WINDOW } from "./trigger.ts";

const MisfireInput = builder.inputType("MisfireInput", {
  fields: (t) => ({
    policy: t.field({ type: MisfirePolicy, defaultValue: "FIRE_ONCE" }),
    threshold: t.field({ type: "Duration", defaultValue: "PT1M" }),
    limit: t.int({ defaultValue: 100, description: "Of FIRE_ALL: at most this many." }),
    window: t.field({ type: "Duration", description: WINDOW }),
  }),
});

const CALENDARS = "Names of calendars, all of which must include a time.";

const TriggerInput = builder.inputType("TriggerInput", {
  fields: (t) => ({
    namespace: t.string({ defaultValue: "default" }),
    name: t.string({ required: true }),
    job: t.string({ required: true }),
    group: t.string({ defaultValue: "default", description: "For pausing several triggers at once." }),
    schedule: t.field({ type: ScheduleInput, required: true }),
    startAt: t.field({ type: "DateTime" }),
    endAt: t.field({ type: "DateTime", description: "Inclusive." }),
    jitter: t.field({ type: "Duration", description: JITTER }),
    misfire: t.field({ type: MisfireInput }),
    calendars: t.stringList({ description: CALENDARS }),
    onExcluded: t.field({ type: OnExcludedType, defaultValue: "SKIP" }),
    priority: t.int({ description: "Unset: the job's." }),
    input: t.field({ type: "JSON", description: "Unset: the job's." }),
    paused: t.boolean({ defaultValue: false }),
  }),
});

const TriggerPatch = builder.inputType("TriggerPatch", {
  description: "What is absent stays as it is; null clears times, jitter, calendars, priority and input.",
  fields: (t) => ({
    job: t.string({ description: "Another job of the namespace." }),
    group: t.string(),
    schedule: t.field({ type: ScheduleInput }),
    startAt: t.field({ type: "DateTime" }),
    endAt: t.field({ type: "DateTime", description: "Inclusive." }),
    jitter: t.field({ type: "Duration", description: JITTER }),
    misfire: t.field({ type: MisfireInput }),
    calendars: t.stringList({ description: CALENDARS }),
    onExcluded: t.field({ type: OnExcludedType }),
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

function readMisfire({ policy, threshold, limit, window }: typeof MisfireInput.$inferInput): Misfire {
  return {
    policy: policy ?? DEFAULT_MISFIRE.policy,
    thresholdMs: threshold == null ? DEFAULT_MISFIRE.thresholdMs : durationMs(threshold, "misfire.threshold"),
    limit: limit ?? DEFAULT_MISFIRE.limit,
    ...(window == null ? {} : { windowMs: durationMs(window, "misfire.window") }),
  };
}

const DRY_RUN = "Say in `changes` what it would do, and change nothing.";
const VERSION = "Refuse the change with CONFLICT unless this is the trigger's version.";

builder.mutationFields((t) => ({
  createTrigger: t.field({
    type: TriggerType,
    args: {
      input: t.arg({ type: TriggerInput, required: true }),
      dryRun: t.arg.boolean({ defaultValue: false, description: DRY_RUN }),
    },
    resolve: async (_root, { input, dryRun }, context) =>
      createTrigger(
        context.definitions,
        await namespaceOf(context, input.namespace),
        { ...input, ...readPatch(input), job: input.job, schedule: readSchedule(input.schedule) },
        { by: whoIs(context.principal), dryRun: dryRun ?? false },
      ),
  }),
  updateTrigger: t.field({
    type: TriggerType,
    args: {
      ...byName,
      input: t.arg({ type: TriggerPatch, required: true }),
      version: t.arg.int({ description: VERSION }),
      dryRun: t.arg.boolean({ defaultValue: false, description: DRY_RUN }),
    },
    resolve: async (_root, { namespace, name, input, version, dryRun }, context) =>
      updateTrigger(context.definitions, await namespaceOf(context, namespace), name, readPatch(input), {
        version,
        dryRun: dryRun ?? false,
      }),
  }),
  deleteTrigger: t.boolean({
    description: "Runs that it fired go on.",
    args: byName,
    resolve: async (_root, { namespace, name }, context) => {
      await deleteTrigger(context.definitions, await namespaceOf(context, namespace), name);
      return true;
    },
  }),
  resetTrigger: t.field({
    type: TriggerType,
    description:
      "Puts a trigger that is in ERROR back to work; its misfire policy decides about the times that passed meanwhile.",
    args: byName,
    resolve: async (_root, { namespace, name }, context) =>
      resetTrigger(context.definitions, await namespaceOf(context, namespace), name),
  }),
}));
