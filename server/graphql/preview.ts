/** A look ahead: when a schedule that is not in use yet, or a trigger, fires next. */
import type { InputShapeFromFields } from "@pothos/core";
import { durationMs } from "../core/duration.ts";
import { notFound } from "../core/rejection.ts";
import { type FireTime, fireTime } from "../core/schedule/fire-time.ts";
import { checkJitter, jitterOffset } from "../core/schedule/jitter.ts";
import { zoneOf } from "../core/schedule/schedule.ts";
import { checkSchedule, checkWindow, nextFires, type Schedule } from "../core/trigger.ts";
import { readClock, under } from "../store/definitions.ts";
import { pageSize } from "../store/page.ts";
import { seedOf, upcoming } from "../store/triggers.ts";
import { builder } from "./builder.ts";
import { type Context, namespaceOf } from "./context.ts";
import { readSchedule, ScheduleInput } from "./schedule.ts";
import { TriggerType } from "./trigger.ts";

const FireTimeType = builder.objectRef<FireTime>("FireTime").implement({
  description: "A time at which a trigger fires, as the clocks of its time zone show it.",
  fields: (t) => ({
    at: t.expose("at", { type: "DateTime" }),
    local: t.exposeString("local", { description: "The wall clock then: 2027-03-14T03:00:00." }),
    offset: t.exposeString("offset", { description: "Its offset from UTC: -04:00." }),
    note: t.exposeString("note", {
      nullable: true,
      description: "What the clocks do on that day, on a day on which they change.",
    }),
  }),
});

const previewArguments = builder.args((t) => ({
  schedule: t.field({ type: ScheduleInput, required: true }),
  calendars: t.stringList(),
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
      const { schedule, fires } = await preview(asked, context);
      return fires.map((at) => fireTime(zoneOf(schedule), at));
    },
  }),
}));

builder.objectField(TriggerType, "upcoming", (t) =>
  t.field({
    type: [FireTimeType],
    description: "As `nextFires`, with what the clocks show.",
    args: { first: t.arg.int({ defaultValue: 10 }) },
    resolve: (trigger, { first }) =>
      upcoming(trigger, pageSize(first ?? 10)).map((at) => fireTime(zoneOf(trigger.schedule), at)),
  }),
);

async function preview(
  asked: InputShapeFromFields<typeof previewArguments>,
  context: Context,
): Promise<{ schedule: Schedule; fires: number[] }> {
  const { startAt = null, endAt = null, from, first, jitter, namespace, name } = asked;
  const schedule = readSchedule(asked.schedule);
  checkWindow(startAt, endAt);
  // Who may not see `default` may still preview, as long as no trigger is named.
  const named = namespace != null || name != null;
  const namespaceId = named ? await namespaceOf(context, namespace) : 0;
  const seed = seedOf({ namespaceId, name: name ?? "" });
  under(`schedule.${schedule.kind}`, () => checkSchedule(schedule, seed));
  const jitterMs = jitter == null ? null : durationMs(jitter, "jitter");
  if (jitterMs !== null) checkJitter(jitterMs, schedule);
  const [calendar] = asked.calendars ?? [];
  if (calendar !== undefined) throw notFound(`calendar "${calendar}"`, "calendars");
  const after = from ?? (await readClock(context.database.sql)).getTime();
  const offsetMs = jitterOffset(seed, jitterMs);
  const def = { schedule, startAt, endAt, anchorAt: after, firedCount: 0, seed, offsetMs };
  return { schedule, fires: nextFires(def, after, pageSize(first ?? 10)) };
}
