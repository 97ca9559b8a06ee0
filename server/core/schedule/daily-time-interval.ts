/**
 * Every so often within a window of the day, on chosen weekdays of a zone. Each day's fires are counted from the
 * window's opening, which is the first instant at which the wall clock shows `from` or later, and follow elapsed time
 * (SEMANTICS X): those at which the wall clock shows a time inside the window count. So a clock put back inside the
 * window gives that hour's fires twice, one put forward leaves them out, and no other day is any different.
 *
 * A window that ends before it begins goes on past midnight and belongs to the day on which it opens.
 */
import { DAY_MS } from "../duration.ts";
import { badInput } from "../rejection.ts";
import { checkEvery, checkRepeat, END_MS } from "./limits.ts";
import { checkZone, firstInstantShowing, localAt, type Segment, segmentAt } from "./zone.ts";

export const WEEKDAYS = [
  "SUNDAY",
  "MONDAY",
  "TUESDAY",
  "WEDNESDAY",
  "THURSDAY",
  "FRIDAY",
  "SATURDAY",
] as const;
export type Weekday = (typeof WEEKDAYS)[number];

export type DailyTimeIntervalSchedule = {
  kind: "dailyTimeInterval";
  everyMs: number;
  /** Times of day such as 08:00 or 17:30:00, both inclusive. */
  from: string;
  until: string;
  weekdays: readonly Weekday[];
  timeZone: string;
  /** Fires after the first one from the start on; without it there is no end. */
  repeat?: number;
};

/** Throws BAD_INPUT for `every`, `from`, `until`, `weekdays`, `timeZone` or `repeat`. */
export function checkDailyTimeInterval(schedule: DailyTimeIntervalSchedule): void {
  checkEvery(schedule.everyMs);
  timeOfDayMs(schedule.from, "from");
  timeOfDayMs(schedule.until, "until");
  if (schedule.weekdays.length === 0) {
    throw badInput("weekdays", "is empty, so it would never fire; leave it out for every day");
  }
  checkZone(schedule.timeZone);
  checkRepeat(schedule.repeat);
}

/**
 * The first fire strictly after `after` and not before `startAt`, where `repeat` begins to count; null past the last
 * one and past the end of 2199.
 */
export function nextDailyTimeInterval(
  schedule: DailyTimeIntervalSchedule,
  startAt: number,
  after: number,
): number | null {
  const days = readDays(schedule);
  const next = nextOf(days, Math.max(after, startAt - 1));
  return next !== null && next <= lastOf(days, schedule, startAt) ? next : null;
}

/** A schedule with its texts read. */
interface Days {
  timeZone: string;
  everyMs: number;
  fromMs: number;
  /** Counted from the same midnight as `fromMs`, so past 24 hours when the window goes on past midnight. */
  untilMs: number;
  weekdays: readonly boolean[];
}

function readDays({ timeZone, everyMs, from, until, weekdays }: DailyTimeIntervalSchedule): Days {
  const fromMs = timeOfDayMs(from, "from");
  const untilMs = timeOfDayMs(until, "until");
  return {
    timeZone,
    everyMs,
    fromMs,
    untilMs: untilMs < fromMs ? untilMs + DAY_MS : untilMs,
    weekdays: WEEKDAYS.map((weekday) => weekdays.includes(weekday)),
  };
}

function nextOf(days: Days, after: number): number | null {
  // Yesterday's window may go on, and the day before's where the clocks were put back across midnight since.
  for (let day = midnightBefore(localAt(days.timeZone, after)) - 2 * DAY_MS; day < END_MS; day += DAY_MS) {
    const next = nextOn(days, day, after);
    if (next === null) continue;
    // Where the clocks were put back across midnight, two days' windows interleave.
    const tomorrows = nextOn(days, day + DAY_MS, after);
    return tomorrows === null ? next : Math.min(next, tomorrows);
  }
  return null;
}

/** The first fire after `after` of the window that opens on `day`, a local midnight. */
function nextOn(
  { timeZone, everyMs, fromMs, untilMs, weekdays }: Days,
  day: number,
  after: number,
): number | null {
  if (!weekdays[new Date(day).getUTCDay()]) return null;
  const [opens, closes] = [day + fromMs, day + untilMs];
  const first = firstInstantShowing(timeZone, opens);
  const gridFrom = (at: number): number => first + Math.max(0, Math.ceil((at - first) / everyMs)) * everyMs;
  for (let at = gridFrom(after + 1); ; ) {
    const segment = segmentAt(timeZone, at);
    const local = at + segment.offsetMs;
    if (local < opens) at = gridFrom(opens - segment.offsetMs);
    else if (local <= closes) return at;
    else if (segment.until + segment.offsetAfterMs <= closes) at = gridFrom(segment.until);
    else return null;
  }
}

