/**
 * When a trigger fires, and what becomes of the times that were missed. The times are computed from the schedule and
 * the stored due time, never from the wall clock, so that a slow or restarted ticker does not move them.
 */
import { badInput } from "./rejection.ts";
import { nextCalendarInterval } from "./schedule/calendar-interval.ts";
import { nextCron } from "./schedule/cron.ts";
import { nextDailyTimeInterval } from "./schedule/daily-time-interval.ts";
import { MIN_EVERY_MS } from "./schedule/limits.ts";
import { cronKey, cronSpec, type Schedule } from "./schedule/schedule.ts";

export { checkSchedule, countsFromStart, type Schedule } from "./schedule/schedule.ts";

/** What the next fire depends on. */
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
}

/** What happens to due times that were missed by more than the threshold. */
export interface Misfire {
  /** SKIP none of them, FIRE_ONCE the latest, FIRE_ALL the latest `limit`. */
  policy: "SKIP" | "FIRE_ONCE" | "FIRE_ALL";
  thresholdMs: number;
  limit: number;
}

export const DEFAULT_MISFIRE: Misfire = { policy: "FIRE_ONCE", thresholdMs: 60_000, limit: 100 };

/** Throws BAD_INPUT when no time can lie between the two. */
export function checkWindow(startAt: number | null, endAt: number | null): void {
  if (startAt !== null && endAt !== null && endAt < startAt) throw badInput("endAt", "is before startAt");
}

/** More catch-up runs than this at one moment would be an outage of their own. */
const MAX_FIRE_ALL = 1_000;
/** Anything shorter than a tick's own lateness would make every fire a misfire. */
const MIN_THRESHOLD_MS = 1_000;

/** Throws BAD_INPUT naming the field at fault: `threshold` or `limit`. */
export function checkMisfire({ thresholdMs, limit }: Misfire): void {
  if (!(thresholdMs >= MIN_THRESHOLD_MS)) throw badInput("threshold", "must be at least PT1S");
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= MAX_FIRE_ALL)) {
    throw badInput("limit", `must be a whole number from 1 to ${MAX_FIRE_ALL}`);
  }
}

/**
 * The first due time of a trigger that is created, changed or resumed at `now`: from `now` on (a `once` also before),
 * within start and end. null means that it can never fire.
 */
export function firstFire(def: TriggerDef, now: number): number | null {
  const { schedule, startAt } = def;
  if (schedule.kind === "once") return bounded(def, schedule.at);
  const from = Math.max(now, startAt ?? now);
  if (schedule.kind === "fixedDelay")
    return mayRepeat(schedule.repeat, def.firedCount) ? bounded(def, from) : null;
  return nextFire(def, from - 1);
}

/**
 * The first due time strictly after `after`, or null when there is none. A fixed delay has none until its run ends:
 * see `afterRunEnded`. `next` may be `nextOnSchedule` with a memory (see `memoKey`).
 */
export function nextFire(def: TriggerDef, after: number, next = nextOnSchedule): number | null {
  const { offsetMs } = def;
  const at = next(def, after - offsetMs);
  return at === null ? null : at + offsetMs;
}

