/** Schedules, in and out. preview.ts looks ahead. */
import { durationMs, parseDuration } from "../core/duration.ts";
import { badInput } from "../core/rejection.ts";
import { formatInterval, readInterval } from "../core/schedule/calendar-interval.ts";
import { WEEKDAYS } from "../core/schedule/daily-time-interval.ts";
import type { Schedule } from "../core/schedule/schedule.ts";
import { under } from "../store/definitions.ts";
import { builder } from "./builder.ts";

const COUNTED_FROM_START =
  "Counted from the trigger's start: P1M or P2W keeps the time of day, PT6H follows elapsed time.";
const COUNTED_FROM_OPENING = "Counted from the window's opening, on each day anew, in elapsed time.";
const WINDOW_END = "Inclusive. Before `from`, the window goes on past midnight.";
const ZONE = "An IANA name such as Europe/Berlin.";

type ScheduleOf<Kind extends Schedule["kind"]> = Extract<Schedule, { kind: Kind }>;

export const CronDialect = builder.enumType("CronDialect", {
  values: {
    UNIX: { description: "5 fields, or 6 with seconds first; 0 and 7 are Sunday." },
    QUARTZ: { description: "6 fields with seconds first, or 7 with years last; 1 is Sunday." },
  } as const,
});
const CronGap = builder.enumType("CronGap", {
  description: "What becomes of a fixed time that the clocks skip.",
  values: {
    SHIFT: { description: "It fires at the first instant after the gap." },
    SKIP: { description: "It does not fire that day." },
  } as const,
});
const CronOverlap = builder.enumType("CronOverlap", {
  description: "When a fixed time fires that the clocks show twice.",
  values: ["FIRST", "SECOND", "BOTH"] as const,
});
const MissingDay = builder.enumType("MissingDay", {
  description: "What becomes of a month that lacks the day on which the schedule started.",
  values: {
    SHIFT: { description: "It fires on the month's last day." },
    SKIP: { description: "It does not fire in that month." },
  } as const,
});
export const Weekday = builder.enumType("Weekday", { values: WEEKDAYS });

const OnceSchedule = builder.objectRef<ScheduleOf<"once">>("OnceSchedule").implement({
  fields: (t) => ({ at: t.expose("at", { type: "DateTime" }) }),
});
const CronSchedule = builder.objectRef<ScheduleOf<"cron">>("CronSchedule").implement({
  fields: (t) => ({
    expression: t.exposeString("expression"),
    timeZone: t.exposeString("timeZone"),
    dialect: t.expose("dialect", { type: CronDialect }),
    gap: t.expose("gap", { type: CronGap }),
    overlap: t.expose("overlap", { type: CronOverlap }),
  }),
});
const FixedRateSchedule = builder.objectRef<ScheduleOf<"fixedRate">>("FixedRateSchedule").implement({
  fields: (t) => ({
    every: t.expose("everyMs", { type: "Duration" }),
    repeat: t.int({ nullable: true, resolve: (schedule) => schedule.repeat }),
  }),
});
const FixedDelaySchedule = builder.objectRef<ScheduleOf<"fixedDelay">>("FixedDelaySchedule").implement({
  fields: (t) => ({
    every: t.expose("everyMs", {
      type: "Duration",
      description: "Counted from the end of the previous run.",
    }),
    repeat: t.int({ nullable: true, resolve: (schedule) => schedule.repeat }),
  }),
});

const CalendarIntervalSchedule = builder
  .objectRef<ScheduleOf<"calendarInterval">>("CalendarIntervalSchedule")
  .implement({
    fields: (t) => ({
      every: t.field({ type: "Duration", description: COUNTED_FROM_START, resolve: formatInterval }),
      timeZone: t.exposeString("timeZone"),
      missingDay: t.expose("missingDay", { type: MissingDay }),
      gap: t.expose("gap", { type: CronGap }),
      overlap: t.expose("overlap", { type: CronOverlap }),
    }),
  });
const DailyTimeIntervalSchedule = builder
  .objectRef<ScheduleOf<"dailyTimeInterval">>("DailyTimeIntervalSchedule")
  .implement({
    fields: (t) => ({
      every: t.expose("everyMs", { type: "Duration", description: COUNTED_FROM_OPENING }),
      from: t.exposeString("from"),
      until: t.exposeString("until", { description: WINDOW_END }),
      weekdays: t.expose("weekdays", { type: [Weekday] }),
      timeZone: t.exposeString("timeZone"),
      repeat: t.int({ nullable: true, resolve: (schedule) => schedule.repeat }),
    }),
  });

const TYPE_OF = {
  once: OnceSchedule,
  cron: CronSchedule,
  fixedRate: FixedRateSchedule,
  fixedDelay: FixedDelaySchedule,
  calendarInterval: CalendarIntervalSchedule,
  dailyTimeInterval: DailyTimeIntervalSchedule,
} as const;

export const ScheduleType = builder.unionType("Schedule", {
  types: Object.values(TYPE_OF),
  resolveType: (schedule) => TYPE_OF[schedule.kind],
});