/** The last fires that `repeat` allows, by schedule and start: finding one walks through its days. */
const lasts = new Map<string, number>();
const MAX_LASTS = 10_000;

function lastOf(days: Days, schedule: DailyTimeIntervalSchedule, startAt: number): number {
  if (schedule.repeat === undefined) return Number.POSITIVE_INFINITY;
  const key = JSON.stringify([schedule, startAt]);
  const known = lasts.get(key);
  if (known !== undefined) return known;
  const last = findLast(days, startAt, schedule.repeat);
  if (lasts.size >= MAX_LASTS) lasts.clear();
  lasts.set(key, last);
  return last;
}

/** The fire that is `repeat` fires after the first one. */
function findLast(days: Days, startAt: number, repeat: number): number {
  let left = repeat;
  let at = nextOf(days, startAt - 1);
  while (at !== null && left > 0) {
    const segment = segmentAt(days.timeZone, at);
    const weeks = equalWeeks(days, segment, at, left);
    if (weeks > 0) {
      left -= weeks * firesPerWeek(days);
      at += weeks * 7 * DAY_MS;
      continue;
    }
    // As many fires as lie in one window of one stretch are one multiplication.
    const local = at + segment.offsetMs;
    const day = midnightBefore(local - days.fromMs);
    const closes = Math.min(day + days.untilMs, segment.until + segment.offsetMs - 1);
    const steps = Math.min(left, Math.max(0, Math.floor((closes - local) / days.everyMs)));
    left -= steps;
    at += steps * days.everyMs;
    if (left === 0) return at;
    at = nextOf(days, at);
    left--;
  }
  return at ?? Number.POSITIVE_INFINITY;
}

/** Weeks from a fire on that have no more than `left` fires, and no change of the clock in the windows they touch. */
function equalWeeks(days: Days, { from, until }: Segment, at: number, left: number): number {
  if (at < from + 2 * DAY_MS) return 0;
  const undisturbed = Math.floor((until - 2 * DAY_MS - at) / (7 * DAY_MS));
  return Math.max(0, Math.min(undisturbed, Math.floor(left / firesPerWeek(days))));
}

const firesPerWeek = ({ fromMs, untilMs, everyMs, weekdays }: Days): number =>
  weekdays.filter(Boolean).length * (Math.floor((untilMs - fromMs) / everyMs) + 1);

const midnightBefore = (local: number): number => Math.floor(local / DAY_MS) * DAY_MS;

const TIME_OF_DAY = /^(\d{2}):(\d{2})(?::(\d{2}))?$/;

/** Milliseconds since midnight. Throws BAD_INPUT for `field`. */
export function timeOfDayMs(text: string, field: string): number {
  const [match, hour, minute, second = "0"] = TIME_OF_DAY.exec(text) ?? [];
  const said = `"${text.slice(0, 40)}" is not a time of day such as 08:00 or 17:30:00`;
  if (match === undefined) throw badInput(field, `${said}${meantTime(text)}`);
  if (Number(hour) > 23) throw badInput(field, `${said}: its hour is past 23, the last time is 23:59:59`);
  if (Number(minute) > 59) throw badInput(field, `${said}: its minute is past 59`);
  if (Number(second) > 59) throw badInput(field, `${said}: its second is past 59`);
  return ((Number(hour) * 60 + Number(minute)) * 60 + Number(second)) * 1000;
}

/** What is written instead: `8:00`, `0800`, `8 am`, `5pm`. */
function meantTime(text: string): string {
  const [, hour, minute = "00", half] = /^(\d{1,2})(?:[:.]?(\d{2}))?\s*([ap]m)?$/i.exec(text.trim()) ?? [];
  const given = Number(hour);
  const meant = half === undefined ? given : (given % 12) + (half.toLowerCase() === "pm" ? 12 : 0);
  return meant <= 23 && Number(minute) <= 59
    ? `: did you mean ${String(meant).padStart(2, "0")}:${minute}?`
    : ": it must be hours, a colon and minutes, of two digits each";
}
