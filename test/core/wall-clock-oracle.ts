/** A second opinion on cron and time zones: every minute of a window is looked at, with Intl for the wall clock. */

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

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

/** An instant of the year around which the zone's offset changes, to the minute; null when it does not. */
export function transitionIn(timeZone: string, year: number): number | null {
  const offset = (at: number) => wallClock(timeZone, at) - at;
  const end = Date.UTC(year + 1, 0, 1);
  for (let at = Date.UTC(year, 0, 1); at < end; at += 12 * HOUR_MS) {
    if (offset(at) === offset(at + 12 * HOUR_MS)) continue;
    let [before, after] = [at, at + 12 * HOUR_MS];
    while (after - before > MINUTE_MS) {
      const middle = before + Math.floor((after - before) / 2 / MINUTE_MS) * MINUTE_MS;
      if (offset(middle) === offset(at)) before = middle;
      else after = middle;
    }
    return after;
  }
  return null;
}

function matches(meaning: Meaning, local: number): boolean {
  const date = new Date(local);
  if (!meaning.minutes.includes(date.getUTCMinutes()) || !meaning.hours.includes(date.getUTCHours()))
    return false;
  const { dates, weekdays } = meaning;
  if (dates === null && weekdays === null) return true;
  return (dates?.includes(date.getUTCDate()) ?? false) || (weekdays?.includes(date.getUTCDay()) ?? false);
}

/** All fires of a window, by looking at each of its minutes. Overlaps must lie well inside the window. */
export function firesByScan(meaning: Meaning, policy: Policy, from: number, to: number): number[] {
  const scan: { at: number; local: number }[] = [];
  for (let at = from; at <= to; at += MINUTE_MS) scan.push({ at, local: wallClock(policy.timeZone, at) });
  const matching = scan.filter(({ local }) => matches(meaning, local));
  if (!meaning.wallClock) return matching.map(({ at }) => at);

  const fires = new Set<number>();
  const byLocal = new Map<number, number[]>();
  for (const { at, local } of matching) byLocal.set(local, [...(byLocal.get(local) ?? []), at]);
  for (const times of byLocal.values()) {
    const chosen = { FIRST: times.slice(0, 1), SECOND: times.slice(-1), BOTH: times }[policy.overlap];
    for (const at of chosen) fires.add(at);
  }
  scan.slice(1).forEach(({ at, local }, index) => {
    const before = scan[index]?.local ?? local;
    for (let missing = before + MINUTE_MS; missing < local; missing += MINUTE_MS) {
      if (policy.gap === "SHIFT" && matches(meaning, missing)) fires.add(at);
    }
  });
  return [...fires].sort((a, b) => a - b);
}
