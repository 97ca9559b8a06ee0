/** A look ahead: when a schedule that is not in use yet, or a trigger, fires next. */
import type { InputShapeFromFields } from "@pothos/core";
import { durationMs } from "../core/duration.ts";
import { type FireTime, fireTime } from "../core/schedule/fire-time.ts";
import { checkJitter, jitterOffset } from "../core/schedule/jitter.ts";
import { checkSchedule, zoneOf } from "../core/schedule/schedule.ts";
import { scheduleInWords } from "../core/schedule/words.ts";
import { movedFrom } from "../core/trigger/allowed.ts";
import { checkOnExcluded, checkWindow, type TriggerDef } from "../core/trigger/definition.ts";
import { nextFires } from "../core/trigger.ts";
import { resolveCalendars } from "../store/calendars.ts";
import { readClock, under } from "../store/definitions.ts";
import { pageSize } from "../store/page.ts";
import { currentDefinition, seedOf, upcoming } from "../store/triggers.ts";
import { builder } from "./builder.ts";
import { type Context, namespaceOf } from "./context.ts";
import { readSchedule, ScheduleInput } from "./schedule.ts";
import { OnExcludedType, TriggerType } from "./trigger.ts";

const FireTimeType = builder.objectRef<FireTime>("FireTime").implement({
  description: "A time at which a trigger fires, as the clocks of its time zone show it.",
  fields: (t) => ({
    at: t.expose("at", { type: "DateTime" }),
    local: t.exposeString("local", { description: "The wall clock then: 2027-03-14T03:00:00." }),
    offset: t.exposeString("offset", { description: "Its offset from UTC: -04:00." }),
    note: t.exposeString("note", {
      nullable: true,
      description:
        "What the clocks do on that day, on a day on which they change; and whence a calendar has moved it.",
    }),
  }),
});

const previewArguments = builder.args((t) => ({
  schedule: t.field({ type: ScheduleInput, required: true }),
  calendars: t.stringList({ description: "Names of calendars of the namespace." }),
  onExcluded: t.field({ type: OnExcludedType, defaultValue: "SKIP" }),
  from: t.field({ type: "DateTime" }),
  first: t.int({ defaultValue: 10 }),
  startAt: t.field({ type: "DateTime" }),
  endAt: t.field({ type: "DateTime" }),
  jitter: t.field({ type: "Duration" }),
  namespace: t.string({ description: "The trigger's; unset: `default`." }),
  name: t.string({ description: "The trigger's, which H and jitter are hashed by." }),
}));

builder.queryFields((t) => ({
  previewSchedule: t.field({
    type: ["DateTime"],
    description: "The next fire times of a schedule, strictly after `from` (default: now).",
    args: previewArguments,
    resolve: async (_root, asked, context) => (await preview(asked, context)).fires,
  }),
  previewFires: t.field({
    type: [FireTimeType],
    description: "As `previewSchedule`, with what the clocks show.",
    args: previewArguments,
    resolve: async (_root, asked, context) => {
      const { def, fires } = await preview(asked, context);
      return fires.map((at) => shown(def, at));
    },
  }),
  describeSchedule: t.string({
    description: "A schedule in words: `At 07:30, Monday through Friday (Europe/Berlin)`.",
    args: {
      schedule: t.arg({ type: ScheduleInput, required: true }),
      namespace: t.arg.string({ description: "The trigger's; unset: `default`." }),
      name: t.arg.string({ description: "The trigger's, which H is hashed by." }),
    },
    resolve: async (_root, asked, context) => {
      const { schedule, seed } = await named(asked, context);
      return scheduleInWords(schedule, seed);
    },
  }),
}));

builder.objectField(TriggerType, "upcoming", (t) =>
  t.field({
    type: [FireTimeType],
    description: "As `nextFires`, with what the clocks show.",
    args: { first: t.arg.int({ defaultValue: 10 }) },
    resolve: async (trigger, { first }, { catalog }) => {
      const def = await currentDefinition(catalog, trigger);
      const fires = await upcoming(catalog, trigger, pageSize(first ?? 10));
      return fires.map((at) => shown(def, at));
    },
  }),
);

function shown(def: TriggerDef, at: number): FireTime {
  const time = fireTime(zoneOf(def.schedule), at);
  const from = movedFrom(def, at - def.offsetMs);
  if (from === null) return time;
  const moved = `moved from ${fireTime(zoneOf(def.schedule), from).local.slice(0, 10)} by a calendar`;
  return { ...time, note: time.note === null ? moved : `${moved}; ${time.note}` };
}

/** A schedule that is checked, and what its H is hashed by. */
async function named(
  asked: Pick<InputShapeFromFields<typeof previewArguments>, "schedule" | "namespace" | "name">,
  context: Context,
) {
  const { namespace, name } = asked;
  const schedule = readSchedule(asked.schedule);
  // Who may not see `default` may still preview, as long as no trigger is named.
  const isNamed = namespace != null || name != null;
  const namespaceId = isNamed ? await namespaceOf(context, namespace) : 0;
  const seed = seedOf({ namespaceId, name: name ?? "" });
  under(`schedule.${schedule.kind}`, () => checkSchedule(schedule, seed));
  return { schedule, seed };
}

async function preview(
  asked: InputShapeFromFields<typeof previewArguments>,
  context: Context,
): Promise<{ def: TriggerDef; fires: number[] }> {
  const { startAt = null, endAt = null, from, first, jitter, namespace } = asked;
  checkWindow(startAt, endAt);
  const { schedule, seed } = await named(asked, context);
  const jitterMs = jitter == null ? null : durationMs(jitter, "jitter");
  if (jitterMs !== null) checkJitter(jitterMs, schedule);
  const onExcluded = asked.onExcluded ?? "SKIP";
  checkOnExcluded(onExcluded, schedule, seed);
  const { sql } = context.database;
  const names = asked.calendars ?? [];
  const chain =
    names.length === 0
      ? []
      : (await resolveCalendars(sql, await namespaceOf(context, namespace), names)).versionIds;
  const calendars = await context.catalog.calendars(chain);
  const after = from ?? (await readClock(sql)).getTime();
  const offsetMs = jitterOffset(seed, jitterMs);
  const def = {
    schedule,
    startAt,
    endAt,
    anchorAt: after,
    firedCount: 0,
    seed,
    offsetMs,
    calendars,
    onExcluded,
  };
  return { def, fires: nextFires(def, after, pageSize(first ?? 10)) };
}
