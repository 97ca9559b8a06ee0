/** What a trigger's times depend on, and the times that its schedule alone names, before calendars and jitter. */
import type { Calendar } from "../calendar/calendar.ts";
import { badInput } from "../rejection.ts";
import { nextCalendarInterval } from "../schedule/calendar-interval.ts";
import { nextCron } from "../schedule/cron.ts";
import { nextDailyTimeInterval } from "../schedule/daily-time-interval.ts";
import { cronSpec, type Schedule, zoneOf } from "../schedule/schedule.ts";
import { segmentAt } from "../schedule/zone.ts";

export interface TriggerDef {
  schedule: Schedule;
  /** No due time lies before it; intervals and rates are counted from it. */
  startAt: number | null;
  /** No due time lies after it (inclusive). A time that is due by then still fires when it is late. */
  endAt: number | null;
  /** When the schedule was set: what intervals and rates are counted from without `startAt`. */
  anchorAt: number;
  /** What H hashes in a cron expression; stable for the trigger's life. */
  seed: string;
  /** Fires so far; a fixed delay has no grid to count on. */
  firedCount: number;
  /** By how much every due time is later than the schedule says: see `jitterOffset`. */
  offsetMs: number;
  /** A time counts if all of them include it. */
  calendars: readonly TriggerCalendar[];
  onExcluded: OnExcluded;
}

/** A calendar as it was at one time. */
export interface TriggerCalendar extends Calendar {
  /** Stands for the content: another content has another id. */
  versionId: number;
}

/** What becomes of a time that a calendar excludes. */
export const ON_EXCLUDED = ["SKIP", "NEXT_DAY", "PREVIOUS_DAY"] as const;
export type OnExcluded = (typeof ON_EXCLUDED)[number];

/** Throws BAD_INPUT when no time can lie between the two. */
export function checkWindow(startAt: number | null, endAt: number | null): void {
  if (startAt === null || endAt === null || !(endAt < startAt)) return;
  const [start, end] = [startAt, endAt].map((at) => new Date(at).toISOString());
  throw badInput("endAt", `is ${end}, before startAt, which is ${start}; no time lies between them`);
}

/**
 * Throws BAD_INPUT for `onExcluded`: only what keeps to a time of day can be moved to another day, and a schedule of a
 * hundred times a day would heap them up there.
 */
export function checkOnExcluded(onExcluded: OnExcluded, schedule: Schedule, seed: string): void {
  if (onExcluded === "SKIP" || schedule.kind === "once") return;
  if (schedule.kind === "calendarInterval" && schedule.unit !== "MS") return;
  if (schedule.kind === "cron") {
    const { wallClock, hours, minutes, seconds } = cronSpec(schedule, seed);
    if (wallClock && hours.length * minutes.length * seconds.length <= MAX_TIMES_A_DAY) return;
  }
  throw badInput(
    "onExcluded",
    `${onExcluded} moves a time of day to another day: it needs a schedule of at most ${MAX_TIMES_A_DAY} fixed times a day (once, cron with numbers for hour and minute, or intervals of days and months); use SKIP with this one`,
  );
}

const MAX_TIMES_A_DAY = 24;

/** The first time strictly after `after` that the schedule names within start and end; none for a fixed delay. */
export function nextScheduled(def: TriggerDef, after: number): number | null {
  const { schedule, startAt } = def;
  const anchorAt = startAt ?? def.anchorAt;
  switch (schedule.kind) {
    case "once":
      return schedule.at > after ? bounded(def, schedule.at) : null;
    case "cron": {
      const spec = cronSpec(schedule, def.seed);
      return bounded(def, nextCron(spec, schedule, Math.max(after, (startAt ?? after) - 1)));
    }
    case "fixedRate": {
      const index = Math.max(0, Math.floor((after - anchorAt) / schedule.everyMs) + 1);
      return mayRepeat(schedule.repeat, index) ? bounded(def, anchorAt + index * schedule.everyMs) : null;
    }
    case "calendarInterval":
      return bounded(def, nextCalendarInterval(schedule, anchorAt, after));
    case "dailyTimeInterval":
      return bounded(def, nextDailyTimeInterval(schedule, anchorAt, after));
    case "fixedDelay":
      return null;
  }
}

/** Whether a time of the schedule stands in for one that the clocks skipped just before. */
export function shiftedByClock(def: TriggerDef, at: number): boolean {
  const { schedule } = def;
  if (!("gap" in schedule) || schedule.gap !== "SHIFT") return false;
  const { from, offsetMs, offsetBeforeMs } = segmentAt(zoneOf(schedule), at);
  if (from !== at || offsetMs <= offsetBeforeMs) return false;
  return nextScheduled({ ...def, schedule: { ...schedule, gap: "SKIP" } }, at - 1) !== at;
}

/** Whether the `index`-th time, the first being 0, is one that `repeat` still allows. */
export const mayRepeat = (repeat: number | undefined, index: number): boolean =>
  repeat === undefined || index <= repeat;

/** null stands for "outside start and end", and so for "not at all". */
export function bounded({ startAt, endAt, offsetMs }: TriggerDef, at: number | null): number | null {
  if (at === null || (startAt !== null && at < startAt)) return null;
  return endAt !== null && at + offsetMs > endAt ? null : at;
}
