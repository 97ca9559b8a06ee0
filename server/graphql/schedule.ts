/** Schedules, in and out, and a look ahead. */
import { durationMs } from "../core/duration.ts";
import { badInput, notFound } from "../core/rejection.ts";
import { checkSchedule, nextFires, type Schedule } from "../core/trigger.ts";
import { readClock, under } from "../store/definitions.ts";
import { pageSize } from "../store/page.ts";
import { builder } from "./builder.ts";

type ScheduleOf<Kind extends Schedule["kind"]> = Extract<Schedule, { kind: Kind }>;

const CronDialect = builder.enumType("CronDialect", {
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

const TYPE_OF = {
  once: OnceSchedule,
  cron: CronSchedule,
  fixedRate: FixedRateSchedule,
  fixedDelay: FixedDelaySchedule,
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
    timeZone: t.string({ defaultValue: "UTC", description: "An IANA name such as Europe/Berlin." }),
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

export const ScheduleInput = builder.inputType("ScheduleInput", {
  isOneOf: true,
  fields: (t) => ({
    once: t.field({ type: OnceInput }),
    cron: t.field({ type: CronInput }),
    fixedRate: t.field({ type: FixedRateInput }),
    fixedDelay: t.field({ type: FixedDelayInput }),
  }),
});

/** What the API's words mean. Throws BAD_INPUT naming the field. */
export function readSchedule(input: typeof ScheduleInput.$inferInput): Schedule {
  const { once, cron, fixedRate, fixedDelay } = input;
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
  const kind = fixedRate ? "fixedRate" : "fixedDelay";
  const given = fixedRate ?? fixedDelay;
  if (!given) throw badInput("schedule", "give exactly one of once, cron, fixedRate and fixedDelay");
  const everyMs = durationMs(given.every, `schedule.${kind}.every`);
  return { kind, everyMs, ...(given.repeat == null ? {} : { repeat: given.repeat }) };
}

builder.queryField("previewSchedule", (t) =>
  t.field({
    type: ["DateTime"],
    description: "The next fire times of a schedule, strictly after `from` (default: now).",
    args: {
      schedule: t.arg({ type: ScheduleInput, required: true }),
      calendars: t.arg.stringList(),
      from: t.arg({ type: "DateTime" }),
      first: t.arg.int({ defaultValue: 10 }),
    },
    resolve: async (_root, { schedule: input, calendars, from, first }, { database }) => {
      const schedule = readSchedule(input);
      under(`schedule.${schedule.kind}`, () => checkSchedule(schedule, "preview"));
      const [calendar] = calendars ?? [];
      if (calendar !== undefined) throw notFound(`calendar "${calendar}"`, "calendars");
      const after = from ?? (await readClock(database.sql)).getTime();
      const blank = { startAt: null, endAt: null, firedCount: 0, seed: "preview" };
      return nextFires({ ...blank, schedule, anchorAt: after }, after, pageSize(first ?? 10));
    },
  }),
);
