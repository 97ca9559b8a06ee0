/**
 * When a cron expression fires: our own evaluation, one stretch of constant zone offset after the other.
 * cron-parser's depends on where it starts around DST and gives up in Australia/Lord_Howe (RELIABILITY M6).
 *
 * Hour and minute both fixed (numbers and lists of numbers) mean wall-clock time (SEMANTICS X):
 *   a time inside the gap       fires at the first instant after it (SHIFT), or not that day (SKIP)
 *   a time inside the overlap   fires the FIRST time, the SECOND time, or BOTH times
 * Anything with *, a range or a step in hour or minute means elapsed time: it fires at every instant whose wall clock
 * matches, so in both overlap hours, and nothing stands for what the gap left out.
 *
 * The answer depends on `after` alone: the fires are one fixed set of instants, however far one steps through it.
 */
import { DAY_MS } from "../duration.ts";
import { type Dialect, fault, isRestricted, placesOf, splitCron } from "./cron-fields.ts";
import { type CronSpec, readCron } from "./cron-syntax.ts";
import { END_MS, LAST_YEAR } from "./limits.ts";
import { type Segment, segmentAt } from "./zone.ts";

export type { CronSpec, Dialect };

/** How wall-clock times map to instants. */
export interface CronClock {
  /** An IANA name that has passed `checkZone`. */
  timeZone: string;
  gap: "SHIFT" | "SKIP";
  overlap: "FIRST" | "SECOND" | "BOTH";
}

/**
 * Parses an expression. `hashSeed` is what H hashes: the same seed gives the same minute for ever. Throws BAD_INPUT for
 * `expression`, naming the field at fault, also when it can never fire (`0 0 30 2 *`).
 */
export function parseCron(expression: string, options: { dialect: Dialect; hashSeed?: string }): CronSpec {
  const spec = readCron(expression, options.dialect, options.hashSeed || "unnamed");
  if (nextLocal(spec, 0) === null) {
    const {
      "day of month": date,
      month,
      "day of week": weekday,
      year,
    } = splitCron(expression, options.dialect);
    const restricting = [date, weekday, month, year].filter(isRestricted);
    const said = restricting.map((field) => `${field.label} "${field.written}"`).join(" and ");
    throw fault(`"${expression}" can never fire: ${said}, ${placesOf(restricting)}, never come together`);
  }
  return spec;
}

/** The first fire strictly after `after`, or null when there is none until the end of year 2199. */
export function nextCron(spec: CronSpec, clock: CronClock, after: number): number | null {
  if (after >= END_MS) return null;
  const from = Math.max(Math.floor(after), -1);
  // Looked up by `from` but searched from the next millisecond on: if that opens the next stretch, a fire shifted out
  // of the gap in between is still ahead.
  let segment = segmentAt(clock.timeZone, from);
  let local = nextLocal(spec, Math.max(from + 1 + segment.offsetMs, opening(spec, clock, segment)));
  for (let whole = false; ; whole = true) {
    if (local !== null && local < closing(spec, clock, segment)) return local - segment.offsetMs;
    if (segment.until === Number.POSITIVE_INFINITY) return null;
    if (local !== null && shiftedOutOfGap(spec, clock, segment, local)) return segment.until;
    if (whole && local === null) return null;
    // A whole stretch without a match shows that there is none before `local` later on either, so years without a fire
    // are crossed in one step. The first stretch may be cut by `after`, and an overlap repeats what was cut off.
    const at = whole && local !== null ? Math.max(segment.until, local - DAY_MS) : segment.until;
    segment = segmentAt(clock.timeZone, at);
    local = nextLocal(spec, opening(spec, clock, segment));
  }
}

/** The first local time that counts in a stretch: an overlap at its beginning was already lived through. */
function opening(spec: CronSpec, clock: CronClock, segment: Segment): number {
  const second = spec.wallClock && clock.overlap === "FIRST" ? segment.offsetBeforeMs : segment.offsetMs;
  return segment.from + Math.max(segment.offsetMs, second);
}

