/**
 * The date cycles of dependent nodes (DolphinScheduler D5): which stretches of past time a word such as `last7Days`
 * names, seen from the time that a run stands for. Several stretches mean that each of them must have its success.
 * Unlike DolphinScheduler, `thisMonthEnd` is the last day of the month, and `last24Hours` are the 24 hours before this one.
 */
import { Temporal } from "temporal-polyfill";
import { localAt } from "../schedule/zone.ts";

const WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"] as const;

export const DATE_CYCLES = [
  "currentHour",
  "last1Hour",
  "last2Hours",
  "last3Hours",
  "last24Hours",
  "today",
  "last1Days",
  "last2Days",
  "last3Days",
  "last7Days",
  "thisWeek",
  "lastWeek",
  ...WEEKDAYS.map((day) => `last${day}` as const),
  "thisMonth",
  "thisMonthBegin",
  "thisMonthEnd",
  "lastMonth",
  "lastMonthBegin",
  "lastMonthEnd",
] as const;
export type DateCycle = (typeof DATE_CYCLES)[number];

/** Epoch milliseconds, `until` not included. */
export interface Stretch {
  from: number;
  until: number;
}

const HOUR_MS = 3_600_000;

/** The stretches of a cycle, earliest first, at least one. `at` is the time that the run stands for, in epoch milliseconds. */
export function stretchesOf(cycle: DateCycle, at: number, timeZone: string): Stretch[] {
  const hours = HOURS[cycle];
  if (hours) return hoursBefore(hours, at, timeZone);
  const today = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(timeZone).toPlainDate();
  const [first, last] = daysOf(cycle, today);
  const stretches: Stretch[] = [];
  for (let day = first; Temporal.PlainDate.compare(day, last) <= 0; day = day.add({ days: 1 })) {
    stretches.push({ from: startOf(day, timeZone), until: startOf(day.add({ days: 1 }), timeZone) });
  }
  return stretches;
}

/** How many hours, and how many before this one the last of them lies. */
const HOURS: Partial<Record<DateCycle, { count: number; back: number }>> = {
  currentHour: { count: 1, back: 0 },
  last1Hour: { count: 1, back: 1 },
  last2Hours: { count: 2, back: 1 },
  last3Hours: { count: 3, back: 1 },
  last24Hours: { count: 24, back: 1 },
};

/** Hours as they pass: one that the clocks show twice is two of them. */
function hoursBefore({ count, back }: { count: number; back: number }, at: number, zone: string): Stretch[] {
  const intoHour = ((localAt(zone, at) % HOUR_MS) + HOUR_MS) % HOUR_MS;
  const last = at - intoHour - back * HOUR_MS;
  return Array.from({ length: count }, (_, n) => {
    const from = last - (count - 1 - n) * HOUR_MS;
    return { from, until: from + HOUR_MS };
  });
}

/** The first and the last day. */
function daysOf(cycle: DateCycle, today: Temporal.PlainDate): [Temporal.PlainDate, Temporal.PlainDate] {
  const monday = today.subtract({ days: today.dayOfWeek - 1 });
  const firstOfMonth = today.with({ day: 1 });
  const yesterday = today.subtract({ days: 1 });
  const lastOfMonth = today.with({ day: today.daysInMonth });
  const lastMonthBegin = firstOfMonth.subtract({ months: 1 });
  const lastMonthEnd = firstOfMonth.subtract({ days: 1 });
  const before = /^last(\d+)Days$/.exec(cycle);
  if (before) return [today.subtract({ days: Number(before[1]) }), yesterday];
  const weekday = WEEKDAYS.findIndex((day) => cycle === `last${day}`);
  if (weekday >= 0) {
    const day = monday.subtract({ days: 7 - weekday });
    return [day, day];
  }
  switch (cycle) {
    case "thisWeek":
      return [monday, today];
    case "lastWeek":
      return [monday.subtract({ days: 7 }), monday.subtract({ days: 1 })];
    case "thisMonth":
      return [firstOfMonth, today];
    case "thisMonthBegin":
      return [firstOfMonth, firstOfMonth];
    case "thisMonthEnd":
      return [lastOfMonth, lastOfMonth];
    case "lastMonth":
      return [lastMonthBegin, lastMonthEnd];
    case "lastMonthBegin":
      return [lastMonthBegin, lastMonthBegin];
    case "lastMonthEnd":
      return [lastMonthEnd, lastMonthEnd];
    default:
      return [today, today];
  }
}

const startOf = (day: Temporal.PlainDate, timeZone: string): number =>
  day.toZonedDateTime(timeZone).epochMilliseconds;
