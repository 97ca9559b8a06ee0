/** When cron expressions fire: the daylight saving rules, and agreement with a scan of every minute. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CronClock, nextCron, parseCron } from "../../server/core/schedule/cron.ts";
import {
  changeIn,
  changesIn,
  countMinutes,
  cronFires,
  DAY_MS,
  type Meaning,
  scanMinutes,
} from "./wall-clock-oracle.ts";

const ZONES = Intl.supportedValuesOf("timeZone");

const clock = (timeZone: string, more: Partial<CronClock> = {}): CronClock => ({
  timeZone,
  gap: "SHIFT",
  overlap: "FIRST",
  ...more,
});

function chain(expression: string, where: CronClock, from: number, until: number): number[] {
  const spec = parseCron(expression, { dialect: "UNIX" });
  const fires: number[] = [];
  for (let at = nextCron(spec, where, from); at !== null && at <= until; at = nextCron(spec, where, at)) {
    if (at <= (fires.at(-1) ?? from))
      throw new Error(`${expression} does not increase at ${new Date(at).toISOString()}`);
    fires.push(at);
  }
  return fires;
}

describe("around a change of the clock", () => {
  const gap = ["2027-03-13T18:00Z", "2027-03-15T18:00Z"] as const;
  const overlap = ["2027-11-06T18:00Z", "2027-11-08T18:00Z"] as const;
  it.each<[string, Partial<CronClock>, readonly [string, string], string[]]>([
    // 2027-03-14 02:00 EST becomes 03:00 EDT at 07:00Z.
    ["30 2 * * *", {}, gap, ["14T07:00", "15T06:30"]],
    ["30 2 * * *", { gap: "SKIP" }, gap, ["15T06:30"]],
    ["0,30 2 * * *", {}, gap, ["14T07:00", "15T06:00", "15T06:30"]],
    ["0 2,3 * * *", {}, gap, ["14T07:00", "15T06:00", "15T07:00"]],
    ["0 2,3 * * *", { gap: "SKIP" }, gap, ["14T07:00", "15T06:00", "15T07:00"]],
    ["15,45 30 2 * * *", {}, gap, ["14T07:00", "15T06:30", "15T06:30"]],
    ["0 3 * * *", {}, gap, ["14T07:00", "15T07:00"]],
    ["*/30 2 * * *", {}, gap, ["15T06:00", "15T06:30"]],
    ["0 1-3 * * *", {}, gap, ["14T06:00", "14T07:00", "15T05:00", "15T06:00", "15T07:00"]],
    // 2027-11-07 02:00 EDT becomes 01:00 EST at 06:00Z.
    ["30 1 * * *", {}, overlap, ["07T05:30", "08T06:30"]],
    ["30 1 * * *", { overlap: "SECOND" }, overlap, ["07T06:30", "08T06:30"]],
    ["30 1 * * *", { overlap: "BOTH" }, overlap, ["07T05:30", "07T06:30", "08T06:30"]],
    ["15 1,2 * * *", {}, overlap, ["07T05:15", "07T07:15", "08T06:15", "08T07:15"]],
    [
      "0,30 1 * * *",
      { overlap: "BOTH" },
      overlap,
      ["07T05:00", "07T05:30", "07T06:00", "07T06:30", "08T06:00", "08T06:30"],
    ],
    ["0 2 * * *", {}, overlap, ["07T07:00", "08T07:00"]],
    ["*/30 1 * * *", {}, overlap, ["07T05:00", "07T05:30", "07T06:00", "07T06:30", "08T06:00", "08T06:30"]],
    [
      "0 1-2 * * *",
      { overlap: "SECOND" },
      overlap,
      ["07T05:00", "07T06:00", "07T07:00", "08T06:00", "08T07:00"],
    ],
  ])("%s in New York with %j, %j, fires at %j", (expression, more, [from, to], expected) => {
    const fires = chain(expression, clock("America/New_York", more), Date.parse(from), Date.parse(to));
    expect(fires.map((at) => new Date(at).toISOString().slice(8, 16))).toEqual(expected);
  });

  it("meets the second pass of a yearly time before it looks at the next year", () => {
    const both = clock("America/New_York", { overlap: "BOTH" });
    const [first, second] = [Date.parse("2027-11-07T05:30Z"), Date.parse("2027-11-07T06:30Z")];
    const yearly = parseCron("30 1 7 11 *", { dialect: "UNIX" });
    const only2027 = parseCron("0 30 1 7 11 ? 2027", { dialect: "QUARTZ" });
    for (const spec of [yearly, only2027]) expect(nextCron(spec, both, first)).toBe(second);
    expect(nextCron(yearly, both, second)).toBe(Date.parse("2028-11-07T06:30Z"));
    expect(nextCron(only2027, both, second)).toBeNull();
  });

  it("finds a time in a gap that is years away", () => {
    const spec = parseCron("0 30 2 12 3 ? 2034", { dialect: "QUARTZ" });
    expect(nextCron(spec, clock("America/New_York"), Date.UTC(2027, 0, 1))).toBe(
      Date.parse("2034-03-12T07:00Z"),
    );
  });

  it("fires 30 1 once even when asked within the repeated hour", () => {
    const spec = parseCron("30 1 * * *", { dialect: "UNIX" });
    const again = nextCron(spec, clock("America/New_York"), Date.parse("2027-11-07T06:10Z"));
    expect(again).toBe(Date.parse("2027-11-08T06:30Z"));
  });

  it("fires the shifted time even when asked one millisecond before the gap ends", () => {
    const spec = parseCron("30 2 * * *", { dialect: "UNIX" });
    expect(nextCron(spec, clock("America/New_York"), Date.parse("2027-03-14T07:00Z") - 1)).toBe(
      Date.parse("2027-03-14T07:00Z"),
    );
    expect(nextCron(spec, clock("America/New_York"), Date.parse("2027-03-14T07:00Z"))).toBe(
      Date.parse("2027-03-15T06:30Z"),
    );
  });

  it.each([
    ["Australia/Lord_Howe", "15 2 * * *", "2025-10-04T16:00Z", "2025-10-05T15:15Z"],
    ["Australia/Lord_Howe", "15 2 * * *", "2025-10-04T00:00Z", "2025-10-04T15:30Z"],
    ["Australia/Lord_Howe", "0 3 * * 0", "2027-04-01T00:00Z", "2027-04-03T16:30Z"],
    ["America/Sao_Paulo", "30 0 * * *", "2017-10-14T12:00Z", "2017-10-15T03:00Z"],
    ["Pacific/Apia", "0 12 30 12 *", "2011-12-01T00:00Z", "2011-12-30T10:00Z"],
    ["America/New_York", "0 0 29 2 *", "2096-03-01T00:00Z", "2104-02-29T05:00Z"],
    ["Asia/Kolkata", "30 5 * * *", "2027-01-01T00:00Z", "2027-01-02T00:00Z"],
  ])("in %s, %s after %s is %s", (timeZone, expression, after, expected) => {
    const next = nextCron(parseCron(expression, { dialect: "UNIX" }), clock(timeZone), Date.parse(after));
    expect(next && new Date(next).toISOString()).toBe(new Date(expected).toISOString());
  });
});

