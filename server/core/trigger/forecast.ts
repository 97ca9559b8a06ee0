/** How many times triggers will fire in each stretch of the time to come. */
import TinyQueue from "tinyqueue";
import { memoKey, nextFire } from "../trigger.ts";
import type { TriggerDef } from "./definition.ts";
import type { Upcoming } from "./fire-changes.ts";

export interface Forecast {
  /** Fires in each bucket, from `from` on. */
  counts: number[];
  /** How far it was computed: the buckets after it are empty because nobody looked. */
  until: number;
}

export interface ForecastRange {
  from: number;
  until: number;
  bucketMs: number;
}

/** Triggers of one schedule, whose times differ by their jitter only. */
interface Kind {
  def: TriggerDef;
  /** The next time, before jitter. */
  at: number;
  offsets: number[];
}

/** Steps between two pauses for others: some milliseconds. */
const SLICE = 2_000;

/**
 * Counts fires by bucket. Goes through all of them in order of time, up to `maxSteps` computed times, so what it says is
 * whole up to where it got. A rate costs as many steps as there are buckets; a fixed delay counts as if its runs took no
 * time. `breathe` is awaited now and then.
 */
export async function forecast(
  triggers: readonly Upcoming[],
  range: ForecastRange,
  maxSteps: number,
  breathe: () => Promise<unknown>,
): Promise<Forecast> {
  const { from, until, bucketMs } = range;
  const counts = new Array<number>(Math.ceil((until - from) / bucketMs)).fill(0);
  const add = (at: number, count: number): void => {
    const bucket = Math.floor((at - from) / bucketMs);
    if (at >= from && bucket < counts.length) counts[bucket] = (counts[bucket] ?? 0) + count;
  };
  let steps = 0;
  const step = async (): Promise<void> => {
    if (++steps % SLICE === 0) await breathe();
  };
  const queue = new TinyQueue<Kind>([], (a, b) => a.at - b.at);
  for (const kind of kindsOf(triggers, from)) {
    const grid = gridOf(kind, bucketMs);
    if (grid === null) queue.push(kind);
    else await addGrid(grid, range, add, step);
  }
  for (let kind = queue.pop(); kind !== undefined; kind = queue.pop()) {
    if (kind.at >= until) continue;
    if (steps >= maxSteps) return { counts, until: Math.max(from, kind.at) };
    for (const offset of kind.offsets) add(kind.at + offset, 1);
    await step();
    const { def } = kind;
    const next = nextFire(def, kind.at + def.offsetMs);
    if (next !== null) queue.push({ ...kind, at: next - def.offsetMs });
  }
  return { counts, until };
}

function kindsOf(triggers: readonly Upcoming[], from: number): Kind[] {
  const shared = new Map<string, Kind>();
  const kinds: Kind[] = [];
  for (const { def, nextAt } of triggers) {
    const first = nextAt === null || nextAt >= from ? nextAt : later(def, nextAt, from);
    if (first === null) continue;
    const at = first - def.offsetMs;
    const key = memoKey(def);
    const known = key === null ? undefined : shared.get(`${key} ${at}`);
    if (known) {
      known.offsets.push(def.offsetMs);
      continue;
    }
    const kind = { def, at, offsets: [def.offsetMs] };
    if (key !== null) shared.set(`${key} ${at}`, kind);
    kinds.push(kind);
  }
  return kinds;
}

/** A fixed delay has its times from one to the next only. */
function later(def: TriggerDef, nextAt: number, from: number): number | null {
  return def.schedule.kind === "fixedDelay" ? nextAt : nextFire(def, from - 1);
}

interface Grid {
  everyMs: number;
  first: number;
  /** Times after the first; Infinity when there is no end. */
  repeat: number;
}

/** Null for what does not repeat by the clock more often than there are buckets. */
function gridOf({ def, at, offsets }: Kind, bucketMs: number): Grid | null {
  const { schedule, calendars, endAt } = def;
  if (schedule.kind === "fixedDelay") {
    const left = schedule.repeat === undefined ? Number.POSITIVE_INFINITY : schedule.repeat - def.firedCount;
    return { everyMs: schedule.everyMs, first: at, repeat: upTo(endAt, at, schedule.everyMs, left) };
  }
  if (schedule.kind !== "fixedRate" || calendars.length > 0 || schedule.everyMs > bucketMs) return null;
  const { everyMs, repeat } = schedule;
  const first = at + (offsets[0] ?? 0);
  const done = Math.round((at - (def.startAt ?? def.anchorAt)) / everyMs);
  const left = repeat === undefined ? Number.POSITIVE_INFINITY : repeat - done;
  return { everyMs, first, repeat: upTo(endAt, first, everyMs, left) };
}

const upTo = (endAt: number | null, first: number, everyMs: number, repeat: number): number =>
  endAt === null ? repeat : Math.min(repeat, Math.floor((endAt - first) / everyMs));

async function addGrid(
  { everyMs, first, repeat }: Grid,
  { from, until, bucketMs }: ForecastRange,
  add: (at: number, count: number) => void,
  step: () => Promise<void>,
): Promise<void> {
  /** How many of its times lie before `at`. */
  const before = (at: number): number => Math.min(repeat + 1, Math.max(0, Math.ceil((at - first) / everyMs)));
  // The first bucket may hold what is overdue.
  for (let at = from; at < until; at += bucketMs) {
    const count = before(at + bucketMs) - before(at);
    if (count > 0) add(at, count);
    await step();
  }
}
