/** The times of a schedule that a trigger's calendars include, or that stand in on another day for one they exclude. */
import { exclusionAt, firstIncluded } from "../calendar/calendar.ts";
import { DAY_MS } from "../duration.ts";
import { zoneOf } from "../schedule/schedule.ts";
import { firstInstantShowing, localAt } from "../schedule/zone.ts";
import { bounded, nextScheduled, type TriggerDef } from "./definition.ts";

/** Past this many excluded times in a row a schedule and its calendars are taken to have nothing in common: 0.3 s. */
const MAX_STEPS = 100_000;
/** How far a time is moved at most: longer than any run of holidays. */
const MAX_MOVE_DAYS = 31;

/** Who excludes a time, before jitter, and until when at least; null: nobody. */
export const excludedAt = ({ schedule, calendars }: TriggerDef, at: number) =>
  calendars.length === 0 ? null : exclusionAt(calendars, zoneOf(schedule), at);

/** The first instant from `at` on, after jitter, that the calendars include; null when there is none. */
export function firstAllowed({ schedule, calendars, offsetMs }: TriggerDef, at: number): number | null {
  if (calendars.length === 0) return at;
  const found = firstIncluded(calendars, zoneOf(schedule), at - offsetMs);
  return found === null ? null : found + offsetMs;
}

/**
 * The first time strictly after `after` that counts, before jitter. Throws when far more times are excluded in a row
 * than make sense.
 */
export function nextAllowed(def: TriggerDef, after: number): number | null {
  if (def.calendars.length === 0) return nextScheduled(def, after);
  return def.onExcluded === "SKIP" ? nextIncluded(def, after) : nextMoved(def, after);
}

function nextIncluded(def: TriggerDef, after: number): number | null {
  let from = after;
  for (let step = 0; step < MAX_STEPS; step++) {
    const at = nextScheduled(def, from);
    const exclusion = at === null ? null : excludedAt(def, at);
    if (at === null || exclusion === null) return at;
    from = Math.max(at, exclusion.until - 1);
  }
  throw new Error(`its calendars exclude more than ${MAX_STEPS} times of its schedule in a row`);
}

/** Moves may overtake each other: Sunday's 9:00 goes back to a Friday on which Saturday's 15:00 already is. */
function nextMoved(def: TriggerDef, after: number): number | null {
  let earliest: number | null = null;
  let from = after - (MAX_MOVE_DAYS + 1) * DAY_MS;
  for (let step = 0; step < MAX_STEPS; step++) {
    const scheduledAt = nextScheduled(def, from);
    if (scheduledAt === null) return earliest;
    if (earliest !== null && scheduledAt > earliest + (MAX_MOVE_DAYS + 1) * DAY_MS) return earliest;
    const at = moved(def, scheduledAt);
    if (at !== null && at > after && (earliest === null || at < earliest)) earliest = at;
    from = scheduledAt;
  }
  throw new Error(`its calendars exclude more than ${MAX_STEPS} times of its schedule in a row`);
}

/** Where a time of the schedule goes: the same time of day on the next or previous day that includes it. */
function moved(def: TriggerDef, scheduledAt: number): number | null {
  if (excludedAt(def, scheduledAt) === null) return scheduledAt;
  const zone = zoneOf(def.schedule);
  const local = localAt(zone, scheduledAt);
  const direction = def.onExcluded === "NEXT_DAY" ? 1 : -1;
  for (let days = 1; days <= MAX_MOVE_DAYS; days++) {
    const at = firstInstantShowing(zone, local + direction * days * DAY_MS);
    if (excludedAt(def, at) === null) return bounded(def, at);
  }
  return null;
}

/** The time of the schedule that `at` (before jitter) stands in for; null when it is one itself. */
export function movedFrom(def: TriggerDef, at: number): number | null {
  if (def.onExcluded === "SKIP" || def.calendars.length === 0) return null;
  if (nextScheduled(def, at - 1) === at) return null;
  for (let from = at - (MAX_MOVE_DAYS + 1) * DAY_MS; ; ) {
    const scheduledAt = nextScheduled(def, from);
    if (scheduledAt === null || scheduledAt > at + (MAX_MOVE_DAYS + 1) * DAY_MS) return null;
    if (moved(def, scheduledAt) === at) return scheduledAt;
    from = scheduledAt;
  }
}