const REPEAT = "Fires after the first; unset: without end.";

const OnceInput = builder.inputType("OnceInput", {
  fields: (t) => ({ at: t.field({ type: "DateTime", required: true }) }),
});
const CronInput = builder.inputType("CronInput", {
  fields: (t) => ({
    expression: t.string({ required: true }),
    timeZone: t.string({ defaultValue: "UTC", description: ZONE }),
    dialect: t.field({ type: CronDialect, defaultValue: "UNIX" }),
    gap: t.field({ type: CronGap, defaultValue: "SHIFT" }),
    overlap: t.field({ type: CronOverlap, defaultValue: "FIRST" }),
  }),
});
const FixedRateInput = builder.inputType("FixedRateInput", {
  fields: (t) => ({
    every: t.field({ type: "Duration", required: true }),
    repeat: t.int({ description: REPEAT }),
  }),
});
const FixedDelayInput = builder.inputType("FixedDelayInput", {
  fields: (t) => ({
    every: t.field({
      type: "Duration",
      required: true,
      description: "Counted from the end of the previous run.",
    }),
    repeat: t.int({ description: REPEAT }),
  }),
});

const CalendarIntervalInput = builder.inputType("CalendarIntervalInput", {
  fields: (t) => ({
    every: t.field({ type: "Duration", required: true, description: COUNTED_FROM_START }),
    timeZone: t.string({ defaultValue: "UTC", description: ZONE }),
    missingDay: t.field({ type: MissingDay, defaultValue: "SHIFT" }),
    gap: t.field({ type: CronGap, defaultValue: "SHIFT" }),
    overlap: t.field({ type: CronOverlap, defaultValue: "FIRST" }),
  }),
});
const DailyTimeIntervalInput = builder.inputType("DailyTimeIntervalInput", {
  fields: (t) => ({
    every: t.field({ type: "Duration", required: true, description: COUNTED_FROM_OPENING }),
    from: t.string({ defaultValue: "00:00", description: "The time of day at which the window opens." }),
    until: t.string({ defaultValue: "23:59:59", description: WINDOW_END }),
    weekdays: t.field({ type: [Weekday], description: "On which the window opens; unset: every day." }),
    timeZone: t.string({ defaultValue: "UTC", description: ZONE }),
    repeat: t.int({ description: REPEAT }),
  }),
});

export const ScheduleInput = builder.inputType("ScheduleInput", {
  isOneOf: true,
  fields: (t) => ({
    once: t.field({ type: OnceInput }),
    cron: t.field({ type: CronInput }),
    fixedRate: t.field({ type: FixedRateInput }),
    fixedDelay: t.field({ type: FixedDelayInput }),
    calendarInterval: t.field({ type: CalendarIntervalInput }),
    dailyTimeInterval: t.field({ type: DailyTimeIntervalInput }),
  }),
});

/** What the API's words mean. Throws BAD_INPUT naming the field. */
export function readSchedule(input: typeof ScheduleInput.$inferInput): Schedule {
  const { once, cron, fixedRate, fixedDelay, calendarInterval, dailyTimeInterval } = input;
  if (once) return { kind: "once", at: once.at };
  if (cron) {
    return {
      kind: "cron",
      expression: cron.expression,
      timeZone: cron.timeZone ?? "UTC",
      dialect: cron.dialect ?? "UNIX",
      gap: cron.gap ?? "SHIFT",
      overlap: cron.overlap ?? "FIRST",
    };
  }
  if (calendarInterval) {
    const { every, timeZone, missingDay, gap, overlap } = calendarInterval;
    const place = "schedule.calendarInterval";
    return {
      kind: "calendarInterval",
      ...under(place, () => readInterval(parseDuration(every, "every"))),
      timeZone: timeZone ?? "UTC",
      missingDay: missingDay ?? "SHIFT",
      gap: gap ?? "SHIFT",
      overlap: overlap ?? "FIRST",
    };
  }
  if (dailyTimeInterval) {
    const { every, from, until, weekdays, timeZone, repeat } = dailyTimeInterval;
    return {
      kind: "dailyTimeInterval",
      everyMs: durationMs(every, "schedule.dailyTimeInterval.every"),
      from: from ?? "00:00",
      until: until ?? "23:59:59",
      weekdays: WEEKDAYS.filter((weekday) => weekdays?.includes(weekday) ?? true),
      timeZone: timeZone ?? "UTC",
      ...repeating(repeat),
    };
  }
  const kind = fixedRate ? "fixedRate" : "fixedDelay";
  const given = fixedRate ?? fixedDelay;
  if (!given) throw badInput("schedule", `give exactly one of ${Object.keys(TYPE_OF).join(", ")}`);
  return { kind, everyMs: durationMs(given.every, `schedule.${kind}.every`), ...repeating(given.repeat) };
}

const repeating = (repeat: number | null | undefined) => (repeat == null ? {} : { repeat });
