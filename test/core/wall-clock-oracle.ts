/** A second opinion on cron and time zones: every minute of a window is looked at, with Intl for the wall clock. */

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** What an expression means, as sets: nothing is parsed here. */
export interface Meaning {
  minutes: readonly number[];
  hours: readonly number[];
  /** null: any. */
  dates: readonly number[] | null;
  weekdays: readonly number[] | null;
  wallClock: boolean;
}

export interface Policy {
  timeZone: string;
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

/** The instants of a stretch of time at which the zone's offset changes, to the minute. */
export function transitionsIn(timeZone: string, from: number, to: number): number[] {
  const offset = (at: number) => wallClock(timeZone, at) - at;
  const transitions: number[] = [];
  const stepMs = 12 * HOUR_MS;
  for (let at = from, before = offset(from); at < to; at += stepMs) {
    const after = offset(at + stepMs);
    if (before === after) continue;
    let [low, high] = [at, at + stepMs];
    while (high - low > MINUTE_MS) {
      const middle = low + Math.floor((high - low) / 2 / MINUTE_MS) * MINUTE_MS;
      if (offset(middle) === before) low = middle;
      else high = middle;
    }
    transitions.push(high);
    before = after;
  }
  return transitions;
}

/** An instant of the year around which the zone's offset changes; null when it does not. */
export const transitionIn = (timeZone: string, year: number): number | null =>
  transitionsIn(timeZone, Date.UTC(year, 0, 1), Date.UTC(year + 1, 0, 1))[0] ?? null;

export function matches(meaning: Meaning, local: number): boolean {
  const date = new Date(local);
  if (!meaning.minutes.includes(date.getUTCMinutes()) || !meaning.hours.includes(date.getUTCHours()))
    return false;
  const { dates, weekdays } = meaning;
  if (dates === null && weekdays === null) return true;
  return (dates?.includes(date.getUTCDate()) ?? false) || (weekdays?.includes(date.getUTCDay()) ?? false);
}

/** Every minute of a window with its wall clock. */
export type Scan = readonly { at: number; local: number }[];

export function scanMinutes(timeZone: string, from: number, to: number): Scan {
  return Array.from({ length: Math.floor((to - from) / MINUTE_MS) + 1 }, (_, index) => {
    const at = from + index * MINUTE_MS;
    return { at, local: wallClock(timeZone, at) };
  });
}

/** All fires of a window, by looking at each of its minutes. Overlaps must lie well inside the window. */
export function firesByScan(meaning: Meaning, policy: Policy, from: number, to: number): number[] {
  const scan = scanMinutes(policy.timeZone, from, to);
  const matching = (local: number) => matches(meaning, local);
  return meaning.wallClock
    ? wallClockFires(scan, matching, policy)
    : scan.filter(({ local }) => matching(local)).map(({ at }) => at);
}

/** The fires of wall-clock times, under a policy for those that are missing or come twice. */
export function wallClockFires(
  scan: Scan,
  matching: (local: number) => boolean,
  policy: Omit<Policy, "timeZone">,
): number[] {
  const fires = new Set<number>();
  const byLocal = new Map<number, number[]>();
  for (const { at, local } of scan) {
    if (matching(local)) byLocal.set(local, [...(byLocal.get(local) ?? []), at]);
  }
  for (const times of byLocal.values()) {
    const chosen = { FIRST: times.slice(0, 1), SECOND: times.slice(-1), BOTH: times }[policy.overlap];
    for (const at of chosen) fires.add(at);
  }
  scan.slice(1).forEach(({ at, local }, index) => {
    const before = scan[index]?.local ?? local;
    for (let missing = before + MINUTE_MS; missing < local; missing += MINUTE_MS) {
      if (policy.gap === "SHIFT" && matching(missing)) fires.add(at);
    }
  });
  return [...fires].sort((a, b) => a - b);
}

/** The fires of windows of the day, each counted in elapsed time from the first minute that shows its opening. */
export function windowFires(
  scan: Scan,
  window: { everyMs: number; fromMs: number; untilMs: number; weekdays: readonly number[] },
): number[] {
  const { everyMs, fromMs, untilMs, weekdays } = window;
  const fires = new Set<number>();
  const [first = 0, last = 0] = [scan[0]?.local, scan.at(-1)?.local];
  // Also on a day that a zone left out: its window opens with what comes after the gap, like any other.
  for (let day = Math.floor(first / DAY_MS) * DAY_MS; day <= last; day += DAY_MS) {
    if (!weekdays.includes(new Date(day).getUTCDay())) continue;
    const opening = scan.find(({ local }) => local >= day + fromMs);
    if (!opening) continue;
    for (const { at, local } of scan) {
      const inside = at >= opening.at && local >= day + fromMs && local <= day + untilMs;
      if (inside && (at - opening.at) % everyMs === 0) fires.add(at);
    }
  }
  return [...fires].sort((a, b) => a - b);
}
