/** What a change does to the fires of a trigger: which are new, which are gone, which are at another time. */
import { DAY_MS } from "../duration.ts";
import { zoneOf } from "../schedule/schedule.ts";
import { localAt } from "../schedule/zone.ts";
import { nextFire } from "../trigger.ts";
import type { TriggerDef } from "./definition.ts";

export interface FireChanges {
  /** What was compared: from now on, for at most 30 days. */
  from: number;
  until: number;
  /** false: the fires were too many, so `until` is earlier than 30 days from now. */
  complete: boolean;
  unchanged: number;
  added: number[];
  removed: number[];
  moved: { from: number; to: number }[];
}

/** A definition with the time that it is due next; null: it is not due any more, or not there. */
export interface Upcoming {
  def: TriggerDef;
  nextAt: number | null;
}

const DAYS = 30;
/** A page of times that a person may look at; and some 20 ms to compute. */
const MAX_FIRES = 1_000;

/** Compares the fires from `now` on. `null` for a trigger that is not there before or after. */
export function fireChanges(before: Upcoming | null, after: Upcoming | null, now: number): FireChanges {
  const horizon = now + DAYS * DAY_MS;
  const [old, fresh] = [firesUntil(before, now, horizon), firesUntil(after, now, horizon)];
  const until = Math.min(old.until, fresh.until);
  const within = ({ times }: { times: number[] }) => times.filter((at) => at <= until);
  const oldSet = new Set(within(old));
  const freshSet = new Set(within(fresh));
  const removed = [...oldSet].filter((at) => !freshSet.has(at));
  const added = [...freshSet].filter((at) => !oldSet.has(at));
  const zone = zoneOf((after ?? before)?.def.schedule ?? { kind: "once", at: 0 });
  return {
    from: now,
    until,
    complete: until === horizon,
    unchanged: oldSet.size - removed.length,
    ...paired(removed, added, (at) => Math.floor(localAt(zone, at) / DAY_MS)),
  };
}

function firesUntil(upcoming: Upcoming | null, now: number, horizon: number) {
  const times: number[] = [];
  if (upcoming === null) return { times, until: horizon };
  const { def, nextAt } = upcoming;
  for (let at = nextAt; at !== null && at <= horizon; at = nextFire(def, at)) {
    if (times.length === MAX_FIRES) return { times, until: at - 1 };
    if (at >= now) times.push(at);
  }
  return { times, until: horizon };
}

/** A week's holidays move a time no further than this; what is further apart is not the same fire. */
const MOVED_DAYS = 7;

/** Of those on one day of the wall clock the first goes with the first; what is left then, with the nearest later on. */
function paired(
  removed: readonly number[],
  added: readonly number[],
  dayOf: (at: number) => number,
): Pick<FireChanges, "added" | "removed" | "moved"> {
  const moved: FireChanges["moved"] = [];
  const free = new Set(added);
  const pair = (times: readonly number[], isNear: (from: number, to: number) => boolean): number[] =>
    times.filter((from) => {
      for (const to of free) {
        if (!isNear(from, to)) continue;
        free.delete(to);
        moved.push({ from, to });
        return false;
      }
      return true;
    });
  const sameDay = pair(removed, (from, to) => dayOf(from) === dayOf(to));
  const left = pair(sameDay, (from, to) => Math.abs(dayOf(to) - dayOf(from)) <= MOVED_DAYS);
  return { added: [...free], removed: left, moved: moved.sort((a, b) => a.from - b.from) };
}