/** A field as text, with the numbers it means. */
interface Field {
  text: string;
  numbers: readonly number[] | null;
  fixed: boolean;
}
const all = (low: number, high: number, step = 1): number[] =>
  Array.from({ length: Math.floor((high - low) / step) + 1 }, (_, index) => low + index * step);
const list = (low: number, high: number) =>
  fc
    .uniqueArray(fc.integer({ min: low, max: high }), { minLength: 1, maxLength: 3 })
    .map((numbers): Field => ({ text: numbers.join(","), numbers, fixed: true }));
const field = (text: string, numbers: number[] | null): Field => ({ text, numbers, fixed: false });

const minuteField = fc.oneof(
  { weight: 4, arbitrary: list(0, 59) },
  fc.constantFrom(field("*", all(0, 59)), field("*/15", all(0, 59, 15)), field("10-40/10", all(10, 40, 10))),
);
// Clocks change at night, so that is where the fires are put.
const hourField = fc.oneof(
  { weight: 5, arbitrary: list(0, 4) },
  { weight: 1, arbitrary: list(0, 23) },
  fc.constantFrom(
    field("*", all(0, 23)),
    field("*/2", all(0, 23, 2)),
    field("1-3", [1, 2, 3]),
    field("22-1", [22, 23, 0, 1]),
  ),
);
const dateField = fc.oneof({ weight: 3, arbitrary: fc.constant(field("*", null)) }, list(1, 31));
const weekdayField = fc.oneof({ weight: 3, arbitrary: fc.constant(field("*", null)) }, list(0, 6));
const monthField = fc.oneof(
  { weight: 3, arbitrary: fc.constant(field("*", null)) },
  list(1, 12),
  fc.constantFrom(field("*/5", [1, 6, 11]), field("NOV-FEB", [11, 12, 1, 2])),
);
const expressions = fc
  .tuple(minuteField, hourField, dateField, monthField, weekdayField)
  // What can never fire is refused.
  .filter(
    ([, , date, month]) => date.numbers === null || date.numbers.some((day) => day < 29) || !month.numbers,
  )
  .map(([minute, hour, date, month, weekday]): { text: string; meaning: Meaning } => ({
    text: `${minute.text} ${hour.text} ${date.text} ${month.text} ${weekday.text}`,
    meaning: {
      minutes: minute.numbers ?? [],
      hours: hour.numbers ?? [],
      months: month.numbers,
      dates: date.numbers,
      weekdays: weekday.numbers,
      wallClock: minute.fixed && hour.fixed,
    },
  }));
