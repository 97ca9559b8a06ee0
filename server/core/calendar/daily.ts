/** A rule about a stretch of each day, by the wall clock's time of day. */
import { DAY_MS } from "../duration.ts";
import { timeOfDayMs } from "../schedule/daily-time-interval.ts";
import type { WallRule } from "./wall.ts";

/** From `from` up to `until`, past midnight when that is earlier; inverted: from `until` up to `from`. */
export function daily(rule: { from: string; until: string; invert: boolean }): WallRule {
  const [from, until] = [timeOfDayMs(rule.from, "daily.from"), timeOfDayMs(rule.until, "daily.until")];
  const [begins, ends] = rule.invert ? [until, from] : [from, until];
  const excludes = (time: number): boolean =>
    begins < ends ? time >= begins && time < ends : time >= begins || time < ends;
  return {
    excludedUntil: (local) => (excludes(timeOf(local)) ? nextShowing(ends, local) : null),
    nextExcluded: (local) => (excludes(timeOf(local)) ? local : nextShowing(begins, local)),
  };
}

const timeOf = (local: number): number => local - Math.floor(local / DAY_MS) * DAY_MS;

/** The first time after `local` that has this time of day. */
function nextShowing(time: number, local: number): number {
  const now = timeOf(local);
  return local - now + time + (time <= now ? DAY_MS : 0);
}
