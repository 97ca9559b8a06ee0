/** Moves on a calendar from a schedule time: months, ends of months and weeks, days, and elapsed time, in this order. */
import { DAY_MS } from "../duration.ts";
import { firstInstantShowing, localAt } from "../schedule/zone.ts";

export type Boundary = "monthFirst" | "monthLast" | "monday" | "sunday";

/** The time of day stays what it is; a month without the day gives its last one. */
export interface Move {
  months: number;
  boundary: Boundary | null;
  days: number;
  elapsedMs: number;
}

export const STAY: Move = { months: 0, boundary: null, days: 0, elapsedMs: 0 };

/** An instant and what the zone's wall clock shows at it. */
export interface Moment {
  at: number;
  local: number;
}

/**
 * Where a move ends that begins at the instant `at`. A time that the clocks skip on that day is the first one after the
 * gap, one that comes twice is the first; null when it ends outside the years 1 to 9999.
 */
export function move(at: number, timeZone: string, by: Move): Moment | null {
  const from = localAt(timeZone, at);
  const to = onCalendar(from, by);
  if (!isWritable(to)) return null;
  // Only a change of the date asks for a new instant: the second of two equal wall-clock times must not become the first.
  const reached = (to === from ? at : firstInstantShowing(timeZone, to)) + by.elapsedMs;
  const local = localAt(timeZone, reached);
  return isWritable(local) ? { at: reached, local } : null;
}

/** Days since 1970-01-01 of a wall-clock time. */
export const dayOf = (local: number): number => Math.floor(local / DAY_MS);

/** 1 is Monday, 7 is Sunday; 1970-01-01 was a Thursday. */
export const weekdayOf = (day: number): number => ((((day + 3) % 7) + 7) % 7) + 1;

function onCalendar(local: number, { months, boundary, days }: Move): number {
  const timeOfDay = local - dayOf(local) * DAY_MS;
  const day = toBoundary(addMonths(dayOf(local), months), boundary) + days;
  return day * DAY_MS + timeOfDay;
}

function addMonths(day: number, months: number): number {
  if (months === 0) return day;
  const date = new Date(day * DAY_MS);
  const first = firstOfMonth(date, months);
  return first + Math.min(date.getUTCDate(), firstOfMonth(date, months + 1) - first) - 1;
}

function toBoundary(day: number, boundary: Boundary | null): number {
  const date = new Date(day * DAY_MS);
  if (boundary === "monthFirst") return firstOfMonth(date, 0);
  if (boundary === "monthLast") return firstOfMonth(date, 1) - 1;
  if (boundary === "monday") return day - weekdayOf(day) + 1;
  return boundary === "sunday" ? day - weekdayOf(day) + 7 : day;
}

/** `setUTCFullYear`, because `Date.UTC` takes the years up to 99 for ones of the 20th century. */
const firstOfMonth = (date: Date, monthsLater: number): number =>
  dayOf(new Date(0).setUTCFullYear(date.getUTCFullYear(), date.getUTCMonth() + monthsLater, 1));

const FIRST = new Date(0).setUTCFullYear(1, 0, 1);
const END = new Date(0).setUTCFullYear(10_000, 0, 1);

/** False for NaN, too, which is what a date is that nothing can represent. */
const isWritable = (local: number): boolean => local >= FIRST && local < END;
