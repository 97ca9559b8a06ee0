/** Every n calendar units from a start: short months, leap years, and the hour that stays across clock changes. */
import { describe, expect, it } from "vitest";
import { parseDuration } from "../../server/core/duration.ts";
import {
  type CalendarIntervalSchedule,
  nextCalendarInterval,
  readInterval,
} from "../../server/core/schedule/calendar-interval.ts";
import { checkSchedule } from "../../server/core/schedule/schedule.ts";

const interval = (every: string, more: Partial<CalendarIntervalSchedule> = {}): CalendarIntervalSchedule => ({
  kind: "calendarInterval",
  ...readInterval(parseDuration(every)),
  timeZone: "UTC",
  missingDay: "SHIFT",
  gap: "SHIFT",
  overlap: "FIRST",
  ...more,
});

/** The first fires from a start, as minutes; one that is null ends the list. */
function fires(schedule: CalendarIntervalSchedule, start: string, count: number): string[] {
  const anchorAt = Date.parse(start);
  const times: string[] = [];
  let at = nextCalendarInterval(schedule, anchorAt, anchorAt - 1);
  for (; at !== null && times.length < count; at = nextCalendarInterval(schedule, anchorAt, at)) {
    times.push(new Date(at).toISOString().slice(0, 16));
  }
  return times;
}

