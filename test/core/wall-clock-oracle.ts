/**
 * A second opinion on schedules and time zones: every minute of a window is looked at, with Intl for the wall clock.
 * Instants are epoch milliseconds, minutes of a calendar without zone are counted from 1970.
 */

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
const DAY = 24 * 60;

/** What an expression means, as sets: nothing is parsed here. */
export interface Meaning {
  minutes: readonly number[];
  hours: readonly number[];
  /** null: any, here and below. */
  months: readonly number[] | null;
  dates: readonly number[] | null;
  weekdays: readonly number[] | null;
  wallClock: boolean;
}

export interface Policy {
  gap: "SHIFT" | "SKIP";
  overlap: "FIRST" | "SECOND" | "BOTH";
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** The wall clock of a zone at an instant, as milliseconds of a calendar without zone. */
export function wallClock(timeZone: string, at: number): number {
  let format = formats.get(timeZone);
  if (!format) {
    const two = "2-digit";
    const fields = { year: "numeric", month: two, day: two, hour: two, minute: two, second: two } as const;
    format = new Intl.DateTimeFormat("en-US", { timeZone, hourCycle: "h23", ...fields });
    formats.set(timeZone, format);
  }
  const [month = 0, day = 0, year = 0, hour = 0, minute = 0, second = 0] = (
    format.format(at).match(/\d+/g) ?? []
  ).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

const offsetAt = (timeZone: string, at: number): number => wallClock(timeZone, at) - at;

/** A change of a zone's offset from UTC. */
export interface Change {
  at: number;
  beforeMs: number;
  afterMs: number;
}

/**
 * The changes of a stretch of time, to the minute: looked for every `stepMs`, so that one which is taken back within
 * less than that is not seen.
 */
export function changesIn(timeZone: string, from: number, to: number, stepMs: number): Change[] {
  const changes: Change[] = [];
  for (let at = from, beforeMs = offsetAt(timeZone, from); at < to; at += stepMs) {
    const until = Math.min(at + stepMs, to);
    const afterMs = offsetAt(timeZone, until);
    if (beforeMs === afterMs) continue;
    let [low, high] = [at, until];
    while (high - low > MINUTE_MS) {
      const middle = low + Math.floor((high - low) / 2 / MINUTE_MS) * MINUTE_MS;
      if (offsetAt(timeZone, middle) === beforeMs) low = middle;
      else high = middle;
    }
    changes.push({ at: high, beforeMs, afterMs });
    beforeMs = afterMs;
  }
  return changes;
}

/** An instant of the year around which the zone's offset changes; null when it does not. */
export const changeIn = (timeZone: string, year: number): number | null =>
  changesIn(timeZone, Date.UTC(year, 0, 1), Date.UTC(year + 1, 0, 1), 12 * HOUR_MS)[0]?.at ?? null;

/** The minutes that the wall clock shows, one after the other. */
export interface Scan {
  from: number;
  locals: Int32Array;
}

/** Every minute is asked for. */
export function scanMinutes(timeZone: string, from: number, to: number): Scan {
  const locals = new Int32Array(Math.floor((to - from) / MINUTE_MS) + 1);
  for (let index = 0; index < locals.length; index++) {
    locals[index] = wallClock(timeZone, from + index * MINUTE_MS) / MINUTE_MS;
  }
  return { from, locals };
}

/** The same, counted on from one question and from the zone's changes, of which those within the window matter. */
export function countMinutes(timeZone: string, changes: readonly Change[], from: number, to: number): Scan {
  const locals = new Int32Array(Math.floor((to - from) / MINUTE_MS) + 1);
  const inside = changes.filter(({ at }) => at > from && at <= to);
  let shown = wallClock(timeZone, from) / MINUTE_MS;
  for (let index = 0, next = 0; index < locals.length; index++, shown++) {
    const change = inside[next];
    if (change && from + index * MINUTE_MS >= change.at) {
      shown += (change.afterMs - change.beforeMs) / MINUTE_MS;
      next++;
    }
    locals[index] = shown;
  }
  return { from, locals };
}

/** How a scan meets the times that a schedule wants. */
export interface Met {
  /** The instants at which each of them is shown: two in an overlap. */
  shown: number[][];
  /** The ends of gaps that left some out. */
  skipped: number[];
}

export function meet({ from, locals }: Scan, wanted: (minute: number) => boolean): Met {
  const shown = new Map<number, number[]>();
  const skipped: number[] = [];
  let before = locals[0] ?? 0;
  for (let index = 0; index < locals.length; index++) {
    const at = from + index * MINUTE_MS;
    const local = locals[index] ?? 0;
    if (wanted(local)) {
      const times = shown.get(local);
      if (times) times.push(at);
      else shown.set(local, [at]);
    }
    for (let missing = before + 1; missing < local; missing++) {
      if (!wanted(missing)) continue;
      skipped.push(at);
      break;
    }
    before = local;
  }
  return { shown: [...shown.values()], skipped };
}

/** The fires of wall-clock times, under a policy for those that are missing or come twice. */
export function wallClockFires({ shown, skipped }: Met, { gap, overlap }: Policy): number[] {
  const fires = new Set(gap === "SHIFT" ? skipped : []);
  for (const times of shown) {
    const chosen = { FIRST: times.slice(0, 1), SECOND: times.slice(-1), BOTH: times }[overlap];
    for (const at of chosen) fires.add(at);
  }
  return [...fires].sort((a, b) => a - b);
}

/** The fires of elapsed time: whenever a wanted time is shown. */
export const elapsedFires = ({ shown }: Met): number[] => shown.flat().sort((a, b) => a - b);

/** Whether an expression means a minute of the wall clock. */
export function matches(meaning: Meaning, minute: number): boolean {
  const ofDay = ((minute % DAY) + DAY) % DAY;
  if (!meaning.minutes.includes(ofDay % 60) || !meaning.hours.includes(Math.floor(ofDay / 60))) return false;
  const date = new Date(minute * MINUTE_MS);
  const { months, dates, weekdays } = meaning;
  if (months !== null && !months.includes(date.getUTCMonth() + 1)) return false;
  if (dates === null && weekdays === null) return true;
  return (dates?.includes(date.getUTCDate()) ?? false) || (weekdays?.includes(date.getUTCDay()) ?? false);
}

/** All fires of an expression within a scan. Overlaps must lie well inside. */
export function cronFires(meaning: Meaning, policy: Policy, scan: Scan): number[] {
  const met = meet(scan, (minute) => matches(meaning, minute));
  return meaning.wallClock ? wallClockFires(met, policy) : elapsedFires(met);
}

/** A window of the day, in minutes; one that ends before it begins goes on past midnight. */
export interface DailyWindow {
  every: number;
  from: number;
  until: number;
  weekdays: readonly number[];
}

/** The fires of windows of the day, each counted in elapsed time from the first minute that shows its opening. */
export function windowFires({ from, locals }: Scan, window: DailyWindow): number[] {
  const fires = new Set<number>();
  const [first = 0, last = 0] = [locals[0], locals.at(-1)];
  const length = (window.until - window.from + DAY) % DAY;
  let opening = 0;
  // Also on a day that a zone left out: its window opens with what comes after the gap, like any other.
  for (let day = Math.floor(first / DAY) * DAY; day <= last; day += DAY) {
    if (!window.weekdays.includes(new Date(day * MINUTE_MS).getUTCDay())) continue;
    const opens = day + window.from;
    while (opening < locals.length && (locals[opening] ?? 0) < opens) opening++;
    for (let index = opening; index < locals.length; index += window.every) {
      const local = locals[index] ?? 0;
      if (local >= opens && local <= opens + length) fires.add(from + index * MINUTE_MS);
    }
  }
  return [...fires].sort((a, b) => a - b);
}
