/**
 * The due times of whole triggers, with start, end, repeats and jitter, against a scan of every minute around a change
 * of the clock: the chain is the scan's, and the same from wherever one starts looking.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WEEKDAYS } from "../../server/core/schedule/daily-time-interval.ts";
import type { Schedule } from "../../server/core/schedule/schedule.ts";
import type { TriggerDef } from "../../server/core/trigger/definition.ts";
import { firstFire, nextFire } from "../../server/core/trigger.ts";
import {
  changeIn,
  changesIn,
  countMinutes,
  cronFires,
  DAY_MS,
  HOUR_MS,
  MINUTE_MS,
  meet,
  type Scan,
  wallClock,
  wallClockFires,
  windowFires,
} from "./wall-clock-oracle.ts";

/** A schedule in a zone, and what a scan says about its fires when it is counted from `anchorAt`. */
interface Case {
  schedule: Schedule;
  scanned: (scan: Scan, anchorAt: number) => number[];
}

const NO_CALENDARS = { calendars: [], onExcluded: "SKIP" as const };
const policy = {
  gap: fc.constantFrom("SHIFT" as const, "SKIP" as const),
  overlap: fc.constantFrom("FIRST" as const, "SECOND" as const, "BOTH" as const),
};
const numbers = (low: number, high: number, most: number) =>
  fc
    .uniqueArray(fc.integer({ min: low, max: high }), { minLength: 1, maxLength: most })
    .map((all) => all.sort((a, b) => a - b));

const cron = (timeZone: string): fc.Arbitrary<Case> =>
  fc
    .record({ minutes: numbers(0, 59, 3), hours: numbers(0, 23, 6), everyHour: fc.boolean(), ...policy })
    .map(({ minutes, hours, everyHour, gap, overlap }) => {
      const expression = `${minutes.join(",")} ${everyHour ? "*" : hours.join(",")} * * *`;
      const meaning = {
        minutes,
        hours: everyHour ? Array.from({ length: 24 }, (_, hour) => hour) : hours,
        months: null,
        dates: null,
        weekdays: null,
        wallClock: !everyHour,
      };
      return {
        schedule: { kind: "cron", expression, timeZone, dialect: "UNIX", gap, overlap },
        scanned: (scan) => cronFires(meaning, { gap, overlap }, scan),
      };
    });

const calendarInterval = (timeZone: string): fc.Arbitrary<Case> =>
  fc.record({ every: fc.integer({ min: 1, max: 2 }), ...policy }).map(({ every, gap, overlap }) => ({
    schedule: { kind: "calendarInterval", every, unit: "DAY", timeZone, missingDay: "SHIFT", gap, overlap },
    scanned: (scan, anchorAt) => {
      const anchor = wallClock(timeZone, anchorAt) / MINUTE_MS;
      const wanted = (minute: number) => minute > anchor && (minute - anchor) % (every * 1440) === 0;
      // The start itself is the first of all, whichever pass of an overlap it is in.
      return [
        anchorAt,
        ...wallClockFires(meet(scan, wanted), { gap, overlap }).filter((at) => at > anchorAt),
      ];
    },
  }));

const daily = (timeZone: string): fc.Arbitrary<Case> =>
  fc
    .record({
      every: fc.integer({ min: 5, max: 300 }),
      from: fc.nat(1439),
      until: fc.nat(1439),
      days: numbers(0, 6, 7),
      repeat: fc.option(fc.nat(60), { nil: undefined }),
    })
    .map(({ every, from, until, days, repeat }) => ({
      schedule: {
        kind: "dailyTimeInterval",
        everyMs: every * MINUTE_MS,
        from: timeOfDay(from),
        until: timeOfDay(until),
        weekdays: days.flatMap((day) => WEEKDAYS[day] ?? []),
        timeZone,
        ...(repeat === undefined ? {} : { repeat }),
      },
      scanned: (scan, anchorAt) =>
        windowFires(scan, { every, from, until, weekdays: days })
          .filter((at) => at >= anchorAt)
          .slice(0, repeat === undefined ? undefined : repeat + 1),
    }));

const fixedRate: fc.Arbitrary<Case> = fc
  .record({ every: fc.integer({ min: 5, max: 1_500 }), repeat: fc.option(fc.nat(60), { nil: undefined }) })
  .map(({ every, repeat }) => ({
    schedule: { kind: "fixedRate", everyMs: every * MINUTE_MS, ...(repeat === undefined ? {} : { repeat }) },
    scanned: ({ from, locals }, anchorAt) =>
      Array.from(locals, (_, index) => from + index * MINUTE_MS)
        .filter((at) => at >= anchorAt && (at - anchorAt) % (every * MINUTE_MS) === 0)
        .slice(0, repeat === undefined ? undefined : repeat + 1),
  }));