/** The first local time that no longer counts: an overlap at its end will come again. */
function closing(spec: CronSpec, clock: CronClock, segment: Segment): number {
  const second = spec.wallClock && clock.overlap === "SECOND" ? segment.offsetAfterMs : segment.offsetMs;
  return segment.until + Math.min(segment.offsetMs, second);
}

/** `local` is known to be past the end of the stretch. */
function shiftedOutOfGap(spec: CronSpec, clock: CronClock, segment: Segment, local: number): boolean {
  return spec.wallClock && clock.gap === "SHIFT" && local < segment.until + segment.offsetAfterMs;
}

/**
 * The first matching wall-clock time from `from` on, both as milliseconds of a calendar without zone; null past
 * LAST_YEAR.
 */
export function nextLocal(spec: CronSpec, from: number): number | null {
  const date = new Date(Math.max(from, 0));
  let day = date.getUTCDate();
  let month = date.getUTCMonth() + 1;
  let second = Math.ceil((Math.max(from, 0) - Date.UTC(date.getUTCFullYear(), month - 1, day)) / 1000);
  for (let year = date.getUTCFullYear(); year <= LAST_YEAR; year++, month = 1, day = 1, second = 0) {
    if (spec.years && !spec.years.includes(year)) continue;
    for (; month <= 12; month++, day = 1, second = 0) {
      if (!spec.months.includes(month)) continue;
      const days = matchingDays(spec, year, month);
      for (; day <= 31; day++, second = 0) {
        if ((days & (1 << day)) === 0) continue;
        const match = nextSecondOfDay(spec, second);
        if (match !== null) return Date.UTC(year, month - 1, day) + match * 1000;
      }
    }
  }
  return null;
}

function nextSecondOfDay(spec: CronSpec, from: number): number | null {
  const fromHour = Math.floor(from / 3600);
  const fromMinute = Math.floor(from / 60) % 60;
  for (const hour of spec.hours) {
    if (hour < fromHour) continue;
    if (hour > fromHour) return hour * 3600 + spec.minutes[0] * 60 + spec.seconds[0];
    for (const minute of spec.minutes) {
      if (minute < fromMinute) continue;
      if (minute > fromMinute) return hour * 3600 + minute * 60 + spec.seconds[0];
      const second = spec.seconds.find((candidate) => candidate >= from % 60);
      if (second !== undefined) return hour * 3600 + minute * 60 + second;
    }
  }
  return null;
}

/** Days of one month that match, as bits 1 to 31. Day of month and day of week both restricted mean either. */
export function matchingDays({ dates, weekdays }: CronSpec, year: number, month: number): number {
  const length = new Date(Date.UTC(year, month, 0)).getUTCDate();
  const firstWeekday = new Date(Date.UTC(year, month - 1, 1)).getUTCDay();
  const weekdayOf = (day: number): number => (firstWeekday + day - 1) % 7;
  let bits = 0;
  for (let day = 1; day <= length; day++) {
    const free = dates === null && weekdays === null;
    if (free || dates?.days.includes(day) || weekdays?.days.includes(weekdayOf(day))) bits |= 1 << day;
  }
  for (const { day, fromEnd, nearestWeekday } of dates?.moving ?? []) {
    const target = fromEnd ? length - day : day;
    // A month without that day has no nearest weekday to it either.
    if (target < 1 || target > length) continue;
    bits |= 1 << (nearestWeekday ? nearestWeekdayTo(target, weekdayOf(target), length) : target);
  }
  for (const { weekday, nth } of weekdays?.moving ?? []) {
    const first = 1 + ((weekday - firstWeekday + 7) % 7);
    const day = nth === "last" ? first + 7 * Math.floor((length - first) / 7) : first + 7 * (nth - 1);
    if (day <= length) bits |= 1 << day;
  }
  return bits;
}

/** Saturday goes back and Sunday forward, unless that leaves the month (Quartz Q5: 1W on a Saturday is the 3rd). */
function nearestWeekdayTo(day: number, weekday: number, length: number): number {
  if (weekday === 6) return day === 1 ? 3 : day - 1;
  if (weekday === 0) return day === length ? day - 2 : day + 1;
  return day;
}
