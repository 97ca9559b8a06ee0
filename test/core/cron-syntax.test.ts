/** Cron expressions as text: what is accepted, what it means, and that a refusal names the field. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Rejection } from "../../server/core/rejection.ts";
import { type Dialect, nextCron, parseCron } from "../../server/core/schedule/cron.ts";

const UTC = { timeZone: "UTC", gap: "SHIFT", overlap: "FIRST" } as const;

/** The first fires after the start of 2027, a Friday, as text without the seconds that are zero. */
function fires(expression: string, dialect: Dialect, count: number, hashSeed = "seed"): string[] {
  const spec = parseCron(expression, { dialect, hashSeed });
  const times: string[] = [];
  let at: number | null = Date.UTC(2027, 0, 1) - 1;
  while (times.length < count) {
    at = nextCron(spec, UTC, at);
    if (at === null) break;
    times.push(new Date(at).toISOString().replace(/(:00)?\.000Z$/, ""));
  }
  return times;
}

describe("a UNIX expression", () => {
  it.each([
    ["0 3 * * *", ["2027-01-01T03:00", "2027-01-02T03:00"]],
    ["*/20 * * * *", ["2027-01-01T00:00", "2027-01-01T00:20", "2027-01-01T00:40", "2027-01-01T01:00"]],
    ["30 5 3 * * *", ["2027-01-01T03:05:30", "2027-01-02T03:05:30"]],
    ["5/20 0 * * *", ["2027-01-01T00:05", "2027-01-01T00:25", "2027-01-01T00:45", "2027-01-02T00:05"]],
    ["0 0 * * 0", ["2027-01-03T00:00", "2027-01-10T00:00"]],
    ["0 0 * * 7", ["2027-01-03T00:00", "2027-01-10T00:00"]],
    ["0 0 * * sun", ["2027-01-03T00:00", "2027-01-10T00:00"]],
    ["0 0 * * 5-7", ["2027-01-01T00:00", "2027-01-02T00:00", "2027-01-03T00:00", "2027-01-08T00:00"]],
    [
      "0 0 * * FRI-MON",
      ["2027-01-01T00:00", "2027-01-02T00:00", "2027-01-03T00:00", "2027-01-04T00:00", "2027-01-08T00:00"],
    ],
    ["0 0 * * 0-7", ["2027-01-01T00:00", "2027-01-02T00:00", "2027-01-03T00:00"]],
    ["0 22-2/2 * * *", ["2027-01-01T00:00", "2027-01-01T02:00", "2027-01-01T22:00", "2027-01-02T00:00"]],
    ["0 0 1 NOV-FEB *", ["2027-01-01T00:00", "2027-02-01T00:00", "2027-11-01T00:00", "2027-12-01T00:00"]],
    ["0 0 13 * 5", ["2027-01-01T00:00", "2027-01-08T00:00", "2027-01-13T00:00"]],
    ["0 0 30 2 1", ["2027-02-01T00:00", "2027-02-08T00:00"]],
    ["0 0 ? * 1", ["2027-01-04T00:00", "2027-01-11T00:00"]],
    ["0 0 L * *", ["2027-01-31T00:00", "2027-02-28T00:00"]],
    ["0 0 * * 5L", ["2027-01-29T00:00", "2027-02-26T00:00"]],
    ["0 0 * * MON#1", ["2027-01-04T00:00", "2027-02-01T00:00"]],
    ["0 0 1,L * *", ["2027-01-01T00:00", "2027-01-31T00:00", "2027-02-01T00:00"]],
    ["5,5,0-10/5 0 1 1 *", ["2027-01-01T00:00", "2027-01-01T00:05", "2027-01-01T00:10", "2028-01-01T00:00"]],
    ["  0\t3  * * * ", ["2027-01-01T03:00"]],
    ["@daily", ["2027-01-01T00:00", "2027-01-02T00:00"]],
    ["@Hourly", ["2027-01-01T00:00", "2027-01-01T01:00"]],
    ["@weekly", ["2027-01-03T00:00", "2027-01-10T00:00"]],
    ["@monthly", ["2027-01-01T00:00", "2027-02-01T00:00"]],
    ["@yearly", ["2027-01-01T00:00", "2028-01-01T00:00"]],
  ])("%s fires at %j", (expression, expected) => {
    expect(fires(expression, "UNIX", expected.length)).toEqual(expected);
  });
});

