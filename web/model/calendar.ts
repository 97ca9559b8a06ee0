/** What a calendar excludes: its rule in words, and the stretches that the server computes as days of a year. */
import { WEEKDAYS, type Weekday } from "./schedule.ts";
import { clockTime, countOf } from "./time.ts";
import { dayInWords, dayOf, wallClock } from "./wall-clock.ts";

export type Holiday = { date: string; label: string | null };
export type Period = { from: string; until: string; label: string | null };

/** A rule as the API gives it. */
export type CalendarRule =
  | { __typename: "AnnualCalendar"; annualDays: readonly string[] }
  | { __typename: "HolidaysCalendar"; dates: readonly Holiday[] }
  | { __typename: "WeeklyCalendar"; weekdays: readonly Weekday[] }
  | { __typename: "MonthlyCalendar"; monthlyDays: readonly number[] }
  | { __typename: "DailyCalendar"; from: string; until: string; invert: boolean }
  | { __typename: "CronCalendar"; expression: string; dialect: "UNIX" | "QUARTZ" }
  | { __typename: "PeriodsCalendar"; periods: readonly Period[] };

const DAYS = ["day", "days"] as const;
const PERIODS = ["period", "periods"] as const;

/** The rule in a few words: `Saturdays and Sundays`, `11 days, the next is Mon, 6 Apr 2026 (Easter Monday)`. */
export const ruleInWords = (rule: CalendarRule, nowMs: number): string => capital(words(rule, nowMs));

