/** Calendars: named sets of excluded times that triggers share. calendar-changes.ts changes them. */
import { excludedStretches } from "../core/calendar/calendar.ts";
import type { CalendarRule, Holiday, Period } from "../core/calendar/rule.ts";
import type { ExcludedStretch } from "../core/calendar/stretches.ts";
import { checkZone } from "../core/schedule/zone.ts";
import { type Calendar, chainOf, findCalendar, listCalendars } from "../store/calendars.ts";
import { readClock } from "../store/definitions.ts";
import { pageSize } from "../store/page.ts";
import { listTriggers } from "../store/triggers.ts";
import { byName } from "./arguments.ts";
import { builder } from "./builder.ts";
import { connectionOf, pageArguments, pageCost } from "./connection.ts";
import { namespaceOf, namespaceShown, present, visible } from "./context.ts";
import { CronDialect, Weekday } from "./schedule.ts";
import { TriggerConnection, TriggerType } from "./trigger.ts";

type RuleOf<Kind extends CalendarRule["kind"]> = Extract<CalendarRule, { kind: Kind }>;

const AnnualRule = builder.objectRef<RuleOf<"annual">>("AnnualCalendar").implement({
  fields: (t) => ({
    days: t.exposeStringList("days", { description: "Days of every year, such as 12-25." }),
  }),
});
const HolidayType = builder.objectRef<Holiday>("Holiday").implement({
  fields: (t) => ({
    date: t.exposeString("date", { description: "Such as 2027-12-24." }),
    label: t.string({ nullable: true, resolve: ({ label }) => label }),
  }),
});
const HolidaysRule = builder.objectRef<RuleOf<"holidays">>("HolidaysCalendar").implement({
  fields: (t) => ({ dates: t.expose("dates", { type: [HolidayType] }) }),
});
const WeeklyRule = builder.objectRef<RuleOf<"weekly">>("WeeklyCalendar").implement({
  fields: (t) => ({ weekdays: t.expose("weekdays", { type: [Weekday] }) }),
});
export const MONTHLY_DAYS = "Days of every month: 1 to 31, and -1 to -31 counted from its end.";
const MonthlyRule = builder.objectRef<RuleOf<"monthly">>("MonthlyCalendar").implement({
  fields: (t) => ({ days: t.exposeIntList("days", { description: MONTHLY_DAYS }) }),
});
export const DAILY_UNTIL =
  "Exclusive: a trigger may fire at it. Earlier than `from`, it is on the next day; the end of the day is 00:00.";
export const DAILY_INVERT = "Everything outside the range is excluded instead.";
const DailyRule = builder.objectRef<RuleOf<"daily">>("DailyCalendar").implement({
  fields: (t) => ({
    from: t.exposeString("from"),
    until: t.exposeString("until", { description: DAILY_UNTIL }),
    invert: t.exposeBoolean("invert", { description: DAILY_INVERT }),
  }),
});
export const CRON_RULE =
  "Excluded is every second that it matches, or every minute when it has no field for seconds.";
const CronRule = builder.objectRef<RuleOf<"cron">>("CronCalendar").implement({
  fields: (t) => ({
    expression: t.exposeString("expression", { description: CRON_RULE }),
    dialect: t.expose("dialect", { type: CronDialect }),
  }),
});
const PeriodType = builder.objectRef<Period>("Period").implement({
  fields: (t) => ({
    from: t.expose("from", { type: "DateTime" }),
    until: t.expose("until", { type: "DateTime", description: "Exclusive." }),
    label: t.string({ nullable: true, resolve: ({ label }) => label }),
  }),
});
const PeriodsRule = builder.objectRef<RuleOf<"periods">>("PeriodsCalendar").implement({
  fields: (t) => ({ periods: t.expose("periods", { type: [PeriodType] }) }),
});

const TYPE_OF = {
  annual: AnnualRule,
  holidays: HolidaysRule,
  weekly: WeeklyRule,
  monthly: MonthlyRule,
  daily: DailyRule,
  cron: CronRule,
  periods: PeriodsRule,
} as const;

const RuleType = builder.unionType("CalendarRule", {
  types: Object.values(TYPE_OF),
  resolveType: (rule) => TYPE_OF[rule.kind],
});

