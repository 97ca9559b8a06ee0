/** What a schedule is, which ones are accepted, and the parsed form of its cron expression. */
import { badInput } from "../rejection.ts";
import { type CalendarIntervalSchedule, checkCalendarInterval } from "./calendar-interval.ts";
import { type CronSpec, type Dialect, parseCron } from "./cron.ts";
import { checkDailyTimeInterval, type DailyTimeIntervalSchedule } from "./daily-time-interval.ts";
import { checkEvery, checkRepeat } from "./limits.ts";
import { checkZone } from "./zone.ts";

/** As stored in the database. Times are epoch milliseconds. */
export type Schedule =
  | { kind: "once"; at: number }
  | {
      kind: "cron";
      expression: string;
      timeZone: string;
      dialect: Dialect;
      gap: "SHIFT" | "SKIP";
      overlap: "FIRST" | "SECOND" | "BOTH";
    }
  /** Fires at start + n · every; `repeat` counts the fires after the first (Quartz Q4), without it there is no end. */
  | { kind: "fixedRate"; everyMs: number; repeat?: number }
  /** Fires `everyMs` after the previous run ended. */
  | { kind: "fixedDelay"; everyMs: number; repeat?: number }
  | CalendarIntervalSchedule
  | DailyTimeIntervalSchedule;

/** 9999-12-31: what an RFC 3339 time can say. */
const MAX_TIME = 253_402_300_799_999;

/**
 * Throws BAD_INPUT naming the field at fault: `at`, `expression`, `timeZone`, `every`, `repeat` and the like. A `once`
 * in the past is accepted: "now" has passed by the time it arrives here, and the misfire policy decides about older ones.
 */
export function checkSchedule(schedule: Schedule, seed: string): void {
  switch (schedule.kind) {
    case "once":
      if (schedule.at >= 0 && schedule.at <= MAX_TIME) return;
      throw badInput("at", "must be a time from 1970 to 9999");
    case "cron":
      checkZone(schedule.timeZone);
      parseCron(schedule.expression, { dialect: schedule.dialect, hashSeed: seed });
      return;
    case "calendarInterval":
      checkCalendarInterval(schedule);
      return;
    case "dailyTimeInterval":
      checkDailyTimeInterval(schedule);
      return;
    case "fixedRate":
    case "fixedDelay":
      checkEvery(schedule.everyMs);
      checkRepeat(schedule.repeat);
  }
}

/** True when the times are counted from the start, which then has to be an instant that does not move. */
export const countsFromStart = (schedule: Schedule): boolean =>
  schedule.kind === "fixedRate" ||
  schedule.kind === "calendarInterval" ||
  (schedule.kind === "dailyTimeInterval" && schedule.repeat !== undefined);

/** The zone whose wall clock the schedule goes by. */
export const zoneOf = (schedule: Schedule): string => ("timeZone" in schedule ? schedule.timeZone : "UTC");

export type CronSchedule = Extract<Schedule, { kind: "cron" }>;

/** All that a cron schedule's times depend on: the seed only where H hashes it. */
export function cronKey({ expression, timeZone, dialect, gap, overlap }: CronSchedule, seed: string): string {
  return JSON.stringify([expression, dialect, hashedSeed(expression, seed), timeZone, gap, overlap]);
}

const hashedSeed = (expression: string, seed: string): string => (/(^|[\s,])H/i.test(expression) ? seed : "");

/** Parsed expressions, oldest first; a spec is one or two kilobytes and costs some 100 µs to parse. */
const specs = new Map<string, CronSpec>();
const MAX_SPECS = 5_000;

/** The parsed expression of a schedule that has passed `checkSchedule`. */
export function cronSpec({ expression, dialect }: CronSchedule, seed: string): CronSpec {
  const key = JSON.stringify([expression, dialect, hashedSeed(expression, seed)]);
  const parsed = specs.get(key);
  if (parsed) return parsed;
  const spec = parseCron(expression, { dialect, hashSeed: seed });
  for (const oldest of specs.keys()) {
    if (specs.size < MAX_SPECS) break;
    specs.delete(oldest);
  }
  specs.set(key, spec);
  return spec;
}