function words(rule: CalendarRule, nowMs: number): string {
  switch (rule.__typename) {
    case "WeeklyCalendar":
      return listed(
        WEEKDAYS.filter((day) => rule.weekdays.includes(day)).map((day) => `${capital(day.toLowerCase())}s`),
      );
    case "AnnualCalendar":
      return `${listed(rule.annualDays.map(yearDay))} of every year`;
    case "MonthlyCalendar":
      return `${listed([...rule.monthlyDays].sort(asInMonth).map(monthDay))} of every month`;
    case "HolidaysCalendar":
      return holidaysInWords(rule.dates, nowMs);
    case "DailyCalendar": {
      const { from, until, invert } = rule;
      const end = until <= from ? `${until} of the next day` : until;
      return invert ? `Every day but ${from} to ${end}` : `Every day from ${from} to ${end}`;
    }
    case "CronCalendar":
      return `What ${rule.expression} matches${rule.dialect === "QUARTZ" ? " (Quartz)" : ""}`;
    case "PeriodsCalendar":
      return periodsInWords(rule.periods, nowMs);
  }
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Named at most before the rest is counted. */
const NAMED = 6;

function listed(words: readonly string[]): string {
  const named =
    words.length > NAMED ? [...words.slice(0, NAMED - 1), `${words.length - NAMED + 1} more`] : words;
  const last = named.at(-1) ?? "nothing";
  return named.length < 2 ? last : `${named.slice(0, -1).join(", ")} and ${last}`;
}

const MONTH_DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", timeZone: "UTC" });
/** 2028 has a February 29th. */
const yearDay = (day: string): string => MONTH_DAY.format(new Date(`2028-${day}T00:00:00Z`));

/** From the first day on, those counted from the end last. */
const asInMonth = (a: number, b: number): number => (a < 0 === b < 0 ? a - b : b - a);

function monthDay(day: number): string {
  if (day === -1) return "the last day";
  return day < 0 ? `the ${ordinal(-day)} last day` : `the ${ordinal(day)}`;
}

function ordinal(number: number): string {
  const tens = number % 100;
  const suffix = tens >= 11 && tens <= 13 ? "th" : (["th", "st", "nd", "rd"][number % 10] ?? "th");
  return `${number}${suffix}`;
}

function holidaysInWords(dates: readonly Holiday[], nowMs: number): string {
  if (dates.length === 0) return "No day";
  const today = wallClock(nowMs).date;
  const next = dates.find(({ date }) => date >= today);
  const count = countOf(dates.length, DAYS);
  if (next === undefined) return `${count}, all of them past`;
  const label = next.label === null ? "" : ` (${next.label})`;
  return `${count}, the next is ${dayInWords(dayOf(next.date))}${label}`;
}

function periodsInWords(periods: readonly Period[], nowMs: number): string {
  if (periods.length === 0) return "No time";
  const next = periods.find(({ until }) => Date.parse(until) > nowMs);
  const count = countOf(periods.length, PERIODS);
  if (next === undefined) return `${count}, all of them past`;
  const label = next.label === null ? "" : ` (${next.label})`;
  return `${count}, the next is from ${clockTime(next.from, nowMs)}${label}`;
}

/** A stretch as the API gives it; `until` is the first time that is free again. */
export type Stretch = { from: string; until: string; by: readonly string[] };

/**
 * The stretch on the clock of a zone: whole days by their dates, anything else to the minute. One that had begun when
 * `askedAt` was asked for is cut there, and has no beginning to tell.
 */
export function stretchInWords({ from, until }: Stretch, timeZone: string, askedAt?: string): string {
  const [begin, end] = [wallClock(from, timeZone), wallClock(until, timeZone)];
  if (askedAt !== undefined && Date.parse(from) === Date.parse(askedAt))
    return end.time === "00:00"
      ? `Now, and all of ${dayInWords(end.day - 1)}`
      : `Now, to ${dayInWords(end.day)}, ${end.time}`;
  if (begin.time === "00:00" && end.time === "00:00") {
    const last = end.day - 1;
    return last <= begin.day ? dayInWords(begin.day) : `${dayInWords(begin.day)} to ${dayInWords(last)}`;
  }
  const days = end.day - begin.day;
  const close =
    days === 0 ? end.time : days === 1 ? `${end.time} the next day` : `${dayInWords(end.day)}, ${end.time}`;
  return `${dayInWords(begin.day)}, ${begin.time} to ${close}`;
}

/** How far a page of stretches goes: null when there is nothing behind it, or that is after the year. */
export function knownUntil(
  page: readonly Stretch[],
  isFull: boolean,
  year: number,
  timeZone: string,
): string | null {
  const end = page.at(-1)?.until;
  if (!isFull || end === undefined) return null;
  return wallClock(end, timeZone).day > dayOf(`${year}-12-31`) ? null : end;
}

/** `part`: some of the day is excluded; `unknown`: nobody looked so far. */
export type Standing = "free" | "whole" | "part" | "unknown";
export type YearDay = { day: number; standing: Standing; by: readonly string[] };
export type YearMonth = {
  month: number /** Blank cells before the first, weeks begin on Monday. */;
  lead: number;
  days: YearDay[];
};

/** A year of a zone's wall clock, day by day. `known` is how far the stretches go: null when they are all there are. */
export function yearOf(
  year: number,
  stretches: readonly Stretch[],
  timeZone: string,
  known: string | null,
): YearMonth[] {
  const marks = new Map<number, { standing: Standing; by: Set<string> }>();
  const mark = (day: number, standing: Standing, by: readonly string[]): void => {
    const there = marks.get(day);
    marks.set(day, {
      standing: there?.standing === "whole" ? "whole" : standing,
      by: new Set([...(there?.by ?? []), ...by]),
    });
  };
  const [first, last] = [dayOf(`${year}-01-01`), dayOf(`${year}-12-31`)];
  for (const { from, until, by } of stretches) {
    const [begin, end] = [wallClock(from, timeZone), wallClock(until, timeZone)];
    for (let day = Math.max(begin.day, first); day <= Math.min(end.day, last); day++) {
      if (day === end.day && end.time === "00:00") break;
      const isWhole = (day > begin.day || begin.time === "00:00") && day < end.day;
      mark(day, isWhole ? "whole" : "part", by);
    }
  }
  const horizon = known === null ? Number.POSITIVE_INFINITY : wallClock(known, timeZone).day;
  return Array.from({ length: 12 }, (_, month) => {
    const start = Date.UTC(year, month, 1);
    const count = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
    const days = Array.from({ length: count }, (_, index): YearDay => {
      const day = start / 86_400_000 + index;
      const marked = marks.get(day);
      const standing = marked?.standing ?? (day > horizon ? "unknown" : "free");
      return { day, standing, by: [...(marked?.by ?? [])] };
    });
    return { month, lead: (new Date(start).getUTCDay() + 6) % 7, days };
  });
}
