/**
 * Every IANA zone and every change of its clocks from 2000 to 2037: that its offsets are those of Intl, and that every
 * kind of schedule fires around the change when a scan of every minute says so, from wherever one starts looking.
 *
 * Many names share their changes, and what a schedule does depends on nothing else of a zone, so an ordinary run takes
 * each change once, under one of its names. With ESCAPEMENT_SWEEP=1 every name is taken through all of its own changes,
 * with more schedules, which takes three minutes of a core.
 */
import { createRequire } from "node:module";
import { beforeAll, describe, expect, it } from "vitest";
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
import { segmentAt } from "../../server/core/schedule/zone.ts";
import {
  type Change,
  changesIn,
  countMinutes,
  DAY_MS,
  elapsedFires,
  HOUR_MS,
  MINUTE_MS,
  meet,
  type Policy,
  type Scan,
  scanMinutes,
  wallClock,
  wallClockFires,
  windowFires,
} from "./wall-clock-oracle.ts";

const SWEEP = process.env.ESCAPEMENT_SWEEP === "1";
const FROM = Date.UTC(2000, 0, 1);
const UNTIL = Date.UTC(2038, 0, 1);
/** The closest two changes of a zone in these years are seven days apart (Noronha, 2000). */
const STEP_MS = SWEEP ? 12 * HOUR_MS : 6 * DAY_MS;

/** A busy machine is slow, not wrong. */
const LIMIT_MS = SWEEP ? 14_400_000 : 180_000;

/** What a run chooses by: printed with every failure, and given again in ESCAPEMENT_SEED. */
const SEED = Number(process.env.ESCAPEMENT_SEED ?? Date.now() % 1_000_000);
let state = SEED;
/** A whole number from 0 on. */
function random(below: number): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
}
const oneOf = <Item>(items: readonly [Item, ...Item[]]): Item => items[random(items.length)] ?? items[0];

/** All of them in half of the cases. */
function someOf(numbers: readonly number[]): readonly number[] {
  const some = numbers.filter(() => random(2) > 0);
  return some.length === 0 || random(2) > 0 ? numbers : some;
}

interface Zone {
  timeZone: string;
  changes: readonly Change[];
}

function isKnown(timeZone: string): boolean {
  try {
    return new Intl.DateTimeFormat("en-US", { timeZone }) !== null;
  } catch {
    return false;
  }
}

const require = createRequire(import.meta.url);
const { zones: rules }: { zones: Record<string, unknown> } = require("tzdata");
/** Every name of the time zone database, links included. "Factory" stands for a zone that has not been set. */
const NAMES = Object.keys(rules).filter((name) => name !== "Factory");

let zones: Zone[] = [];
beforeAll(() => {
  zones = [...new Set([...NAMES, ...Intl.supportedValuesOf("timeZone")])]
    .filter(isKnown)
    .map((timeZone) => ({ timeZone, changes: changesIn(timeZone, FROM, UNTIL, STEP_MS) }));
}, LIMIT_MS);

/** The offsets as the product has them. */
function changesOfSegments(timeZone: string): Change[] {
  const changes: Change[] = [];
  for (let segment = segmentAt(timeZone, FROM); segment.until < UNTIL; ) {
    const next = segmentAt(timeZone, segment.until);
    changes.push({ at: segment.until, beforeMs: segment.offsetMs, afterMs: next.offsetMs });
    const joined = [segment.offsetAfterMs, next.offsetBeforeMs, next.from];
    if (joined.join() !== [next.offsetMs, segment.offsetMs, segment.until].join()) {
      throw new Error(`${timeZone}: the stretches around ${text(segment.until)} do not fit together`);
    }
    segment = next;
  }
  return changes;
}

const text = (at: number): string => (Number.isFinite(at) ? new Date(at).toISOString() : String(at));

type Next = (after: number) => number | null;

/** The part of a window that is compared; what lies around it in the scan shows the openings of its windows. */
interface Around {
  zone: Zone;
  change: Change;
  scan: Scan;
  from: number;
  until: number;
}

function around(zone: Zone, change: Change): Around {
  const [from, until] = [change.at - 30 * HOUR_MS, change.at + 30 * HOUR_MS];
  const scan = countMinutes(zone.timeZone, zone.changes, from - 60 * HOUR_MS, until + 24 * HOUR_MS);
  return { zone, change, scan, from, until };
}

