/** Calendars created, replaced, imported and deleted. */
import type { CalendarRule } from "../core/calendar/calendar.ts";
import { badInput } from "../core/rejection.ts";
import { WEEKDAYS } from "../core/schedule/daily-time-interval.ts";
import { type FireChanges, fireChanges } from "../core/trigger/fire-changes.ts";
import { createCalendar, deleteCalendar, updateCalendar } from "../store/calendar-changes.ts";
import { importCalendar } from "../store/calendar-import.ts";
import type { ChangedCalendar } from "../store/calendar-writes.ts";
import type { Calendar } from "../store/calendars.ts";
import type { Move, Moves } from "../store/trigger-moves.ts";
import type { Trigger } from "../store/triggers.ts";
import { byName } from "./arguments.ts";
import { builder } from "./builder.ts";
import {
  CALENDAR_BASE,
  CALENDAR_ZONE,
  CalendarType,
  CRON_RULE,
  DAILY_INVERT,
  DAILY_UNTIL,
  MONTHLY_DAYS,
} from "./calendar.ts";
import { namespaceOf } from "./context.ts";
import { FireChangesType } from "./fire-changes.ts";
import { CronDialect, Weekday } from "./schedule.ts";
import { TriggerType } from "./trigger.ts";

const HolidayInput = builder.inputType("HolidayInput", {
  fields: (t) => ({
    date: t.string({ required: true, description: "Such as 2027-12-24." }),
    label: t.string(),
  }),
});
const PeriodInput = builder.inputType("PeriodInput", {
  fields: (t) => ({
    from: t.field({ type: "DateTime", required: true }),
    until: t.field({ type: "DateTime", required: true, description: "Exclusive." }),
    label: t.string(),
  }),
});
const AnnualInput = builder.inputType("AnnualCalendarInput", {
  fields: (t) => ({
    days: t.stringList({ required: true, description: "Days of every year, such as 12-25." }),
  }),
});
const HolidaysInput = builder.inputType("HolidaysCalendarInput", {
  fields: (t) => ({ dates: t.field({ type: [HolidayInput], required: true }) }),
});
const WeeklyInput = builder.inputType("WeeklyCalendarInput", {
  fields: (t) => ({
    weekdays: t.field({ type: [Weekday], defaultValue: ["SATURDAY", "SUNDAY"] }),
  }),
});
const MonthlyInput = builder.inputType("MonthlyCalendarInput", {
  fields: (t) => ({ days: t.intList({ required: true, description: MONTHLY_DAYS }) }),
});
const DailyInput = builder.inputType("DailyCalendarInput", {
  fields: (t) => ({
    from: t.string({ required: true }),
    until: t.string({ required: true, description: DAILY_UNTIL }),
    invert: t.boolean({ defaultValue: false, description: DAILY_INVERT }),
  }),
});
const CronInput = builder.inputType("CronCalendarInput", {
  fields: (t) => ({
    expression: t.string({ required: true, description: CRON_RULE }),
    dialect: t.field({ type: CronDialect, defaultValue: "UNIX" }),
  }),
});
const PeriodsInput = builder.inputType("PeriodsCalendarInput", {
  fields: (t) => ({ periods: t.field({ type: [PeriodInput], required: true }) }),
});

const RuleInput = builder.inputType("CalendarRuleInput", {
  isOneOf: true,
  description: "What a calendar excludes.",
  fields: (t) => ({
    annual: t.field({ type: AnnualInput }),
    holidays: t.field({ type: HolidaysInput }),
    weekly: t.field({ type: WeeklyInput }),
    monthly: t.field({ type: MonthlyInput }),
    daily: t.field({ type: DailyInput }),
    cron: t.field({ type: CronInput }),
    periods: t.field({ type: PeriodsInput }),
  }),
});

const CalendarInput = builder.inputType("CalendarInput", {
  fields: (t) => ({
    namespace: t.string({ defaultValue: "default" }),
    name: t.string({ required: true }),
    description: t.string(),
    timeZone: t.string({ description: CALENDAR_ZONE }),
    base: t.string({ description: CALENDAR_BASE }),
    rule: t.field({ type: RuleInput, required: true }),
  }),
});

const CalendarPatch = builder.inputType("CalendarPatch", {
  description: "What is absent stays as it is; null clears description, time zone and base.",
  fields: (t) => ({
    description: t.string(),
    timeZone: t.string({ description: CALENDAR_ZONE }),
    base: t.string({ description: CALENDAR_BASE }),
    rule: t.field({ type: RuleInput }),
  }),
});

const CalendarImport = builder.inputType("CalendarImport", {
  fields: (t) => ({
    namespace: t.string({ defaultValue: "default" }),
    name: t.string({ required: true, description: "One that is there is replaced." }),
    ics: t.string({ required: true, description: "The text of an iCalendar file." }),
    timeZone: t.string({ description: CALENDAR_ZONE }),
    from: t.field({ type: "DateTime", description: "Events before it are left out; unset: a year ago." }),
    until: t.field({
      type: "DateTime",
      description: "Events that repeat are taken up to it; unset: in five years.",
    }),
  }),
});

