/** What a schedule is, which ones are accepted, and the parsed form of its cron expression. */
import { type CronSpec, type Dialect, parseCron } from "./cron.ts";
import { badInput } from "./rejection.ts";
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
  | { kind: "fixedDelay"; everyMs: number; repeat?: number };

/** Quicker than this, a trigger is a busy loop; let its task loop instead. */
export const MIN_EVERY_MS = 100;
const MAX_EVERY_MS = 100 * 366 * 86_400_000;
const MAX_REPEAT = 1_000_000_000;
/** 9999-12-31: what an RFC 3339 time can say. */
const MAX_TIME = 253_402_300_799_999;

/**
 * Throws BAD_INPUT naming the field at fault: `at`, `expression`, `timeZone`, `every` or `repeat`. A `once` in the past
 * is accepted: "now" has passed by the time it arrives here, and the misfire policy decides about older ones.
 */
export function checkSchedule(schedule: Schedule, seed: string): void {
  if (schedule.kind === "once") {
    if (!(schedule.at >= 0 && schedule.at <= MAX_TIME))
      throw badInput("at", "must be a time from 1970 to 9999");
  } else if (schedule.kind === "cron") {
    checkZone(schedule.timeZone, "timeZone");
    parseCron(schedule.expression, { dialect: schedule.dialect, hashSeed: seed });
  } else {
    const { everyMs, repeat } = schedule;
    if (!(everyMs >= MIN_EVERY_MS && everyMs <= MAX_EVERY_MS)) {
      throw badInput("every", "must be from PT0.1S to 100 years");
    }
    if (repeat !== undefined && !(Number.isInteger(repeat) && repeat >= 0 && repeat <= MAX_REPEAT)) {
      throw badInput(
        "repeat",
        `must be a whole number from 0 to ${MAX_REPEAT}; leave it out to repeat without end`,
      );
    }
  }
}

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
