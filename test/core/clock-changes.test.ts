/**
 * Every kind of schedule around changes of the clock in all zones from 2000 to 2037, against a scan of every minute.
 * A sample of them in an ordinary run; all of them, which takes minutes, with ESCAPEMENT_SWEEP=1.
 */
import { describe, expect, it } from "vitest";
import {
  type CalendarIntervalSchedule,
  nextCalendarInterval,
} from "../../server/core/schedule/calendar-interval.ts";
import { nextCron, parseCron } from "../../server/core/schedule/cron.ts";
import {
  type DailyTimeIntervalSchedule,
  nextDailyTimeInterval,
  WEEKDAYS,
} from "../../server/core/schedule/daily-time-interval.ts";
import {
  matches,
  type Scan,
  scanMinutes,
  transitionsIn,
  wallClock,
  wallClockFires,
  windowFires,
} from "./wall-clock-oracle.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const SWEEP = process.env.ESCAPEMENT_SWEEP === "1";
const FROM = Date.UTC(2000, 0, 1);
const UNTIL = Date.UTC(2038, 0, 1);

interface Change {
  timeZone: string;
  at: number;
}

/** Half an hour's change, a day left out, changes at one minute past midnight, twice a year around Ramadan, midnight. */
const PECULIAR = [
  "Australia/Lord_Howe",
  "Pacific/Apia",
  "America/St_Johns",
  "Africa/Casablanca",
  "America/Havana",
  "Africa/Cairo",
  "Antarctica/Troll",
];

function changes(): Change[] {
  const zones = Intl.supportedValuesOf("timeZone");
  if (SWEEP) {
    return zones.flatMap((timeZone) => transitionsIn(timeZone, FROM, UNTIL).map((at) => ({ timeZone, at })));
  }
  // Each run looks at other places: three of each peculiar zone and one of some of the others.
  const random = (below: number): number => Math.floor(Math.random() * below);
  const sample = [...PECULIAR.flatMap((zone) => [zone, zone, zone]), ...Array.from({ length: 25 }, () => "")];
  return sample.flatMap((zone) => {
    const timeZone = zone || (zones[random(zones.length)] ?? "UTC");
    const year = 2000 + random(38);
    const found = transitionsIn(timeZone, Date.UTC(year, 0, 1), Date.UTC(year + 1, 0, 1));
    const at = found[random(found.length)];
    return at === undefined ? [] : [{ timeZone, at }];
  });
}

type Next = (after: number) => number | null;

/** Strictly increasing, the scan's own, and the same from wherever one starts. */
function expectFires(
  what: object,
  next: Next,
  expected: readonly number[],
  from: number,
  until: number,
): void {
  const fires: number[] = [];
  for (let at = next(from); at !== null && at <= until; at = next(at)) {
    if (at <= (fires.at(-1) ?? from)) throw new Error(`${JSON.stringify(what)} goes back at ${at}`);
    fires.push(at);
  }
  expect({ ...what, fires: fires.map(text) }).toEqual({ ...what, fires: expected.map(text) });
  for (let after = from, index = 0; after < until; after += 29 * MINUTE_MS + 7) {
    while ((expected[index] ?? until + 1) <= after) index++;
    const at = expected[index];
    if (at === undefined) break;
    if (next(after) !== at)
      throw new Error(`${JSON.stringify(what)} after ${text(after)} is not ${text(at)}`);
  }
}

const text = (at: number): string => new Date(at).toISOString();

const GAPS = ["SHIFT", "SKIP"] as const;
const OVERLAPS = ["FIRST", "SECOND", "BOTH"] as const;

/** Hours of the wall clock just before and after the change, where fixed times meet it. */
function hoursAround({ timeZone, at }: Change): number[] {
  const shown = [at - MINUTE_MS, at, at - HOUR_MS].map((time) =>
    new Date(wallClock(timeZone, time)).getUTCHours(),
  );
  return [...new Set(shown.flatMap((hour) => [hour, (hour + 23) % 24]))];
}

function expectCron(change: Change, scan: Scan, from: number, until: number): void {
  const hours = hoursAround(change);
  for (const [minutes, every, wall] of [
    [[0, 1, 20, 30, 45], "", true],
    [[0, 15, 30, 45], "*/15", false],
  ] as const) {
    const expression = `${every || minutes.join(",")} ${hours.join(",")} * * *`;
    const spec = parseCron(expression, { dialect: "UNIX" });
    const matching = (local: number): boolean =>
      matches({ minutes, hours, dates: null, weekdays: null, wallClock: wall }, local);
    for (const gap of GAPS) {
      for (const overlap of OVERLAPS) {
        const clock = { timeZone: change.timeZone, gap, overlap };
        const fires = wall
          ? wallClockFires(scan, matching, clock)
          : scan.filter(({ local }) => matching(local)).map(({ at }) => at);
        const inside = fires.filter((at) => at > from && at <= until);
        expectFires({ expression, ...clock }, (after) => nextCron(spec, clock, after), inside, from, until);
      }
    }
  }
}