const Stretch = builder.objectRef<ExcludedStretch>("ExcludedStretch").implement({
  description: "Times that follow one another and are all excluded.",
  fields: (t) => ({
    from: t.expose("from", { type: "DateTime" }),
    until: t.expose("until", { type: "DateTime", description: "Exclusive." }),
    by: t.stringList({
      description: "The calendars, and the labels of their holidays and periods.",
      resolve: ({ by }) => by.map(({ name, label }) => (label === null ? name : `${name}: ${label}`)),
    }),
  }),
});

export const CALENDAR_ZONE = "Whose wall clock it goes by; unset: that of the trigger's schedule.";
export const CALENDAR_BASE = "Another calendar, whose times are excluded, too.";

export const CalendarType = builder.objectRef<Calendar>("Calendar");

builder.node(CalendarType, {
  id: { resolve: ({ id }) => String(id) },
  loadOne: async (id, context) => visible(context, await context.load.calendar(Number(id))),
  fields: (t) => ({
    namespace: t.string({
      resolve: ({ namespaceId }, _args, { catalog }) => catalog.namespaceName(namespaceId),
    }),
    name: t.exposeString("name"),
    description: t.exposeString("description", { nullable: true }),
    timeZone: t.exposeString("timeZone", { nullable: true, description: CALENDAR_ZONE }),
    rule: t.expose("rule", { type: RuleType, description: "What it excludes." }),
    base: t.field({
      type: CalendarType,
      nullable: true,
      description: CALENDAR_BASE,
      resolve: ({ baseId }, _args, { load }) => (baseId === null ? null : load.calendar(baseId)),
    }),
    excluded: t.field({
      type: [Stretch],
      description: "What it and its bases exclude next.",
      complexity: 5,
      args: {
        from: t.arg({ type: "DateTime", description: "Unset: now." }),
        first: t.arg.int({ defaultValue: 10 }),
        timeZone: t.arg.string({ description: "For calendars without a zone of their own; unset: UTC." }),
      },
      resolve: async ({ id, timeZone: own }, { from, first, timeZone }, { database, catalog }) => {
        const zone = timeZone ?? own ?? "UTC";
        checkZone(zone);
        const chain = await catalog.calendars(await chainOf(database.sql, [id]));
        const after = from ?? (await readClock(database.sql)).getTime();
        return excludedStretches(chain, zone, after, pageSize(first ?? 10));
      },
    }),
    triggers: t.field({
      type: TriggerConnection,
      description: "Those that name it, by name.",
      complexity: pageCost,
      args: pageArguments,
      resolve: async ({ id, namespaceId }, page, { database }) =>
        connectionOf(await listTriggers(database.sql, namespaceId, { calendarId: id }, page)),
    }),
    version: t.exposeInt("version", { description: "Grows with every change of what it excludes." }),
    createdAt: t.expose("createdAt", { type: "DateTime" }),
    updatedAt: t.expose("updatedAt", { type: "DateTime" }),
  }),
});

builder.objectField(TriggerType, "calendars", (t) =>
  t.field({
    type: [CalendarType],
    description: "A time counts if all of them include it.",
    resolve: async ({ id }, _args, { load }) =>
      Promise.all(
        ((await load.triggerCalendars(id)) ?? []).map((calendar) => present(load.calendar(calendar))),
      ),
  }),
);

const CalendarConnection = builder.connectionObject({ type: CalendarType, name: "CalendarConnection" });

builder.queryFields((t) => ({
  calendar: t.field({
    type: CalendarType,
    nullable: true,
    args: byName,
    resolve: async (_root, { namespace, name }, context) =>
      findCalendar(context.database.sql, await namespaceOf(context, namespace), name),
  }),
  calendars: t.field({
    type: CalendarConnection,
    description: "By name.",
    complexity: pageCost,
    args: {
      namespace: t.arg.string(),
      search: t.arg.string({ description: "A part of the name, in any letter case." }),
      ...pageArguments,
    },
    resolve: async (_root, { namespace, search, ...page }, context) =>
      connectionOf(
        await listCalendars(context.database.sql, await namespaceShown(context, namespace), { search }, page),
      ),
  }),
}));
