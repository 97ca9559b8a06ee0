/** Backfills: which past dates are run once more, and in which order. */

import { DAY_MS } from "./duration.ts";
import { badInput, limitExceeded } from "./rejection.ts";
import { firstInstantShowing, instantsShowing, localAt } from "./schedule/zone.ts";
import type { TriggerDef } from "./trigger/definition.ts";
import { nextFire } from "./trigger.ts";

/** What a backfill does about dates that have a run: none of them, those that did not succeed, all. */
export type Reprocess = "NONE" | "FAILED" | "ALL";

export type BackfillState = "RUNNING" | "PAUSED" | "STOPPED" | "CANCELLED" | "COMPLETE";

/** KEPT: it had a run already. SKIPPED: its run was, by the job's own policies. */
export type DateState = "PENDING" | "STARTED" | "SUCCEEDED" | "FAILED" | "CANCELLED" | "SKIPPED" | "KEPT";

/** Both inclusive, epoch milliseconds. */
export interface DateRange {
  from: number;
  to: number;
}

/**
 * A trigger's times in a range, as its schedule and calendars have them now; of a cron expression also those before its
 * start. Throws BAD_INPUT when it has none by the clock, LIMIT_EXCEEDED for more than `max`.
 */
export function datesOfTrigger(def: TriggerDef, range: DateRange, max: number): number[] {
  const { schedule } = def;
  if (schedule.kind === "once" || schedule.kind === "fixedDelay") {
    throw badInput(
      "trigger",
      `has a ${schedule.kind} schedule, which names no past dates; give a list of dates instead`,
    );
  }
  const free: TriggerDef = { ...def, startAt: schedule.kind === "cron" ? null : def.startAt, endAt: null };
  const dates: number[] = [];
  for (let at = nextFire(free, range.from - 1); at !== null && at <= range.to; at = nextFire(free, at)) {
    dates.push(at);
    refuseTooMany(dates.length, max);
  }
  return dates;
}

/** Midnight of every day in a range, by the wall clock of a zone. Throws LIMIT_EXCEEDED for more than `max`. */
export function dailyDates(timeZone: string, range: DateRange, max: number): number[] {
  const dates: number[] = [];
  for (let day = Math.floor(localAt(timeZone, range.from) / DAY_MS) * DAY_MS; ; day += DAY_MS) {
    // A day that the zone leaves out has no midnight, and one whose clocks skip it begins after it.
    const at = instantsShowing(timeZone, day)[0] ?? firstInstantShowing(timeZone, day);
    if (at > range.to) return dates;
    if (at < range.from || at === dates.at(-1)) continue;
    dates.push(at);
    refuseTooMany(dates.length, max);
  }
}

/** In the order given, each once. Throws LIMIT_EXCEEDED, and BAD_INPUT for an empty list. */
export function listedDates(dates: readonly number[], max: number): number[] {
  if (dates.length === 0) throw badInput("dates", "is empty; give one date at least, or from and to");
  refuseTooMany(dates.length, max);
  return [...new Set(dates)];
}

function refuseTooMany(count: number, max: number): void {
  if (count > max) {
    throw limitExceeded(`makes more than ${max} dates; take them in several backfills`, "to");
  }
}

/** Throws BAD_INPUT for a range that is not one of the past. */
export function checkDateRange({ from, to }: DateRange, now: number): void {
  if (to < from) throw badInput("to", "is before from");
  if (to > now) throw badInput("to", "lies ahead; a backfill is for times that have passed");
}

/** Whether a date with a run in `state` is run once more; null: it has none. */
export function isReprocessed(reprocess: Reprocess, state: string | null): boolean {
  if (state === null || reprocess === "ALL") return true;
  return reprocess === "FAILED" && (state === "FAILED" || state === "CANCELLED" || state === "SKIPPED");
}
