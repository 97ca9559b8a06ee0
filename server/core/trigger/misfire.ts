/** What becomes of a due trigger: which of its times are run, which are passed over, and when it is due next. */
import { badInput } from "../rejection.ts";
import { afterRunEnded, nextFire } from "../trigger.ts";
import { excludedAt, firstAllowed, movedFrom } from "./allowed.ts";
import { shiftedByClock, type TriggerDef } from "./definition.ts";
import { HEAD, type Tally, tallyDue, tallyExcluded } from "./tally.ts";

/** What happens to due times that were missed by more than the threshold. */
export interface Misfire {
  policy: MisfirePolicy;
  thresholdMs: number;
  /** FIRE_ALL: at most so many. */
  limit: number;
  /** Times that were missed by more than this are never made up for; absent: however long ago. */
  windowMs?: number | undefined;
}

/** SKIP none of them, FIRE_ONCE the latest, FIRE_ALL the latest `limit`. */
export type MisfirePolicy = "SKIP" | "FIRE_ONCE" | "FIRE_ALL";

export const DEFAULT_MISFIRE: Misfire = {
  policy: "FIRE_ONCE",
  thresholdMs: 60_000,
  limit: 100,
};

/** More catch-up runs than this at one moment would be an outage of their own. */
const MAX_FIRE_ALL = 1_000;
/** Anything shorter than a tick's own lateness would make every fire a misfire. */
const MIN_THRESHOLD_MS = 1_000;

/** Throws BAD_INPUT naming the field at fault: `threshold`, `limit` or `window`. */
export function checkMisfire({ thresholdMs, limit, windowMs }: Misfire): void {
  if (!(thresholdMs >= MIN_THRESHOLD_MS)) throw badInput("threshold", "must be at least PT1S");
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= MAX_FIRE_ALL)) {
    throw badInput("limit", `must be a whole number from 1 to ${MAX_FIRE_ALL}`);
  }
  if (windowMs !== undefined && !(windowMs >= thresholdMs)) {
    throw badInput("window", "must be at least as long as the threshold, within which every time fires");
  }
}

/** One due time that is run. */
export interface Fire {
  scheduledAt: number;
  /** Late by up to 1 s, up to the misfire threshold, or beyond it; in time, but moved by the clocks' change. */
  outcome: "FIRED" | "LATE" | "MISFIRED" | "DST_SHIFTED";
  /** By which policy, or from which day. */
  reason: string | null;
}

/** Times that are not run, to be recorded; each for itself, or a range from the first to the last of them. */
export interface Passed {
  times: number[] | { from: number; to: number; count: number; exact: boolean };
  outcome: "MISFIRED" | "PAUSED" | "EXCLUDED" | "DISCARDED";
  reason: string | null;
}

export interface FireDecision {
  /** In order of time. */
  fires: Fire[];
  passed: Passed[];
  /** May have passed already: within the threshold every time fires. null until a fixed delay's run has ended. */
  nextAt: number | null;
  /** Every time of the schedule up to here has been decided about. */
  notedUntil: number;
}

/** About a trigger that cannot fire: its times are still to be noted when it can. */
export const undecided = (notedUntil: number): FireDecision => ({
  fires: [],
  passed: [],
  nextAt: null,
  notedUntil,
});

/** What is known of a trigger that is due. */
export interface Due {
  dueAt: number;
  /** `notedUntil` of the decision before. */
  notedUntil: number;
  /** Its times before `until` were withheld by a pause: `policy`, if given, decides about them instead of its own. */
  withheld: { until: number; policy: MisfirePolicy | null } | null;
}

const LATE_MS = 1_000;
/** Times that fire with one decision while the ticker is behind: a trigger at 10 Hz catches up ten seconds at once. */
const MAX_BURST = 100;

/**
 * Decides about a trigger that is due. Within the misfire threshold every time fires. Beyond it the policy takes every
 * time that has been missed: SKIP none (a time within the threshold follows by itself), FIRE_ONCE the latest up to now,
 * FIRE_ALL the latest `limit`; the rest is passed over. What a pause withheld is missed, however short it was.
 * `next` may be `nextFire` with a memory (see `memoKey`).
 */
export function decideFire(
  def: TriggerDef,
  due: Due,
  now: number,
  misfire: Misfire,
  next: typeof nextFire = nextFire,
): FireDecision {
  const { dueAt, notedUntil, withheld } = due;
  if (dueAt > now) return { fires: [], passed: [], nextAt: dueAt, notedUntil };
  const put = putOff(def, due);
  if (put !== null) return put;
  const decision =
    withheld !== null && dueAt < withheld.until
      ? decideMissed(def, due, now, misfire, next, withheld)
      : now - dueAt <= misfire.thresholdMs
        ? fireInTime(def, dueAt, now, misfire, next)
        : decideMissed(def, due, now, misfire, next, null);
  const excluded = excludedBetween(def, notedUntil, decision.notedUntil);
  return {
    ...decision,
    passed: [...decision.passed, ...excluded],
    notedUntil: Math.max(notedUntil, decision.notedUntil),
  };
}