describe("a QUARTZ expression", () => {
  it.each([
    ["0 0 12 * * ?", ["2027-01-01T12:00", "2027-01-02T12:00"]],
    ["0 15 10 ? * *", ["2027-01-01T10:15", "2027-01-02T10:15"]],
    ["0 15 10 * * ?", ["2027-01-01T10:15", "2027-01-02T10:15"]],
    ["0 15 10 * * ? *", ["2027-01-01T10:15", "2027-01-02T10:15"]],
    ["0 15 10 * * ? 2005", []],
    ["0 15 10 * * ? 2028", ["2028-01-01T10:15", "2028-01-02T10:15"]],
    ["0 * 14 * * ?", ["2027-01-01T14:00", "2027-01-01T14:01"]],
    ["0 0/5 14 * * ?", ["2027-01-01T14:00", "2027-01-01T14:05"]],
    ["0 0-5 14 * * ?", [..."012345"].map((minute) => `2027-01-01T14:0${minute}`).concat("2027-01-02T14:00")],
    ["0 0/5 * * * ?", ["2027-01-01T00:00", "2027-01-01T00:05"]],
    ["10 0/5 * * * ?", ["2027-01-01T00:00:10", "2027-01-01T00:05:10"]],
    ["5/15 0 0 * * ?", ["2027-01-01T00:00:05", "2027-01-01T00:00:20", "2027-01-01T00:00:35"]],
    [
      "0 30 10-13 ? * WED,FRI",
      ["2027-01-01T10:30", "2027-01-01T11:30", "2027-01-01T12:30", "2027-01-01T13:30", "2027-01-06T10:30"],
    ],
    [
      "0 0/30 8-9 5,20 * ?",
      ["2027-01-05T08:00", "2027-01-05T08:30", "2027-01-05T09:00", "2027-01-05T09:30", "2027-01-20T08:00"],
    ],
    ["0 0 0 ? * 2#1", ["2027-01-04T00:00", "2027-02-01T00:00"]],
    ["0 0 0 ? * 4#5", ["2027-03-31T00:00", "2027-06-30T00:00"]],
    [
      "0 0 14-6/8 ? * FRI-MON",
      ["2027-01-01T06:00", "2027-01-01T14:00", "2027-01-01T22:00", "2027-01-02T06:00"],
    ],
    ["0 0/5 14,18 * * ?", ["2027-01-01T14:00", "2027-01-01T14:05"]],
    ["0 10,44 14 ? 3 WED", ["2027-03-03T14:10", "2027-03-03T14:44", "2027-03-10T14:10"]],
    ["0 15 10 ? * MON-FRI", ["2027-01-01T10:15", "2027-01-04T10:15"]],
    ["0 15 10 ? * 2-6", ["2027-01-01T10:15", "2027-01-04T10:15"]],
    ["0 15 10 15 * ?", ["2027-01-15T10:15", "2027-02-15T10:15"]],
    ["0 15 10 L * ?", ["2027-01-31T10:15", "2027-02-28T10:15"]],
    ["0 15 10 L-2 * ?", ["2027-01-29T10:15", "2027-02-26T10:15"]],
    ["0 0 0 L-3W * ?", ["2027-01-28T00:00", "2027-02-25T00:00", "2027-03-29T00:00"]],
    ["0 15 10 ? * 6L", ["2027-01-29T10:15", "2027-02-26T10:15"]],
    ["0 15 10 ? * 6L 2002-2005", []],
    ["0 15 10 ? * 6L 2027-2028/1", ["2027-01-29T10:15", "2027-02-26T10:15"]],
    ["0 15 10 ? * 6#3", ["2027-01-15T10:15", "2027-02-19T10:15"]],
    ["0 0 0 ? * 6#5", ["2027-01-29T00:00", "2027-04-30T00:00", "2027-07-30T00:00"]],
    ["0 0 12 1/5 * ?", ["2027-01-01T12:00", "2027-01-06T12:00", "2027-01-11T12:00"]],
    ["0 11 11 11 11 ?", ["2027-11-11T11:11", "2028-11-11T11:11"]],
    ["0 0 0 ? * 1", ["2027-01-03T00:00", "2027-01-10T00:00"]],
    ["0 0 0 ? * 2", ["2027-01-04T00:00", "2027-01-11T00:00"]],
    ["0 0 0 ? * 2/2", ["2027-01-01T00:00", "2027-01-04T00:00", "2027-01-06T00:00", "2027-01-08T00:00"]],
    ["0 0 0 ? * SAT", ["2027-01-02T00:00", "2027-01-09T00:00"]],
    ["0 0 0 ? * L", ["2027-01-02T00:00", "2027-01-09T00:00"]],
    [
      "0 0 0 15W * ?",
      ["2027-01-15T00:00", "2027-02-15T00:00", "2027-03-15T00:00", "2027-04-15T00:00", "2027-05-14T00:00"],
    ],
    [
      "0 0 0 1W * ?",
      ["2027-01-01T00:00", "2027-02-01T00:00", "2027-03-01T00:00", "2027-04-01T00:00", "2027-05-03T00:00"],
    ],
    ["0 0 0 LW * ?", ["2027-01-29T00:00", "2027-02-26T00:00", "2027-03-31T00:00"]],
    ["0 0 0 31W 4,5 ?", ["2027-05-31T00:00", "2028-05-31T00:00"]],
    ["0 0 0 1 7/6 ?", ["2027-07-01T00:00", "2028-07-01T00:00"]],
    ["0 0 0 1 1 ? 2027", ["2027-01-01T00:00"]],
    ["0 0 0 1 1 ? 2030/2", ["2030-01-01T00:00", "2032-01-01T00:00"]],
    [
      "0 0 22-2 ? NOV-FEB FRI-MON",
      ["2027-01-01T00:00", "2027-01-01T01:00", "2027-01-01T02:00", "2027-01-01T22:00"],
    ],
    ["58-2/2 0 0 * * *", ["2027-01-01T00:00", "2027-01-01T00:00:02", "2027-01-01T00:00:58"]],
  ])("%s fires at %j", (expression, expected) => {
    expect(fires(expression, "QUARTZ", Math.max(1, expected.length))).toEqual(expected);
  });

  it("stops after its last year", () => {
    expect(fires("0 0 0 1 1 ? 2027,2029", "QUARTZ", 9)).toEqual(["2027-01-01T00:00", "2029-01-01T00:00"]);
  });
});

