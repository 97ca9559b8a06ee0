/** When a trigger fires, in words. */
import cronstrue from "cronstrue";
import { clockTime, durationInWords, everyInWords } from "./time.ts";

export type Schedule =
  | { __typename: "OnceSchedule"; at: string }
  | { __typename: "CronSchedule"; expression: string; timeZone: string; dialect: "UNIX" | "QUARTZ" }
  | { __typename: "FixedRateSchedule"; every: string; repeat: number | null }
  | { __typename: "FixedDelaySchedule"; every: string; repeat: number | null }
  | { __typename: "CalendarIntervalSchedule"; every: string; timeZone: string }
  | {
      __typename: "DailyTimeIntervalSchedule";
      every: string;
      from: string;
      until: string;
      weekdays: readonly Weekday[];
      timeZone: string;
      repeat: number | null;
    };

/** From Monday on, as people plan. */
export const WEEKDAYS = [
  "MONDAY",
  "TUESDAY",
  "WEDNESDAY",
  "THURSDAY",
  "FRIDAY",
  "SATURDAY",
  "SUNDAY",
] as const;
export type Weekday = (typeof WEEKDAYS)[number];

/** A cron expression in words, or the expression itself where there are none for it. */
export function cronInWords(expression: string, dialect: "UNIX" | "QUARTZ"): string {
  // H is a fixed pseudo-random value of the trigger's own, for which cronstrue has no word.
  if (/(^|\s)H/.test(expression)) return `${expression} (H: a value of its own)`;
  try {
    return cronstrue.toString(expression, {
      use24HourTimeFormat: true,
      dayOfWeekStartIndexZero: dialect === "UNIX",
    });
  } catch {
    return expression;
  }
}

const times = (repeat: number | null): string => (repeat === null ? "" : `, ${repeat} times`);

/** One sentence, such as `Every 5 minutes, Monday through Friday · Europe/Paris`. */
export function scheduleInWords(schedule: Schedule, nowMs: number, timeZone?: string): string {
  switch (schedule.__typename) {
    case "OnceSchedule":
      return `Once, at ${clockTime(schedule.at, nowMs, timeZone)}`;
    case "CronSchedule": {
      const words = cronInWords(schedule.expression, schedule.dialect);
      return `${words} · ${schedule.timeZone}`;
    }
    case "FixedRateSchedule":
      return capital(everyInWords(schedule.every)) + times(schedule.repeat);
    case "FixedDelaySchedule":
      return `${durationInWords(schedule.every)} after the previous run ends${times(schedule.repeat)}`;
    case "CalendarIntervalSchedule":
      return `${capital(everyInWords(schedule.every))} from its start · ${schedule.timeZone}`;
    case "DailyTimeIntervalSchedule": {
      const { every, from, until, weekdays, repeat } = schedule;
      const words = `${capital(everyInWords(every))} from ${from} to ${until}${onWeekdays(weekdays)}`;
      return `${words}${times(repeat)} · ${schedule.timeZone}`;
    }
  }
}

/** `, Monday through Friday`; nothing for every day. */
function onWeekdays(weekdays: readonly Weekday[]): string {
  const chosen = WEEKDAYS.filter((weekday) => weekdays.includes(weekday));
  if (chosen.length === WEEKDAYS.length) return "";
  if (chosen.join() === WEEKDAYS.slice(0, 5).join()) return ", Monday through Friday";
  return `, on ${chosen.map((weekday) => capital(weekday.toLowerCase())).join(", ")}`;
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

export type Fire = { at: string; local: string; offset: string; note: string | null };

/** What the schedule's clock shows, with its offset: nothing when the reader's shows the same. */
export function clockThere({ local, offset }: Fire, readerOffsetMinutes: number): string | null {
  const [hours = 0, minutes = 0] = offset.slice(1).split(":").map(Number);
  const offsetMinutes = (hours * 60 + minutes) * (offset.startsWith("-") ? -1 : 1);
  return offsetMinutes === readerOffsetMinutes ? null : `${local.slice(11)} at ${offset}`;
}

export type Misfire = { policy: "SKIP" | "FIRE_ONCE" | "FIRE_ALL"; threshold: string; limit: number };

/** What happens to due times that nobody was there for. */
export function misfireInWords({ policy, threshold, limit }: Misfire): string {
  const later = `more than ${durationInWords(threshold)} late`;
  if (policy === "SKIP") return `skipped when ${later}`;
  if (policy === "FIRE_ONCE") return `fired once for all that are ${later}`;
  return `each fired, up to ${limit}, when ${later}`;
}