describe("a calendar interval", () => {
  it.each<[string, Partial<CalendarIntervalSchedule>, string, string[]]>([
    // The start's day comes back after a short month: Quartz would stay on the 28th.
    ["P1M", {}, "2027-01-31T09:00Z", ["2027-01-31T09:00", "2027-02-28T09:00", "2027-03-31T09:00"]],
    [
      "P1M",
      { missingDay: "SKIP" },
      "2027-01-31T09:00Z",
      ["2027-01-31T09:00", "2027-03-31T09:00", "2027-05-31T09:00"],
    ],
    ["P3M", {}, "2027-11-30T00:00Z", ["2027-11-30T00:00", "2028-02-29T00:00", "2028-05-30T00:00"]],
    ["P1Y", {}, "2028-02-29T12:00Z", ["2028-02-29T12:00", "2029-02-28T12:00", "2030-02-28T12:00"]],
    ["P1Y", { missingDay: "SKIP" }, "2028-02-29T12:00Z", ["2028-02-29T12:00", "2032-02-29T12:00"]],
    ["P1Y6M", {}, "2027-01-01T00:00Z", ["2027-01-01T00:00", "2028-07-01T00:00", "2030-01-01T00:00"]],
    ["P2W", {}, "2027-01-01T06:30Z", ["2027-01-01T06:30", "2027-01-15T06:30", "2027-01-29T06:30"]],
    ["P10D", {}, "2028-02-20T00:00Z", ["2028-02-20T00:00", "2028-03-01T00:00", "2028-03-11T00:00"]],
    ["PT90M", {}, "2027-01-01T00:00Z", ["2027-01-01T00:00", "2027-01-01T01:30", "2027-01-01T03:00"]],
    ["P1M", {}, "1969-12-31T23:30Z", ["1969-12-31T23:30", "1970-01-31T23:30"]],
  ])("of %s with %j from %s fires at %j", (every, more, start, expected) => {
    expect(fires(interval(every, more), start, expected.length)).toEqual(expected);
  });

  const inNewYork = { timeZone: "America/New_York" } as const;
  it.each<[string, Partial<CalendarIntervalSchedule>, string, string[]]>([
    ["P1D", {}, "2027-03-13T12:00Z", ["2027-03-13T12:00", "2027-03-14T11:00", "2027-03-15T11:00"]],
    ["P1D", {}, "2027-11-06T11:00Z", ["2027-11-06T11:00", "2027-11-07T12:00", "2027-11-08T12:00"]],
    // 02:30 does not exist on 14 March 2027, and 01:30 comes twice on 7 November.
    ["P1D", {}, "2027-03-13T07:30Z", ["2027-03-13T07:30", "2027-03-14T07:00", "2027-03-15T06:30"]],
    ["P1D", { gap: "SKIP" }, "2027-03-13T07:30Z", ["2027-03-13T07:30", "2027-03-15T06:30"]],
    ["P1W", { gap: "SKIP" }, "2027-03-07T07:30Z", ["2027-03-07T07:30", "2027-03-21T06:30"]],
    ["P1D", {}, "2027-11-06T05:30Z", ["2027-11-06T05:30", "2027-11-07T05:30", "2027-11-08T06:30"]],
    ["P1D", { overlap: "SECOND" }, "2027-11-06T05:30Z", ["2027-11-06T05:30", "2027-11-07T06:30"]],
    [
      "P1D",
      { overlap: "BOTH" },
      "2027-11-06T05:30Z",
      ["2027-11-06T05:30", "2027-11-07T05:30", "2027-11-07T06:30", "2027-11-08T06:30"],
    ],
    // Hours are elapsed time: the wall clock drifts.
    ["PT12H", {}, "2027-03-13T17:00Z", ["2027-03-13T17:00", "2027-03-14T05:00", "2027-03-14T17:00"]],
  ])("of %s in New York with %j from %s keeps its hour: %j", (every, more, start, expected) => {
    expect(fires(interval(every, { ...inNewYork, ...more }), start, expected.length)).toEqual(expected);
  });

  it("fires at its start even in the second pass of a repeated hour", () => {
    expect(fires(interval("P1D", inNewYork), "2027-11-07T06:30Z", 2)).toEqual([
      "2027-11-07T06:30",
      "2027-11-08T06:30",
    ]);
  });

  it("crosses a day that a zone left out", () => {
    const apia = { timeZone: "Pacific/Apia" };
    const start = "2011-12-28T19:00Z"; // 09:00 on the 28th there; the 30th never was.
    expect(fires(interval("P1D", apia), start, 4)).toEqual([
      "2011-12-28T19:00",
      "2011-12-29T19:00",
      "2011-12-30T10:00",
      "2011-12-30T19:00",
    ]);
    expect(fires(interval("P1D", { ...apia, gap: "SKIP" }), start, 3).at(-1)).toBe("2011-12-30T19:00");
  });

  it("answers the same wherever one starts looking, in constant time", () => {
    const schedule = interval("P1M", { missingDay: "SKIP" });
    const anchorAt = Date.UTC(1971, 0, 31, 8);
    const expected = Date.UTC(2190, 2, 31, 8);
    expect(nextCalendarInterval(schedule, anchorAt, expected - 1)).toBe(expected);
    expect(nextCalendarInterval(schedule, anchorAt, Date.UTC(2190, 0, 31, 8))).toBe(expected);
  });

  it("ends with the year 2199, also when every month is left out", () => {
    expect(nextCalendarInterval(interval("P1D"), 0, Date.UTC(2199, 11, 31))).toBeNull();
    const leapDays = interval("P100Y", { missingDay: "SKIP" });
    expect(nextCalendarInterval(leapDays, Date.UTC(2000, 1, 29), Date.UTC(2000, 1, 29))).toBeNull();
  });

  it.each([["PT0S"], ["P1MT1H"], ["P1M2D"], ["P1DT12H"]])("of %s is refused", (every) => {
    expect(() => readInterval(parseDuration(every))).toThrow(
      expect.objectContaining({ code: "BAD_INPUT", field: "every" }),
    );
  });

  it.each<[Partial<CalendarIntervalSchedule>, string]>([
    [{ timeZone: "Mars/Olympus" }, "timeZone"],
    [{ every: 99, unit: "MS" }, "every"],
    [{ every: 0.5 }, "every"],
  ])("with %j is refused, naming %s", (more, field) => {
    expect(() => checkSchedule(interval("P1D", more), "seed")).toThrow(
      expect.objectContaining({ code: "BAD_INPUT", field }),
    );
  });
});
