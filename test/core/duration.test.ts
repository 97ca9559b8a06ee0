/** Durations: what text is accepted, how long it is, and that formatting and reading are inverse. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { durationMs, formatDuration, parseDuration } from "../../server/core/duration.ts";
import { Rejection } from "../../server/core/rejection.ts";

describe("a duration", () => {
  it.each([
    ["PT10S", 10_000],
    ["PT5M", 300_000],
    ["PT0.1S", 100],
    ["PT0,001S", 1],
    ["PT1.5H", 5_400_000],
    ["PT0.1H", 360_000],
    ["PT1H0.5M", 3_630_000],
    ["P1D", 86_400_000],
    ["PT24H", 86_400_000],
    ["P1DT12H", 129_600_000],
    ["P2W", 1_209_600_000],
    ["PT0S", 0],
    ["P0D", 0],
    ["P36525D", 36_525 * 86_400_000],
  ])("%s lasts %d ms", (text, ms) => {
    expect(durationMs(text)).toBe(ms);
  });

  it("keeps months and days apart from exact time", () => {
    expect(parseDuration("P1Y2M1W3DT4H")).toEqual({ months: 14, days: 10, ms: 4 * 3_600_000 });
  });

  it.each([
    ["", "not an ISO 8601 duration"],
    ["P", "not an ISO 8601 duration"],
    ["PT", "not an ISO 8601 duration"],
    ["P1DT", "not an ISO 8601 duration"],
    ["P1H", "not an ISO 8601 duration"],
    ["PT1D", "not an ISO 8601 duration"],
    ["1H", "not an ISO 8601 duration"],
    ["pt1h", "not an ISO 8601 duration"],
    ["PT1S ", "not an ISO 8601 duration"],
    ["PT1ST1S", "not an ISO 8601 duration"],
    ["PT1M1H", "not an ISO 8601 duration"],
    ["PT1.5H30M", "not an ISO 8601 duration"],
    ["PT.5S", "not an ISO 8601 duration"],
    ["PT1e3S", "not an ISO 8601 duration"],
    ["5 minutes", "not an ISO 8601 duration"],
    ["PT0.0005S", "finer than a millisecond"],
    ["-PT5S", "negative"],
    ["PT-5S", "negative"],
    ["P36526D", "more than 100 years"],
    ["P1201M", "more than 100 years"],
    [`PT${"9".repeat(50)}S`, "more than 100 years"],
  ])("%j is refused by name: %s", (text, reason) => {
    expect(() => parseDuration(text, "timeout")).toThrow(
      expect.objectContaining({
        code: "BAD_INPUT",
        field: "timeout",
        message: expect.stringContaining(reason),
      }),
    );
  });

  it.each(["P1M", "P1Y", "P1YT1S"])("%s has no exact length", (text) => {
    expect(() => durationMs(text, "delay")).toThrow(
      expect.objectContaining({
        code: "BAD_INPUT",
        field: "delay",
        message: expect.stringContaining("exact"),
      }),
    );
  });

  it.each([
    [0, "PT0S"],
    [100, "PT0.1S"],
    [59_999, "PT59.999S"],
    [300_000, "PT5M"],
    [86_400_000, "P1D"],
    [90_061_001, "P1DT1H1M1.001S"],
    [-1_500, "-PT1.5S"],
  ])("of %d ms is written %s", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it("is read back as it was written", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 36_525 * 86_400_000 }), (ms) => {
        expect(durationMs(formatDuration(ms))).toBe(ms);
      }),
    );
  });

  it("is read or rejected, whatever the text", () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^P[0-9YMWDTHS.,-]*$/));
    fc.assert(
      fc.property(text, (candidate) => {
        try {
          const { months, days, ms } = parseDuration(candidate);
          expect([months, days, ms].every((part) => Number.isSafeInteger(part) && part >= 0)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(Rejection);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