/** Strictly increasing, the scan's own, and the same from wherever one starts. */
function expectFires(what: () => object, next: Next, expected: readonly number[], place: Around): void {
  const { from, until, change } = place;
  const refuse = (after: number, found: number | null, right: number | undefined): never => {
    const said = `after ${text(after)} it is ${found === null ? null : text(found)}, by the scan ${right && text(right)}`;
    throw new Error(`seed ${SEED}: ${JSON.stringify(what())}: ${said}`);
  };
  const check = (after: number, right: number | undefined): void => {
    const found = next(after);
    if (right === undefined ? found !== null && found <= until : found !== right) refuse(after, found, right);
  };
  let before = from;
  for (const at of expected) {
    if (at <= before) throw new Error(`the scan's fires of ${JSON.stringify(what())} do not ascend`);
    check(before, at);
    check(at - 1, at);
    before = at;
  }
  check(before, undefined);
  const probes = [change.at - 1, change.at, change.at + 1];
  for (let more = SWEEP ? 40 : 5; more > 0; more--) probes.push(from + random(until - from));
  for (const after of probes)
    check(
      after,
      expected.find((at) => at > after),
    );
}

const POLICIES: readonly Policy[] = (["SHIFT", "SKIP"] as const).flatMap((gap) =>
  (["FIRST", "SECOND", "BOTH"] as const).map((overlap) => ({ gap, overlap })),
);

/** At times that meet the change: some of those where it takes place, and of the hours next to it. */
function expectCron(place: Around): void {
  const { zone, change, scan, from, until } = place;
  const shown = [change.at - MINUTE_MS, change.at, change.at - HOUR_MS].map((at) =>
    new Date(wallClock(zone.timeZone, at)).getUTCHours(),
  );
  const around = [...new Set(shown.flatMap((hour) => [hour, (hour + 23) % 24]))];
  const forms: readonly [readonly number[], string][] = [
    [someOf([0, 1, 20, 30, 45]), ""],
    [[0, 15, 30, 45], "*/15"],
  ];
  for (const [minutes, every] of forms) {
    const hours = someOf(around);
    const expression = `${every || minutes.join(",")} ${hours.join(",")} * * *`;
    const spec = parseCron(expression, { dialect: "UNIX" });
    const wanted = Array.from(
      { length: 1440 },
      (_, minute) => minutes.includes(minute % 60) && hours.includes(Math.floor(minute / 60)),
    );
    const met = meet(scan, (minute) => wanted[minute % 1440] ?? false);
    for (const policy of POLICIES) {
      const clock = { timeZone: zone.timeZone, ...policy };
      const fires = every === "" ? wallClockFires(met, policy) : elapsedFires(met);
      const inside = fires.filter((at) => at > from && at <= until);
      expectFires(
        () => ({ expression, ...clock }),
        (after) => nextCron(spec, clock, after),
        inside,
        place,
      );
    }
  }
}

/** Starts whose days meet the change: the time shown around it, some days or months before. */
function expectCalendarInterval(place: Around): void {
  const { zone, change, scan, until } = place;
  const { timeZone } = zone;
  const offsets = SWEEP ? [-90, -30, 0, 30] : [oneOf([-90, -30, 0, 30])];
  for (const [unit, every] of [
    ["DAY", 1],
    ["DAY", 2 + random(4)],
    ["MONTH", 1],
  ] as const) {
    for (const minutes of offsets) {
      const shown = wallClock(timeZone, change.at + minutes * MINUTE_MS);
      const anchorAt = startShowing(
        timeZone,
        unit === "DAY" ? shown - 3 * every * DAY_MS : monthBefore(shown),
      );
      const anchor = wallClock(timeZone, anchorAt) / MINUTE_MS;
      const missingDay = oneOf(["SHIFT", "SKIP"] as const);
      const wanted = (minute: number): boolean =>
        (minute - anchor) % 1440 === 0 &&
        minute > anchor &&
        (unit === "DAY" ? (minute - anchor) % (every * 1440) === 0 : isMonthly(anchor, minute, missingDay));
      const met = meet(scan, wanted);
      const from = Math.max(place.from, anchorAt);
      for (const policy of POLICIES) {
        const schedule: CalendarIntervalSchedule = {
          kind: "calendarInterval",
          every,
          unit,
          timeZone,
          missingDay,
          ...policy,
        };
        const inside = wallClockFires(met, policy).filter((at) => at > from && at <= until);
        const next: Next = (after) => nextCalendarInterval(schedule, anchorAt, after);
        expectFires(() => ({ ...schedule, start: text(anchorAt) }), next, inside, { ...place, from });
      }
    }
  }
}

/** An instant that shows a local time, on a day when the clocks may well have another offset. */
function startShowing(timeZone: string, local: number): number {
  const guess = local - (wallClock(timeZone, local) - local);
  return guess - (wallClock(timeZone, guess) - local);
}

/** A time a month before that counts on to `local`, for the last day of a short month also from a 31st. */
function monthBefore(local: number): number {
  const date = new Date(local);
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
  const length = new Date(Date.UTC(year, month, 0)).getUTCDate();
  const isLast = day === new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  const days = isLast && length > day ? day : Math.max(length, day);
  return local - days * DAY_MS;
}