describe("H", () => {
  it("stands for the same time under the same seed, and is spread over the seeds", () => {
    expect(fires("H H * * *", "UNIX", 3, "a")).toEqual(fires("H H * * *", "UNIX", 3, "a"));
    const minutes = Array.from(
      { length: 200 },
      (_, seed) => fires("H 0 1 1 *", "UNIX", 1, `trigger-${seed}`)[0],
    );
    expect(new Set(minutes).size).toBeGreaterThan(40);
  });

  it("does not change when no seed is given", () => {
    expect(parseCron("H H * * *", { dialect: "UNIX" })).toEqual(
      parseCron("H H * * *", { dialect: "UNIX", hashSeed: "" }),
    );
  });

  it("keeps to its range and step", () => {
    for (let seed = 0; seed < 50; seed++) {
      const spec = parseCron("H(10-19) H/6 H * H", { dialect: "UNIX", hashSeed: `s${seed}` });
      expect(spec.minutes[0]).toBeGreaterThanOrEqual(10);
      expect(spec.minutes[0]).toBeLessThanOrEqual(19);
      expect(spec.hours).toHaveLength(4);
      expect(spec.dates?.days[0]).toBeLessThanOrEqual(28);
    }
  });

  it("counts as a fixed number, with a step as a wildcard", () => {
    expect(parseCron("H H * * *", { dialect: "UNIX" }).wallClock).toBe(true);
    expect(parseCron("H/15 3 * * *", { dialect: "UNIX" }).wallClock).toBe(false);
  });
});

it.each([
  ["0 3 * * *", true],
  ["0,30 1,2 * * *", true],
  ["*/30 2 * * *", false],
  ["0 1-3 * * *", false],
  ["0 * * * *", false],
  ["* 0 3 * * *", true],
])("%s keeps to the wall clock: %s", (expression, wallClock) => {
  expect(parseCron(expression, { dialect: "UNIX" }).wallClock).toBe(wallClock);
});