const clocks = fc.record({
  timeZone: fc.constantFrom(...ZONES),
  gap: fc.constantFrom("SHIFT" as const, "SKIP" as const),
  overlap: fc.constantFrom("FIRST" as const, "SECOND" as const, "BOTH" as const),
});
/** Offsets before were not all whole minutes, and the scan looks at whole minutes. */
const years = fc.integer({ min: 1973, max: 2037 });
const windowAround = (timeZone: string, year: number): number =>
  changeIn(timeZone, year) ?? Date.UTC(year, 6, 1);

describe("the fires of an expression", () => {
  it("are those that a scan of every minute around a change of the clock finds", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(expressions, clocks, years, ({ text, meaning }, where, year) => {
        const middle = windowAround(where.timeZone, year);
        const scan = scanMinutes(where.timeZone, middle - 1.5 * DAY_MS, middle + 1.5 * DAY_MS);
        const inside = (at: number) => at > middle - DAY_MS && at <= middle + DAY_MS;
        const scanned = cronFires(meaning, where, scan).filter(inside);
        expect(chain(text, where, middle - DAY_MS, middle + DAY_MS)).toEqual(scanned);
      }),
      { numRuns: 100 },
    );
  });

  it("are those of a scan of every minute of whole years", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(expressions, clocks, years, ({ text, meaning }, where, year) => {
        const [from, until] = [Date.UTC(year, 0, 1), Date.UTC(year + 1, 0, 1)];
        const changes = changesIn(where.timeZone, from - 2 * DAY_MS, until + 2 * DAY_MS, DAY_MS);
        const scan = countMinutes(where.timeZone, changes, from - 2 * DAY_MS, until + 2 * DAY_MS);
        const scanned = cronFires(meaning, where, scan).filter((at) => at > from && at <= until);
        const fires = chain(text, where, from, until);
        const differs = fires.findIndex((at, index) => at !== scanned[index]);
        expect([differs, fires.length, where.timeZone]).toEqual([-1, scanned.length, where.timeZone]);
      }),
      { numRuns: 40 },
    );
  });

  it("do not depend on where one starts looking", { timeout: 60_000 }, () => {
    const offsets = fc.array(fc.integer({ min: -2 * DAY_MS, max: 2 * DAY_MS }), {
      minLength: 20,
      maxLength: 20,
    });
    fc.assert(
      fc.property(expressions, clocks, years, offsets, ({ text }, where, year, random) => {
        const middle = windowAround(where.timeZone, year);
        const fires = chain(text, where, middle - 2 * DAY_MS, middle + 40 * DAY_MS);
        const spec = parseCron(text, { dialect: "UNIX" });
        const near = fires.slice(0, 50).flatMap((at) => [at - middle - 1, at - middle, at - middle + 1]);
        for (const offset of [...random, ...near, -1, 0, 1]) {
          if (offset < -2 * DAY_MS) continue;
          const expected = fires.find((at) => at > middle + offset);
          if (expected !== undefined) expect(nextCron(spec, where, middle + offset)).toBe(expected);
        }
      }),
      { numRuns: 150 },
    );
  });

  it("come to an end, and are found or denied from any number as start", () => {
    const starts = fc.oneof(
      fc.double({ noNaN: true }),
      fc.integer({ min: -1e16, max: 1e16 }),
      fc.integer({ min: Date.UTC(2195, 0, 1), max: Date.UTC(2205, 0, 1) }),
    );
    fc.assert(
      fc.property(expressions, clocks, starts, ({ text }, where, start) => {
        const next = nextCron(parseCron(text, { dialect: "UNIX" }), where, start);
        if (next !== null) expect(next).toBeGreaterThan(start);
        if (start > Date.UTC(2200, 0, 1)) expect(next).toBeNull();
      }),
      { numRuns: 300 },
    );
  });

  it("of sparse QUARTZ expressions are found across decades", () => {
    const spec = parseCron("0 30 2 ? 2 1#5", { dialect: "QUARTZ" });
    const next = nextCron(spec, clock("Europe/Berlin"), Date.UTC(2032, 5, 1));
    expect(next && new Date(next).toISOString()).toBe("2060-02-29T01:30:00.000Z");
  });
});
