/**
 * When a trigger is due. The times are computed from the schedule and the stored due time, never from the wall clock,
 * so that a slow or restarted ticker does not move them. trigger/misfire.ts says what becomes of a due one.
 */
import { DAY_MS } from "./duration.ts";
import { cronKey } from "./schedule/schedule.ts";
import { firstAllowed, nextAllowed } from "./trigger/allowed.ts";
import { bounded, mayRepeat, type TriggerDef } from "./trigger/definition.ts";

/**
 * The first due time of a trigger that is created, changed or resumed at `now`: from `now` on (a `once` also before),
 * within start and end. null means that it can never fire.
 */
export function firstFire(def: TriggerDef, now: number): number | null {
  const { schedule, startAt } = def;
  const from = Math.max(now, startAt ?? now);
  if (schedule.kind === "fixedDelay") {
    return mayRepeat(schedule.repeat, def.firedCount) ? delayed(def, from) : null;
  }
  // A calendar may have it fire up to a month before its time.
  return nextFire(def, schedule.kind === "once" ? schedule.at - 40 * DAY_MS : from - 1);
}

/**
 * The first due time strictly after `after`, or null when there is none. A fixed delay has none until its run ends:
 * see `afterRunEnded`. `next` may be `nextAllowed` with a memory (see `memoKey`).
 */
export function nextFire(def: TriggerDef, after: number, next = nextAllowed): number | null {
  const { offsetMs } = def;
  const at = next(def, after - offsetMs);
  return at === null ? null : at + offsetMs;
}

/** The due time of a fixed delay whose run ended at `endedAt`; null for every other kind, and when all are used up. */
export function afterRunEnded(def: TriggerDef, endedAt: number): number | null {
  if (def.schedule.kind !== "fixedDelay" || !mayRepeat(def.schedule.repeat, def.firedCount)) return null;
  return delayed(def, Math.max(endedAt + def.schedule.everyMs, def.startAt ?? 0));
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
    for (let at = delayed(def, firstAt); at !== null && fires.length < Math.min(count, left); ) {
      fires.push(at);
      at = delayed(def, at + schedule.everyMs);
    }
    return fires;
  }
  for (let at = nextFire(def, from); at !== null && fires.length < count; at = nextFire(def, at))
    fires.push(at);
  return fires;
}

/** A fixed delay's time, put off until its calendars include it. */
function delayed(def: TriggerDef, at: number): number | null {
  return bounded(def, firstAllowed(def, at));
}

/**
 * What the ticker may remember the schedule's next time by: triggers with equal keys have the same one after the same
 * time (no earlier than `startAt`). null when the answer is this trigger's own or cheap.
 */
export function memoKey(def: TriggerDef): string | null {
  const { schedule, seed, endAt, calendars, onExcluded } = def;
  if (schedule.kind !== "cron" || endAt !== null) return null;
  const key = cronKey(schedule, seed);
  if (calendars.length === 0) return key;
  return `${key} ${onExcluded} ${calendars.map(({ versionId }) => versionId).join()}`;
}