/** A fixed delay's time comes from its run's end, not from a schedule: it waits until its calendars include it. */
function putOff(def: TriggerDef, { dueAt }: Due): FireDecision | null {
  if (def.schedule.kind !== "fixedDelay") return null;
  const exclusion = excludedAt(def, dueAt - def.offsetMs);
  if (exclusion === null) return null;
  const passed: Passed = { times: [dueAt], outcome: "EXCLUDED", reason: exclusion.name };
  return { fires: [], passed: [passed], nextAt: firstAllowed(def, dueAt), notedUntil: dueAt };
}

function fireInTime(
  def: TriggerDef,
  dueAt: number,
  now: number,
  misfire: Misfire,
  next: typeof nextFire,
): FireDecision {
  const fires: Fire[] = [];
  let at: number | null = dueAt;
  for (; at !== null && at <= now && fires.length < MAX_BURST; at = next(def, at)) {
    fires.push(fireAt(def, at, now, misfire));
  }
  return { fires, passed: [], nextAt: at, notedUntil: fires.at(-1)?.scheduledAt ?? dueAt };
}

function decideMissed(
  def: TriggerDef,
  { dueAt }: Due,
  now: number,
  own: Misfire,
  next: typeof nextFire,
  withheld: Due["withheld"],
): FireDecision {
  const policy = withheld?.policy ?? own.policy;
  const misfire = { ...own, policy };
  const keep = { SKIP: 0, FIRE_ONCE: 1, FIRE_ALL: misfire.limit }[policy];
  const until =
    withheld !== null
      ? Math.min(now, withheld.until - 1)
      : policy === "SKIP"
        ? Math.ceil(now - misfire.thresholdMs) - 1
        : now;
  const missed = tallyDue(def, dueAt, until, keep + 1, next);
  const oldest = now - (misfire.windowMs ?? Number.POSITIVE_INFINITY);
  const kept = missed.latest.slice(-Math.min(keep, missed.count)).filter((at) => keep > 0 && at >= oldest);
  const fires = kept.map((at): Fire => {
    const fire = fireAt(def, at, now, misfire);
    return withheld === null ? fire : { ...fire, outcome: "MISFIRED", reason: policy };
  });
  const rest = withoutLatest(missed, kept.length);
  const outcome = withheld === null ? "MISFIRED" : "PAUSED";
  const nextAt = missed.nextAt;
  return {
    fires,
    passed: rest === null ? [] : [{ times: rest, outcome, reason: withheld === null ? policy : null }],
    // A run that never was ends at once, or a fixed delay would wait for it for ever.
    nextAt: fires.length === 0 ? (nextAt ?? afterRunEnded(def, now)) : nextAt,
    notedUntil: missed.latest.at(-1) ?? dueAt,
  };
}

/** Times that are passed over because the trigger was changed or paused before it could fire them. */
export function passOver(
  def: TriggerDef,
  { dueAt, notedUntil }: { dueAt: number | null; notedUntil: number },
  before: number,
  outcome: "MISFIRED" | "PAUSED",
  reason: string | null,
): Passed[] {
  const passed: Passed[] = [];
  if (dueAt !== null && dueAt < before) {
    const rest = withoutLatest(tallyDue(def, dueAt, before - 1, 1, nextFire), 0);
    if (rest !== null) passed.push({ times: rest, outcome, reason });
  }
  return [...passed, ...excludedBetween(def, notedUntil, before)];
}

/** What calendars left out after `after` and before `before`. */
function excludedBetween(def: TriggerDef, after: number, before: number): Passed[] {
  if (def.calendars.length === 0 || def.onExcluded !== "SKIP" || def.schedule.kind === "fixedDelay")
    return [];
  const excluded = tallyExcluded(def, after, before);
  const times = withoutLatest(excluded, 0);
  return times === null ? [] : [{ times, outcome: "EXCLUDED", reason: [...excluded.by].sort().join(", ") }];
}

/** All times but the latest `kept`; null when none is left. */
function withoutLatest({ count, exact, head, latest }: Tally, kept: number): Passed["times"] | null {
  const left = count - kept;
  if (left <= 0) return null;
  if (exact && left <= HEAD) return head.slice(0, left);
  const from = head[0];
  const to = latest.at(-1 - kept);
  if (from === undefined || to === undefined) throw new Error("a tally does not know its first or last time");
  return { from, to, count: left, exact };
}

function fireAt(def: TriggerDef, scheduledAt: number, now: number, misfire: Misfire): Fire {
  const lateMs = now - scheduledAt;
  if (lateMs > misfire.thresholdMs) return { scheduledAt, outcome: "MISFIRED", reason: misfire.policy };
  const nominalAt = scheduledAt - def.offsetMs;
  const from = movedFrom(def, nominalAt);
  const reason = from === null ? null : `moved from ${new Date(from + def.offsetMs).toISOString()}`;
  if (lateMs > LATE_MS) return { scheduledAt, outcome: "LATE", reason };
  return { scheduledAt, outcome: shiftedByClock(def, nominalAt) ? "DST_SHIFTED" : "FIRED", reason };
}