function expectCalendarInterval(change: Change, scan: Scan, from: number, until: number): void {
  // Starts whose days meet the change: the time shown around it, some days or months before.
  for (const [unit, every, beforeDays] of [
    ["DAY", 1, 3],
    ["DAY", 3, 30],
    ["MONTH", 1, 0],
  ] as const) {
    for (const minutes of [-90, -30, 0, 30]) {
      const shown = wallClock(change.timeZone, change.at + minutes * MINUTE_MS);
      const anchorAt = startShowing(
        change.timeZone,
        unit === "DAY" ? shown - beforeDays * DAY_MS : monthBefore(shown),
      );
      const anchor = wallClock(change.timeZone, anchorAt);
      const nominal = (local: number): boolean =>
        local > anchor &&
        (unit === "DAY"
          ? (local - anchor) % (every * DAY_MS) === 0
          : (local - anchor) % DAY_MS === 0 && isMonthly(anchor, local));
      for (const gap of GAPS) {
        for (const overlap of OVERLAPS) {
          const schedule: CalendarIntervalSchedule = {
            kind: "calendarInterval",
            every,
            unit,
            timeZone: change.timeZone,
            missingDay: "SHIFT",
            gap,
            overlap,
          };
          const first = Math.max(from, anchorAt);
          const inside = wallClockFires(scan, nominal, schedule).filter((at) => at > first && at <= until);
          const next: Next = (after) => nextCalendarInterval(schedule, anchorAt, after);
          expectFires({ ...schedule, start: text(anchorAt) }, next, inside, first, until);
        }
      }
    }
  }
}

/** An instant that shows a local time, on a day when the clocks may well have another offset. */
function startShowing(timeZone: string, local: number): number {
  const guess = local - (wallClock(timeZone, local) - local);
  return guess - (wallClock(timeZone, guess) - local);
}

const monthBefore = (local: number): number => {
  const date = new Date(local);
  const length = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 0)).getUTCDate();
  return local - Math.max(length, date.getUTCDate()) * DAY_MS;
};

function isMonthly(anchor: number, local: number): boolean {
  const [day, date] = [new Date(anchor).getUTCDate(), new Date(local)];
  const length = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  return date.getUTCDate() === Math.min(day, length);
}

function expectDailyTimeInterval(change: Change, scan: Scan, from: number, until: number): void {
  const timeOfDay = (local: number): string => new Date(local).toISOString().slice(11, 19);
  const shown = (minutes: number): number => wallClock(change.timeZone, change.at + minutes * MINUTE_MS);
  for (const [everyMinutes, opens, closes] of [
    [25, shown(-200), shown(200)],
    [7, shown(-30), shown(30)],
    [60, 0, DAY_MS - MINUTE_MS],
    [45, shown(0), shown(-1)],
  ] as const) {
    for (const weekdays of [WEEKDAYS, WEEKDAYS.filter((_, day) => day !== new Date(shown(0)).getUTCDay())]) {
      const schedule: DailyTimeIntervalSchedule = {
        kind: "dailyTimeInterval",
        everyMs: everyMinutes * MINUTE_MS,
        from: timeOfDay(opens),
        until: timeOfDay(closes),
        weekdays,
        timeZone: change.timeZone,
      };
      const fromMs = opens - Math.floor(opens / DAY_MS) * DAY_MS;
      const endMs = closes - Math.floor(closes / DAY_MS) * DAY_MS;
      const fires = windowFires(scan, {
        everyMs: schedule.everyMs,
        fromMs,
        untilMs: endMs < fromMs ? endMs + DAY_MS : endMs,
        weekdays: weekdays.map((weekday) => WEEKDAYS.indexOf(weekday)),
      });
      const inside = fires.filter((at) => at > from && at <= until);
      const next: Next = (after) => nextDailyTimeInterval(schedule, from, after);
      expectFires(schedule, next, inside, from, until);
    }
  }
}

describe("around a change of the clock, in all zones", () => {
  it("every kind fires when a scan of every minute says so", { timeout: SWEEP ? 7_200_000 : 60_000 }, () => {
    const places = changes();
    expect(places.length).toBeGreaterThan(10);
    for (const change of places) {
      // Days before the part that is compared show the openings of its windows.
      const scan = scanMinutes(change.timeZone, change.at - 3.5 * DAY_MS, change.at + 3 * DAY_MS);
      const [from, until] = [change.at - 1.25 * DAY_MS, change.at + 1.25 * DAY_MS];
      expectCron(change, scan, from, until);
      expectCalendarInterval(change, scan, from, until);
      expectDailyTimeInterval(change, scan, from, until);
    }
    if (SWEEP) console.info(`${places.length} changes of the clock`);
  });
});