describe("a cron expression", () => {
  it.each<[string, Dialect, string]>([
    ["", "UNIX", "is empty"],
    ["   ", "UNIX", "is empty"],
    ["* * * *", "UNIX", "has 4 fields"],
    ["*", "UNIX", "has 1 field"],
    ["* * * * * * *", "UNIX", "has 7 fields"],
    ["* * * * *", "QUARTZ", "has 5 fields"],
    ["0 0 0 * * ? 2027 *", "QUARTZ", "has 8 fields"],
    ["@reboot", "UNIX", "@daily"],
    ["@daily", "QUARTZ", "UNIX dialect"],
    ["60 * * * *", "UNIX", 'minute (field 1) cannot be "60"'],
    ["0 24 * * *", "UNIX", 'hour (field 2) cannot be "24"'],
    ["0 0 0 * *", "UNIX", 'day of month (field 3) cannot be "0"'],
    ["0 0 32 * *", "UNIX", 'day of month (field 3) cannot be "32"'],
    ["0 0 * 13 *", "UNIX", 'month (field 4) cannot be "13"'],
    ["0 0 * * 8", "UNIX", 'day of week (field 5) cannot be "8"'],
    ["60 0 0 * * *", "UNIX", 'second (field 1) cannot be "60"'],
    ["1,,2 * * * *", "UNIX", 'minute (field 1) cannot be ""'],
    ["1- * * * *", "UNIX", 'minute (field 1) cannot be "1-"'],
    ["-1 * * * *", "UNIX", 'minute (field 1) cannot be "-1"'],
    ["1.5 * * * *", "UNIX", 'minute (field 1) cannot be "1.5"'],
    ["0x5 * * * *", "UNIX", 'minute (field 1) cannot be "0X5"'],
    ["*/0 * * * *", "UNIX", 'minute (field 1) cannot be "*/0"'],
    ["*/5/5 * * * *", "UNIX", 'minute (field 1) cannot be "*/5/5"'],
    ["1-70 * * * *", "UNIX", 'minute (field 1) cannot be "1-70"'],
    ["L * * * *", "UNIX", 'minute (field 1) cannot be "L"'],
    ["? 0 * * *", "UNIX", "minute (field 1)"],
    ["0 0 * JANFEB *", "UNIX", 'month (field 4) cannot be "JANFEB"'],
    ["0 0 * MON *", "UNIX", 'month (field 4) cannot be "MON"'],
    ["0 0 * * L", "UNIX", 'day of week (field 5) cannot be "L"'],
    ["0 0 * * 5#6", "UNIX", 'day of week (field 5) cannot be "5#6"'],
    ["0 0 32W * *", "UNIX", 'day of month (field 3) cannot be "32W"'],
    ["0 0 L-31 * *", "UNIX", 'day of month (field 3) cannot be "L-31"'],
    ["0 0 W * *", "UNIX", 'day of month (field 3) cannot be "W"'],
    ["H(50-70) * * * *", "UNIX", 'minute (field 1) cannot be "H(50-70)"'],
    ["H(9-5) * * * *", "UNIX", 'minute (field 1) cannot be "H(9-5)"'],
    ["0 H 0 * * ?", "QUARTZ", 'minute (field 2) cannot be "H"'],
    ["0 0 0 ? * 0", "QUARTZ", 'day of week (field 6) cannot be "0"'],
    ["0 0 0 ? * 8", "QUARTZ", 'day of week (field 6) cannot be "8"'],
    ["0 0 0 1 * MON", "QUARTZ", "day of month (field 4) and day of week (field 6) are both set"],
    ["0 0 0 ? * ?", "QUARTZ", 'cannot both be "?"'],
    ["0 0 ? * * *", "QUARTZ", "hour (field 3)"],
    ["0 0 0 1 1 ? 1969", "QUARTZ", 'year (field 7) cannot be "1969"'],
    ["0 0 0 1 1 ? 2030-2027", "QUARTZ", 'year (field 7) cannot be "2030-2027"'],
    [
      "0 0 30 2 *",
      "UNIX",
      'can never fire: day of month (field 3) "30" and month (field 4) "2" never come together',
    ],
    ["0 0 31 4,6,9,11 *", "UNIX", "can never fire"],
    ["0 0 0 29 2 ? 2027", "QUARTZ", 'year (field 7) "2027"'],
    ["0 0 0 ? 2 6#5 2027", "QUARTZ", "can never fire"],
    [`${"1,".repeat(600)}1 * * * *`, "UNIX", "longer than 1024"],
  ])("%s (%s) is refused: %s", (expression, dialect, reason) => {
    expect(() => parseCron(expression, { dialect })).toThrow(
      expect.objectContaining({
        code: "BAD_INPUT",
        field: "expression",
        message: expect.stringContaining(reason),
      }),
    );
  });

  it("is parsed or rejected, whatever the text", () => {
    const piece = fc.stringMatching(/^[0-9*?,/LWH#()A-Z-]{1,6}$/);
    const text = fc.oneof(
      fc.string(),
      fc.array(piece, { minLength: 4, maxLength: 8 }).map((parts) => parts.join(" ")),
    );
    fc.assert(
      fc.property(text, fc.constantFrom<Dialect>("UNIX", "QUARTZ"), (expression, dialect) => {
        try {
          const spec = parseCron(expression, { dialect, hashSeed: "x" });
          expect(JSON.parse(JSON.stringify(spec))).toEqual(spec);
        } catch (error) {
          expect(error).toBeInstanceOf(Rejection);
        }
      }),
      { numRuns: 3_000 },
    );
  });
});