function readRule(input: typeof RuleInput.$inferInput): CalendarRule {
  const { annual, holidays, weekly, monthly, daily, cron, periods } = input;
  if (annual) return { kind: "annual", days: annual.days };
  if (holidays)
    return {
      kind: "holidays",
      dates: holidays.dates.map(({ date, label }) => ({ date, ...labelled(label) })),
    };
  if (weekly)
    return { kind: "weekly", weekdays: WEEKDAYS.filter((day) => (weekly.weekdays ?? []).includes(day)) };
  if (monthly) return { kind: "monthly", days: monthly.days };
  if (daily) return { kind: "daily", from: daily.from, until: daily.until, invert: daily.invert ?? false };
  if (cron) return { kind: "cron", expression: cron.expression, dialect: cron.dialect ?? "UNIX" };
  if (periods) {
    return {
      kind: "periods",
      periods: periods.periods.map(({ from, until, label }) => ({ from, until, ...labelled(label) })),
    };
  }
  throw badInput("rule", "give exactly one of annual, holidays, weekly, monthly, daily, cron and periods");
}

const labelled = (label: string | null | undefined) => (label == null ? {} : { label });

interface MovedTrigger {
  trigger: Trigger;
  changes: FireChanges;
}

const MovedTriggerType = builder.objectRef<MovedTrigger>("MovedTrigger").implement({
  fields: (t) => ({
    trigger: t.expose("trigger", { type: TriggerType }),
    changes: t.expose("changes", { type: FireChangesType }),
  }),
});

const MovesType = builder.objectRef<Moves>("CalendarChanges").implement({
  description: "What the change of a calendar does to the triggers that go by it.",
  fields: (t) => ({
    triggers: t.int({ description: "How many go by it.", resolve: ({ examined }) => examined }),
    moved: t.exposeInt("moved", { description: "How many of them are due at another time next." }),
    changes: t.field({
      type: [MovedTriggerType],
      description: "Of those whose fires of the next 30 days differ, the first.",
      complexity: ({ first }) => ({ field: 10, multiplier: Math.max(first ?? SHOWN, 0) }),
      args: { first: t.arg.int({ defaultValue: 20, description: "At most 100." }) },
      resolve: ({ first: moves }, { first }) => differing(moves, Math.min(first ?? SHOWN, MAX_SHOWN)),
    }),
  }),
});

const SHOWN = 20;
const MAX_SHOWN = 100;

async function differing(moves: Move[], count: number): Promise<MovedTrigger[]> {
  const found: MovedTrigger[] = [];
  for (const { trigger, before, after, at } of moves) {
    if (found.length >= count) break;
    const changes = fireChanges(before, after, at);
    if (changes.added.length + changes.removed.length + changes.moved.length > 0)
      found.push({ trigger, changes });
    // Each may take some ten milliseconds.
    await new Promise(setImmediate);
  }
  return found;
}

builder.objectField(CalendarType, "changes", (t) =>
  t.field({
    type: MovesType,
    nullable: true,
    description: "What the mutation that answers with this calendar does to triggers; null elsewhere.",
    resolve: (calendar: Calendar) => ("moves" in calendar ? (calendar as ChangedCalendar).moves : null),
  }),
);

builder.objectField(CalendarType, "skipped", (t) =>
  t.stringList({
    description: "What an import left out of the file, in words; empty elsewhere.",
    resolve: (calendar: Calendar) => ("skipped" in calendar ? (calendar.skipped as string[]) : []),
  }),
);

const changeArguments = builder.args((t) => ({
  dryRun: t.boolean({ defaultValue: false, description: "Say what it would do, and change nothing." }),
}));
const VERSION = "Refuse the change with CONFLICT unless this is the calendar's version.";

builder.mutationFields((t) => ({
  createCalendar: t.field({
    type: CalendarType,
    args: { input: t.arg({ type: CalendarInput, required: true }), ...changeArguments },
    resolve: async (_root, { input, dryRun }, context) =>
      createCalendar(
        context.definitions,
        await namespaceOf(context, input.namespace),
        { ...input, rule: readRule(input.rule) },
        { dryRun },
      ),
  }),
  updateCalendar: t.field({
    type: CalendarType,
    description: "The triggers that go by it get the times that it leaves them from now on.",
    args: {
      ...byName,
      input: t.arg({ type: CalendarPatch, required: true }),
      version: t.arg.int({ description: VERSION }),
      ...changeArguments,
    },
    resolve: async (_root, { namespace, name, input, ...options }, context) =>
      updateCalendar(
        context.definitions,
        await namespaceOf(context, namespace),
        name,
        { ...input, rule: input.rule && readRule(input.rule) },
        options,
      ),
  }),
  importCalendar: t.field({
    type: CalendarType,
    description: "Makes a calendar of an iCalendar file: whole days become holidays, other events periods.",
    args: { input: t.arg({ type: CalendarImport, required: true }), ...changeArguments },
    resolve: async (_root, { input, dryRun }, context) =>
      importCalendar(context.definitions, await namespaceOf(context, input.namespace), input, { dryRun }),
  }),
  deleteCalendar: t.boolean({
    description: "Refused while triggers or other calendars go by it.",
    args: byName,
    resolve: async (_root, { namespace, name }, context) => {
      await deleteCalendar(context.definitions, await namespaceOf(context, namespace), name);
      return true;
    },
  }),
}));