/** As the schedule says, before the jitter's offset is added. */
export function nextOnSchedule(def: TriggerDef, after: number): number | null {
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

/** The due time of a fixed delay whose run ended at `endedAt`; null for every other kind, and when all are used up. */
export function afterRunEnded(def: TriggerDef, endedAt: number): number | null {
  if (def.schedule.kind !== "fixedDelay" || !mayRepeat(def.schedule.repeat, def.firedCount)) return null;
  return bounded(def, Math.max(endedAt + def.schedule.everyMs, def.startAt ?? 0));
}

/**
 * The next `count` due times strictly after `from`, for people. A fixed delay's are the earliest possible: as if its
 * runs took no time.
 */
export function nextFires(def: TriggerDef, from: number, count: number): number[] {
  const { schedule, startAt, firedCount } = def;
  const fires: number[] = [];
  if (schedule.kind === "fixedDelay") {
    const firstAt =
      firedCount === 0 && startAt !== null && startAt > from ? startAt : from + schedule.everyMs;
    const left = schedule.repeat === undefined ? count : schedule.repeat + 1 - firedCount;
    for (let at = firstAt; fires.length < Math.min(count, left) && bounded(def, at); at += schedule.everyMs)
      fires.push(at);
    return fires;
  }
  for (let at = nextFire(def, from); at !== null && fires.length < count; at = nextFire(def, at))
    fires.push(at);
  return fires;
}

/** One due time that is run, and how late that is: up to 1 s, up to the misfire threshold, or beyond it. */
export interface Fire {
  scheduledAt: number;
  outcome: "FIRED" | "LATE" | "MISFIRED";
}

/** Due times that are passed over, to be recorded: `from` and `to` are the first and the last of them. */
export interface Skipped {
  from: number;
  to: number;
  count: number;
  /** false: there were too many to count, at least `count`. */
  exact: boolean;
}

export interface FireDecision {
  /** In order of time. */
  fires: Fire[];
  skipped: Skipped | null;
  /** May have passed already: within the threshold every time fires. null until a fixed delay's run has ended. */
  nextAt: number | null;
}

const LATE_MS = 1_000;

/**
 * Decides about a trigger that was due at `dueAt`. Within the misfire threshold it fires. Beyond it the policy takes
 * every time that has been missed: SKIP none (a time within the threshold follows by itself), FIRE_ONCE the latest up to
 * now, FIRE_ALL the latest `limit`; the rest is skipped. `next` may be `nextFire` with a memory (see `memoKey`).
 */
export function decideFire(
  def: TriggerDef,
  dueAt: number,
  now: number,
  misfire: Misfire,
  next: typeof nextFire = nextFire,
): FireDecision {
  if (dueAt > now) return { fires: [], skipped: null, nextAt: dueAt };
  const fire = (scheduledAt: number): Fire => ({
    scheduledAt,
    outcome: lateness(now - scheduledAt, misfire),
  });
  if (now - dueAt <= misfire.thresholdMs) {
    return { fires: [fire(dueAt)], skipped: null, nextAt: next(def, dueAt) };
  }
  const keep = { SKIP: 0, FIRE_ONCE: 1, FIRE_ALL: misfire.limit }[misfire.policy];
  const until = misfire.policy === "SKIP" ? Math.ceil(now - misfire.thresholdMs) - 1 : now;
  const { count, exact, latest, nextAt } = missedTimes(def, dueAt, until, keep + 1, next);
  const kept = Math.min(keep, count);
  const fires = latest.slice(latest.length - kept).map(fire);
  const to = latest.at(-1 - kept);
  const skipped = to === undefined ? null : { from: dueAt, to, count: count - kept, exact };
  // A run that never was ends at once, or a fixed delay would wait for it for ever.
  return { fires, skipped, nextAt: fires.length === 0 ? (nextAt ?? afterRunEnded(def, now)) : nextAt };
}

/**
 * What the ticker may remember the schedule's next time by: triggers with equal keys have the same one after the same
 * time (no earlier than `startAt`). null when the answer is this trigger's own or cheap.
 */
export function memoKey(def: TriggerDef): string | null {
  return def.schedule.kind === "cron" && def.endAt === null ? cronKey(def.schedule, def.seed) : null;
}

function lateness(lateMs: number, misfire: Misfire): Fire["outcome"] {
  if (lateMs > misfire.thresholdMs) return "MISFIRED";
  return lateMs > LATE_MS ? "LATE" : "FIRED";
}

const mayRepeat = (repeat: number | undefined, index: number): boolean =>
  repeat === undefined || index <= repeat;

/** null stands for "outside start and end", and so for "not at all". */
function bounded({ startAt, endAt, offsetMs }: TriggerDef, at: number | null): number | null {
  if (at === null || (startAt !== null && at < startAt)) return null;
  return endAt !== null && at + offsetMs > endAt ? null : at;
}

interface Missed {
  count: number;
  exact: boolean;
  /** The last ones, ascending, as many as were wanted and are there. */
  latest: number[];
  /** The first due time after all of them. */
  nextAt: number | null;
}

/** Above this, counting a cron trigger's missed times one by one would hold up the others: 1,000 take about 2 ms. */
const MAX_COUNTED = 1_000;

/** The due times from `dueAt` to `until`, both inclusive; `dueAt` is known to be one. */
function missedTimes(
  def: TriggerDef,
  dueAt: number,
  until: number,
  wanted: number,
  next: typeof nextFire,
): Missed {
  const { schedule } = def;
  if (schedule.kind === "fixedRate") {
    const secondAt = nextFire(def, dueAt);
    const lastAt = latestFire(def, dueAt, until);
    const count =
      secondAt === null || secondAt > until ? 1 : 2 + Math.round((lastAt - secondAt) / schedule.everyMs);
    const latest = Array.from({ length: Math.min(wanted, count) }, (_, back) =>
      back === count - 1 ? dueAt : lastAt - back * schedule.everyMs,
    );
    return { count, exact: true, latest: latest.reverse(), nextAt: nextFire(def, until) };
  }
  const times = [dueAt];
  let at = next(def, dueAt);
  for (; at !== null && at <= until && times.length < MAX_COUNTED; at = next(def, at)) times.push(at);
  if (at === null || at > until) {
    return { count: times.length, exact: true, latest: times.slice(-wanted), nextAt: at };
  }
  const latest = [latestFire(def, dueAt, until)];
  while (latest.length < wanted) latest.push(latestFire(def, dueAt, (latest.at(-1) ?? dueAt) - 1));
  return { count: MAX_COUNTED, exact: false, latest: latest.reverse(), nextAt: next(def, until) };
}

/**
 * The last due time up to `until`, given that `dueAt` is one: schedules only look forward, so this closes in on it from
 * both sides. Looks back in doubling steps first, because it is near for all but the sparsest schedules.
 */
function latestFire(def: TriggerDef, dueAt: number, until: number): number {
  const firstAfter = (after: number): number => nextFire(def, after) ?? Number.POSITIVE_INFINITY;
  let latest = dueAt;
  let empty = until;
  for (let back = MIN_EVERY_MS; until - back > dueAt; back *= 2) {
    const found = firstAfter(until - back);
    if (found <= until) {
      latest = found;
      break;
    }
    empty = until - back;
  }
  while (latest < empty) {
    const middle = Math.floor((latest + empty) / 2);
    const found = firstAfter(middle);
    if (found <= until) latest = found;
    else empty = middle;
  }
  return latest;
}