const timeOfDay = (minute: number): string => new Date(minute * MINUTE_MS).toISOString().slice(11, 16);

const ZONES = Intl.supportedValuesOf("timeZone");
/** Offsets before were not all whole minutes, and the scan looks at whole minutes. */
const place = fc.record({ timeZone: fc.constantFrom(...ZONES), year: fc.integer({ min: 1973, max: 2037 }) });
const cases = place.chain(({ timeZone, year }) =>
  fc.record({
    timeZone: fc.constant(timeZone),
    year: fc.constant(year),
    tested: fc.oneof(cron(timeZone), calendarInterval(timeZone), daily(timeZone), fixedRate),
  }),
);
/** In minutes from the change of the clock. */
const around = (days: number) => fc.integer({ min: -days * 1440, max: days * 1440 });
interface Bounds {
  anchor: number;
  start: number | null;
  end: number | null;
  /** Whether start and end are put on fires of the schedule, to which both belong. */
  onFires: boolean;
  offsetMs: number;
}
const bounds: fc.Arbitrary<Bounds> = fc.record({
  anchor: around(2),
  start: fc.option(around(2)),
  end: fc.option(around(3)),
  onFires: fc.boolean(),
  offsetMs: fc.oneof(fc.constant(0), fc.nat(DAY_MS)),
});

/** A trigger, and its due times until the end of the scan. */
function triggerOf({ schedule, scanned }: Case, scan: Scan, middle: number, given: Bounds) {
  const { start, end, onFires, offsetMs } = given;
  const anchorAt = middle + given.anchor * MINUTE_MS;
  const at = (minutes: number | null) => (minutes === null ? null : middle + minutes * MINUTE_MS);
  let startAt = at(start);
  // Of the others the start is a fire, or what they are counted from.
  if (startAt !== null && onFires && schedule.kind === "cron") {
    const from = startAt;
    startAt = scanned(scan, from).find((time) => time >= from) ?? from;
  }
  const unended = scanned(scan, startAt ?? anchorAt)
    .filter((time) => time >= (startAt ?? Number.NEGATIVE_INFINITY))
    .map((time) => time + offsetMs);
  let endAt = at(end);
  if (endAt !== null && onFires) {
    const from = endAt;
    endAt = unended.find((time) => time >= from) ?? from;
  }
  const def: TriggerDef = {
    schedule,
    startAt,
    endAt,
    anchorAt,
    seed: "1/chain",
    firedCount: 0,
    offsetMs,
    ...NO_CALENDARS,
  };
  const due = unended.filter((time) => time <= (def.endAt ?? time));
  return { def, due };
}

describe("the due times of a trigger with start, end, repeats and jitter", () => {
  it("are the scan's, ascending, and the same from wherever one starts looking", { timeout: 60_000 }, () => {
    const probes = fc.array(fc.integer({ min: -2 * DAY_MS, max: 2 * DAY_MS }), {
      minLength: 20,
      maxLength: 20,
    });
    fc.assert(
      fc.property(cases, bounds, probes, ({ timeZone, year, tested }, given, offsets) => {
        const middle = changeIn(timeZone, year) ?? Date.UTC(year, 6, 1);
        const [opens, closes] = [middle - 5 * DAY_MS, middle + 4 * DAY_MS];
        const changes = changesIn(timeZone, opens, closes, 6 * HOUR_MS);
        const { def, due } = triggerOf(tested, countMinutes(timeZone, changes, opens, closes), middle, given);
        // What is compared: two days on either side, whatever the jitter.
        const [from, until] = [middle - 2 * DAY_MS, middle + 2 * DAY_MS];
        const inside = due.filter((time) => time > from && time <= until);
        const said = JSON.stringify({ ...def, change: new Date(middle).toISOString() });
        const chain: number[] = [];
        for (let time = nextFire(def, from); time !== null && time <= until; time = nextFire(def, time)) {
          if (time <= (chain.at(-1) ?? from)) throw new Error(`${said} does not ascend at ${time}`);
          chain.push(time);
        }
        expect({ said, chain }).toEqual({ said, chain: inside });
        for (const after of [
          ...offsets.map((offset) => middle + offset),
          ...inside.map((time) => time - 1),
        ]) {
          const found = nextFire(def, after);
          const expected = inside.find((time) => time > after);
          if (expected === undefined ? found !== null && found <= until : found !== expected) {
            throw new Error(`${said}: after ${after} it is ${found}, by the scan ${expected}`);
          }
        }
        // As when it is created, changed or resumed: from then on, that moment included.
        const now = inside.at(0) ?? middle;
        const first = inside.find((time) => time >= Math.max(now, def.startAt ?? now));
        if (first !== undefined) expect({ said, first: firstFire(def, now) }).toEqual({ said, first });
      }),
      { numRuns: 400 },
    );
  });
});
