/** Counting a trigger's times between two moments, after jitter: those that count and those that calendars exclude. */
import { MIN_EVERY_MS } from "../schedule/limits.ts";
import { excludedAt } from "./allowed.ts";
import { nextScheduled, type TriggerDef } from "./definition.ts";

/** Times in order, of which only the first and the last are kept. */
export interface Tally {
  count: number;
  /** false: there were too many to count, at least `count`. */
  exact: boolean;
  /** The first ones, up to HEAD. */
  head: number[];
  /** The last ones, as many as were wanted and are there. */
  latest: number[];
}

/** So many times have a row of the ledger each; more of them share one. */
export const HEAD = 10;

/** Above this, counting a schedule's times one by one would hold up others: 1,000 of a cron expression take about 2 ms. */
const MAX_COUNTED = 1_000;

type Next = (def: TriggerDef, after: number) => number | null;

/** The times that count from `first`, which is known to be one, to `until`, inclusive, and the one after them. */
export function tallyDue(
  def: TriggerDef,
  first: number,
  until: number,
  wanted: number,
  next: Next,
): Tally & { nextAt: number | null } {
  const { schedule, calendars } = def;
  if (schedule.kind === "fixedRate" && calendars.length === 0) {
    return { ...tallyGrid(def, schedule.everyMs, first, until, wanted, next), nextAt: next(def, until) };
  }
  const times = [first];
  let at = next(def, first);
  for (; at !== null && at <= until && times.length < MAX_COUNTED; at = next(def, at)) times.push(at);
  const head = times.slice(0, HEAD);
  if (at === null || at > until) {
    return { count: times.length, exact: true, head, latest: last(times, wanted), nextAt: at };
  }
  const latest: number[] = [];
  for (let before = until; latest.length < wanted; before = (latest.at(-1) ?? first) - 1) {
    latest.push(latestTime(def, first, before, next));
  }
  return { count: MAX_COUNTED, exact: false, head, latest: latest.reverse(), nextAt: next(def, until) };
}

/** The times of the schedule that its calendars exclude, between two moments, both exclusive. */
export function tallyExcluded(def: TriggerDef, after: number, before: number): Tally & { by: Set<string> } {
  const tally = {
    count: 0,
    exact: true,
    head: [] as number[],
    latest: [] as number[],
    by: new Set<string>(),
  };
  const { offsetMs } = def;
  let from = after - offsetMs;
  for (let steps = 0; steps < MAX_COUNTED; steps++) {
    const at = nextScheduled(def, from);
    if (at === null || at + offsetMs >= before) return tally;
    from = at;
    const exclusion = excludedAt(def, at);
    if (exclusion === null) continue;
    const { everyMs, times } = gridWithin(def, at, Math.min(exclusion.until, before - offsetMs));
    from = at + (times - 1) * everyMs;
    tally.by.add(exclusion.name);
    tally.count += times;
    for (let index = 0; index < times && tally.head.length < HEAD; index++) {
      tally.head.push(at + index * everyMs + offsetMs);
    }
    tally.latest = [from + offsetMs];
  }
  // The last one is not worth the search: the range then ends where it was looked for.
  return { ...tally, exact: false, latest: [before - 1] };
}

/** How many times of a rate lie from `at`, which is one, to before `until`; of other schedules, that one. */
function gridWithin(def: TriggerDef, at: number, until: number): { everyMs: number; times: number } {
  const { schedule } = def;
  if (schedule.kind !== "fixedRate") return { everyMs: 0, times: 1 };
  const { everyMs } = schedule;
  const times = Math.max(1, Math.ceil((until - at) / everyMs));
  const final = at + (times - 1) * everyMs;
  return nextScheduled(def, final - 1) === final ? { everyMs, times } : { everyMs: 0, times: 1 };
}

function tallyGrid(
  def: TriggerDef,
  everyMs: number,
  first: number,
  until: number,
  wanted: number,
  next: Next,
): Tally {
  // After a change of its schedule or a late first fire, the first time need not be on the grid.
  const second = next(def, first);
  if (second === null || second > until)
    return { count: 1, exact: true, head: [first], latest: last([first], wanted) };
  const final = latestTime(def, first, until, next);
  const count = 2 + Math.round((final - second) / everyMs);
  const timeAt = (index: number): number => (index === 0 ? first : second + (index - 1) * everyMs);
  const of = (from: number, to: number): number[] =>
    Array.from({ length: Math.max(0, to - from) }, (_, index) => timeAt(from + index));
  return {
    count,
    exact: true,
    head: of(0, Math.min(HEAD, count)),
    latest: of(Math.max(0, count - wanted), count),
  };
}

const last = <T>(list: T[], count: number): T[] => (count === 0 ? [] : list.slice(-count));

/**
 * The last time up to `until`, given that `first` is one: schedules only look forward, so this closes in on it from
 * both sides. Looks back in doubling steps first, because it is near for all but the sparsest schedules.
 */
function latestTime(def: TriggerDef, first: number, until: number, next: Next): number {
  const firstAfter = (after: number): number => next(def, after) ?? Number.POSITIVE_INFINITY;
  let latest = first;
  let empty = until;
  for (let back = MIN_EVERY_MS; until - back > first; back *= 2) {
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
