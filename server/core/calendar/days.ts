/** Rules about whole days of a wall clock: of the year, of the month, of the week, and dates. */
import { DAY_MS } from "../duration.ts";
import { WEEKDAYS, type Weekday } from "../schedule/daily-time-interval.ts";
import { END_MS } from "../schedule/limits.ts";
import type { Holiday } from "./rule.ts";
import type { WallRule } from "./wall.ts";

/** Excluded days that follow one another are one run up to this length: a test must not walk through years of them. */
const MAX_RUN_DAYS = 366;
/** Between two days of the rarest rule: from a February 29th across a year like 2100 to the next. */
const MAX_GAP_DAYS = 8 * 366;

/** Days are counted from 1970-01-01. */
type Excludes = (day: number) => boolean;

/** `days` such as 12-25. */
export function annual(days: readonly string[]): WallRule {
  const known = new Set(days.map((text) => Number(text.slice(0, 2)) * 100 + Number(text.slice(3))));
  return onDays((day) => {
    const date = new Date(day * DAY_MS);
    return known.has((date.getUTCMonth() + 1) * 100 + date.getUTCDate());
  });
}

export function weekly(weekdays: readonly Weekday[]): WallRule {
  const excluded = WEEKDAYS.map((weekday) => weekdays.includes(weekday));
  return onDays((day) => excluded[weekdayOf(day)] === true);
}

/** `days` from 1 to 31, or from -1 to -31 counted from the month's end. */
export function monthly(days: readonly number[]): WallRule {
  const known = new Set(days);
  return onDays((day) => {
    const date = new Date(day * DAY_MS);
    if (known.has(date.getUTCDate())) return true;
    const length = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
    return known.has(date.getUTCDate() - length - 1);
  });
}

/** `dates` ascending. */
export function holidays(dates: readonly Holiday[]): WallRule {
  const labels = new Map(dates.map(({ date, label }) => [dayOf(date), label ?? null]));
  const days = [...labels.keys()];
  const nextDay = (day: number): number | null => {
    let low = 0;
    for (let high = days.length; low < high; ) {
      const middle = (low + high) >>> 1;
      if ((days[middle] ?? Number.POSITIVE_INFINITY) < day) low = middle + 1;
      else high = middle;
    }
    return days[low] ?? null;
  };
  return {
    ...onDays((day) => labels.has(day), nextDay),
    labelAt: (local) => labels.get(Math.floor(local / DAY_MS)) ?? null,
  };
}

/** Days since 1970-01-01 of a date such as 2027-12-24. */
const dayOf = (date: string): number => Date.parse(`${date}T00:00Z`) / DAY_MS;

/** 1970-01-01 was a Thursday. */
const weekdayOf = (day: number): number => (((day + 4) % 7) + 7) % 7;

function onDays(excludes: Excludes, nextDay = (day: number) => searchDay(excludes, day)): WallRule {
  // The run found last, in local time: thousands of tests in a row fall into the same one.
  let runFrom = 0;
  let runUntil = 0;
  const excludedUntil = (local: number): number | null => {
    if (local >= runFrom && local < runUntil) return runUntil;
    const day = Math.floor(local / DAY_MS);
    if (!excludes(day)) return null;
    let end = day + 1;
    while (end < day + MAX_RUN_DAYS && excludes(end)) end++;
    runFrom = day * DAY_MS;
    runUntil = end * DAY_MS;
    return runUntil;
  };
  return {
    excludedUntil,
    nextExcluded(local) {
      if (excludedUntil(local) !== null) return local;
      const day = nextDay(Math.floor(local / DAY_MS) + 1);
      return day === null || day * DAY_MS >= END_MS ? null : day * DAY_MS;
    },
  };
}

function searchDay(excludes: Excludes, from: number): number | null {
  for (let day = from; day <= from + MAX_GAP_DAYS; day++) if (excludes(day)) return day;
  return null;
}

/** Some day of each month length, of each weekday and of a leap year is among these four years. */
const SAMPLE_FROM = Date.UTC(2028, 0, 1) / DAY_MS;
const SAMPLE_DAYS = 1_461;

/** True when a rule about days leaves no day of any year over. */
export function excludesEveryDay(rule: WallRule): boolean {
  for (let day = SAMPLE_FROM; day < SAMPLE_FROM + SAMPLE_DAYS; day++) {
    if (rule.excludedUntil(day * DAY_MS) === null) return false;
  }
  return true;
}
