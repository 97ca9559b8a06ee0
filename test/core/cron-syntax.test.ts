/** Cron expressions as text: what is accepted, and what it means. */
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

/** Those of its documentation are in quartz-cron-examples.test.ts. */
describe("a QUARTZ expression", () => {
  it.each([
    ["0 15 10 * * ? 2005", []],
    ["0 15 10 * * ? 2028", ["2028-01-01T10:15", "2028-01-02T10:15"]],
    ["0 0 0 L-3W * ?", ["2027-01-28T00:00", "2027-02-25T00:00", "2027-03-29T00:00"]],
    ["0 15 10 ? * 6L 2002-2005", []],
    ["0 15 10 ? * 6L 2027-2028/1", ["2027-01-29T10:15", "2027-02-26T10:15"]],
    ["0 0 0 ? * 6#5", ["2027-01-29T00:00", "2027-04-30T00:00", "2027-07-30T00:00"]],
    ["0 0 0 ? * 1", ["2027-01-03T00:00", "2027-01-10T00:00"]],
    ["0 0 0 ? * 2", ["2027-01-04T00:00", "2027-01-11T00:00"]],
    ["0 0 0 ? * 2/2", ["2027-01-01T00:00", "2027-01-04T00:00", "2027-01-06T00:00", "2027-01-08T00:00"]],
    ["0 0 0 31W 4,5 ?", ["2027-05-31T00:00", "2028-05-31T00:00"]],
    ["0 0 0 1 1 ? 2027", ["2027-01-01T00:00"]],
    ["0 0 0 1 1 ? 2030/2", ["2030-01-01T00:00", "2032-01-01T00:00"]],
    [
      "0 0 14-6/8 ? * FRI-MON",
      ["2027-01-01T06:00", "2027-01-01T14:00", "2027-01-01T22:00", "2027-01-02T06:00"],
    ],
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