function isMonthly(anchor: number, minute: number, missingDay: "SHIFT" | "SKIP"): boolean {
  const [day, date] = [new Date(anchor * MINUTE_MS).getUTCDate(), new Date(minute * MINUTE_MS)];
  const length = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  return date.getUTCDate() === (missingDay === "SHIFT" ? Math.min(day, length) : day);
}

function expectDailyTimeInterval(place: Around): void {
  const { zone, change, scan, from, until } = place;
  /** What the clocks show so many minutes from the change, in minutes of the day. */
  const shown = (minutes: number): number =>
    (wallClock(zone.timeZone, change.at + minutes * MINUTE_MS) / MINUTE_MS) % 1440;
  const changeDay = new Date(wallClock(zone.timeZone, change.at)).getUTCDay();
  const others = WEEKDAYS.filter((_, day) => day !== changeDay);
  for (const [every, opens, closes] of [
    [25, shown(-200), shown(200)],
    [7, shown(-30), shown(30)],
    [60, 0, 1439],
    [45, shown(0), shown(-1)],
    // Nearly a day long: its end may be shown again when the next day has begun.
    [35, shown(30), shown(20)],
  ] as const) {
    for (const weekdays of SWEEP ? [WEEKDAYS, others] : [random(3) > 0 ? WEEKDAYS : others]) {
      const schedule: DailyTimeIntervalSchedule = {
        kind: "dailyTimeInterval",
        everyMs: every * MINUTE_MS,
        from: timeOfDay(opens),
        until: timeOfDay(closes),
        weekdays,
        timeZone: zone.timeZone,
      };
      const days = weekdays.map((weekday) => WEEKDAYS.indexOf(weekday));
      const fires = windowFires(scan, { every, from: opens, until: closes, weekdays: days });
      const inside = fires.filter((at) => at > from && at <= until);
      const next: Next = (after) => nextDailyTimeInterval(schedule, from, after);
      expectFires(() => schedule, next, inside, place);
    }
  }
}

const timeOfDay = (minute: number): string => new Date(minute * MINUTE_MS).toISOString().slice(11, 19);

function expectAll(place: Around): void {
  expectCron(place);
  expectCalendarInterval(place);
  expectDailyTimeInterval(place);
}

describe("from 2000 to 2037", () => {
  it("all IANA zones are known, save for a few that are newer than the runtime", () => {
    const known = new Set(zones.map(({ timeZone }) => timeZone));
    expect(NAMES.filter((name) => !known.has(name)).length).toBeLessThan(5);
    expect(known.size).toBeGreaterThan(590);
  });

  it("the offsets of each and their changes are those of Intl", { timeout: LIMIT_MS }, () => {
    for (const { timeZone, changes } of zones) {
      expect({ timeZone, changes: changesOfSegments(timeZone) }).toEqual({ timeZone, changes });
    }
  });

  it("a scan counted on from the changes shows what Intl shows, minute by minute", () => {
    const changing = zones.filter(({ changes }) => changes.length > 0);
    for (let sample = 0; sample < 40; sample++) {
      const zone = changing[random(changing.length)] ?? zones[0];
      const change = zone?.changes[random(zone.changes.length)];
      if (!zone || !change) throw new Error("no zone changes its clocks");
      const { scan } = around(zone, change);
      const asked = scanMinutes(zone.timeZone, scan.from, scan.from + (scan.locals.length - 1) * MINUTE_MS);
      expect({
        zone: zone.timeZone,
        at: text(change.at),
        same: Buffer.compare(Buffer.from(scan.locals.buffer), Buffer.from(asked.locals.buffer)),
      }).toMatchObject({ same: 0 });
    }
  });

  it("every kind fires around every change when the scan says so", {
    timeout: SWEEP ? 14_400_000 : 180_000,
  }, () => {
    const places = new Map<string, [Zone, ...Zone[]]>();
    for (const zone of zones) {
      for (const { at, beforeMs, afterMs } of zone.changes) {
        const key = [at, beforeMs, afterMs, SWEEP ? zone.timeZone : ""].join();
        const sharing = places.get(key);
        if (sharing) sharing.push(zone);
        else places.set(key, [zone]);
      }
    }
    for (const [key, sharing] of places) {
      const zone = oneOf(sharing);
      const change = zone.changes.find(({ at }) => at === Number.parseInt(key, 10));
      if (change) expectAll(around(zone, change));
    }
    expect(places.size).toBeGreaterThan(3_000);
    if (SWEEP) console.info(`${places.size} changes of the clocks of ${zones.length} zones`);
  });
});
