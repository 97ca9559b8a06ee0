/** Every so often within a window of the day: weekdays, windows past midnight, repeats, and clock changes. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type DailyTimeIntervalSchedule,
  nextDailyTimeInterval,
  WEEKDAYS,
} from "../../server/core/schedule/daily-time-interval.ts";
import { checkSchedule } from "../../server/core/schedule/schedule.ts";

const MINUTE_MS = 60_000;
const window = (
  everyMinutes: number,
  from: string,
  until: string,
  more: Partial<DailyTimeIntervalSchedule> = {},
): DailyTimeIntervalSchedule => ({
  kind: "dailyTimeInterval",
  everyMs: everyMinutes * MINUTE_MS,
  from,
  until,
  weekdays: WEEKDAYS,
  timeZone: "UTC",
  ...more,
});

/** The first fires from a start, as day and minute. */
function fires(schedule: DailyTimeIntervalSchedule, start: string, count: number): string[] {
  const startAt = Date.parse(start);
  const times: string[] = [];
  let at = nextDailyTimeInterval(schedule, startAt, Number.NEGATIVE_INFINITY);
  for (; at !== null && times.length < count; at = nextDailyTimeInterval(schedule, startAt, at)) {
    times.push(new Date(at).toISOString().slice(8, 16));
  }
  return times;
}

describe("a daily time interval", () => {
  it.each<[DailyTimeIntervalSchedule, string, string[]]>([
    // Quartz's example: every 72 minutes from 8 to 11.
    [
      window(72, "08:00", "11:00"),
      "2027-01-01T00:00Z",
      ["01T08:00", "01T09:12", "01T10:24", "02T08:00", "02T09:12"],
    ],
    [window(60, "08:00", "10:00"), "2027-01-01T00:00Z", ["01T08:00", "01T09:00", "01T10:00", "02T08:00"]],
    [window(60, "08:00", "09:59:59"), "2027-01-01T00:00Z", ["01T08:00", "01T09:00", "02T08:00"]],
    // A start within the window leaves its fires where they are.
    [window(60, "08:00", "10:00"), "2027-01-01T08:30Z", ["01T09:00", "01T10:00", "02T08:00"]],
    [window(60, "08:00", "10:00"), "2027-01-01T09:00Z", ["01T09:00", "01T10:00", "02T08:00"]],
    [window(600, "08:00", "10:00"), "2027-01-01T00:00Z", ["01T08:00", "02T08:00"]],
    [window(30, "12:00", "12:00"), "2027-01-01T00:00Z", ["01T12:00", "02T12:00"]],
    // 1 January 2027 is a Friday.
    [
      window(720, "06:00", "18:00", { weekdays: ["SATURDAY", "MONDAY"] }),
      "2027-01-01T00:00Z",
      ["02T06:00", "02T18:00", "04T06:00", "04T18:00", "09T06:00"],
    ],
    // Past midnight a window belongs to the day on which it opened.
    [
      window(180, "22:00", "05:00", { weekdays: ["FRIDAY"] }),
      "2027-01-01T00:00Z",
      ["01T22:00", "02T01:00", "02T04:00", "08T22:00"],
    ],
    [window(180, "22:00", "05:00"), "2027-01-02T00:30Z", ["02T01:00", "02T04:00", "02T22:00"]],
    [
      window(60, "08:00", "10:00", { timeZone: "Asia/Kolkata" }),
      "2027-01-01T00:00Z",
      ["01T02:30", "01T03:30", "01T04:30", "02T02:30"],
    ],
  ])("%j from %s fires at %j", (schedule, start, expected) => {
    expect(fires(schedule, start, expected.length)).toEqual(expected);
  });

  const inNewYork = { timeZone: "America/New_York" };
  it.each<[DailyTimeIntervalSchedule, string, string[]]>([
    // 02:00 to 03:00 is skipped on 14 March 2027: elapsed time goes on, and wall clock ends the window.
    [
      window(30, "01:30", "03:30", inNewYork),
      "2027-03-14T06:00Z",
      ["14T06:30", "14T07:00", "14T07:30", "15T05:30"],
    ],
    [window(45, "01:30", "03:30", inNewYork), "2027-03-14T06:00Z", ["14T06:30", "14T07:15", "15T05:30"]],
    // The opening itself is skipped: it opens when the clocks show something later.
    [
      window(30, "02:30", "04:00", inNewYork),
      "2027-03-14T06:00Z",
      ["14T07:00", "14T07:30", "14T08:00", "15T06:30"],
    ],
    // The whole window is skipped.
    [window(15, "02:15", "02:45", inNewYork), "2027-03-14T06:00Z", ["15T06:15", "15T06:30", "15T06:45"]],
    // 01:00 to 02:00 comes twice on 7 November 2027.
    [
      window(30, "00:30", "02:00", inNewYork),
      "2027-11-07T04:00Z",
      ["07T04:30", "07T05:00", "07T05:30", "07T06:00", "07T06:30", "07T07:00", "08T05:30"],
    ],
    [
      window(30, "01:00", "01:30", inNewYork),
      "2027-11-07T04:00Z",
      ["07T05:00", "07T05:30", "07T06:00", "07T06:30", "08T06:00"],
    ],
    [
      window(60, "01:30", "02:30", inNewYork),
      "2027-11-07T04:00Z",
      ["07T05:30", "07T06:30", "07T07:30", "08T06:30"],
    ],
  ])("%j follows elapsed time within its window: from %s at %j", (schedule, start, expected) => {
    expect(fires(schedule, start, expected.length)).toEqual(expected);
  });

  it("repeats so often after the first fire from its start on", () => {
    const twice = window(60, "08:00", "10:00", { repeat: 4 });
    expect(fires(twice, "2027-01-01T09:00Z", 9)).toEqual([
      "01T09:00",
      "01T10:00",
      "02T08:00",
      "02T09:00",
      "02T10:00",
    ]);
    expect(fires({ ...twice, repeat: 0 }, "2027-01-01T09:00Z", 9)).toEqual(["01T09:00"]);
  });

  it("counts repeats across clock changes and years without walking through each", () => {
    for (const repeat of [0, 1, 5, 137, 2_000]) {
      const schedule = window(17, "00:10", "23:30", { timeZone: "America/St_Johns" });
      const startAt = Date.parse("2010-10-20T00:00Z");
      const unlimited: number[] = [];
      let at: number | null = startAt - 1;
      while (at !== null && unlimited.length <= repeat) {
        at = nextDailyTimeInterval(schedule, startAt, at);
        if (at !== null) unlimited.push(at);
      }
      const last = unlimited.at(-1) ?? 0;
      const limited = { ...schedule, repeat };
      expect(nextDailyTimeInterval(limited, startAt, last - 1)).toBe(last);
      expect(nextDailyTimeInterval(limited, startAt, last)).toBeNull();
    }
    const long = window(1 / 600, "00:00", "23:59:59", { repeat: 1_000_000_000 });
    const endAt = nextDailyTimeInterval(long, 0, Date.UTC(1973, 0, 1));
    expect(endAt).not.toBeNull();
    expect(nextDailyTimeInterval(long, 0, Date.UTC(1974, 0, 1))).toBeNull();
  });

  it("ends with the fire that walking through all of them ends with", () => {
    const timeOfDay = fc.nat(1439).map((minute) => new Date(minute * MINUTE_MS).toISOString().slice(11, 16));
    const some = fc.record({
      everyMinutes: fc.integer({ min: 20, max: 1_440 }),
      from: timeOfDay,
      until: timeOfDay,
      weekdays: fc.subarray([...WEEKDAYS], { minLength: 1 }),
      timeZone: fc.constantFrom(
        "UTC",
        "America/New_York",
        "Africa/Cairo",
        "Australia/Lord_Howe",
        "Pacific/Apia",
      ),
    });
    const start = fc.integer({ min: Date.UTC(2009, 0, 1), max: Date.UTC(2026, 0, 1) });
    fc.assert(
      fc.property(
        some,
        start,
        fc.nat(900),
        ({ everyMinutes, from, until, weekdays, timeZone }, startAt, repeat) => {
          const schedule = window(everyMinutes, from, until, { weekdays, timeZone });
          let last = nextDailyTimeInterval(schedule, startAt, startAt - 1);
          for (let left = repeat; last !== null && left > 0; left--)
            last = nextDailyTimeInterval(schedule, startAt, last);
          const limited = { ...schedule, repeat };
          expect(nextDailyTimeInterval(limited, startAt, (last ?? 0) - 1)).toBe(last);
          expect(nextDailyTimeInterval(limited, startAt, last ?? 0)).toBeNull();
        },
      ),
      { numRuns: 300 },
    );
  });

  it.each<[Partial<DailyTimeIntervalSchedule>, string, string]>([
    [{ from: "8:00" }, "from", "not a time of day"],
    [{ from: "24:00" }, "from", "hour is past 23"],
    [{ until: "10:60" }, "until", "minute is past 59"],
    [{ until: "10:00:99" }, "until", "second is past 59"],
    [{ weekdays: [] }, "weekdays", "never fire"],
    [{ everyMs: 99 }, "every", "PT0.1S"],
    [{ repeat: -1 }, "repeat", "whole number"],
    [{ timeZone: "Mars/Olympus" }, "timeZone", "IANA"],
  ])("with %j is refused, naming %s: %s", (more, field, message) => {
    expect(() => checkSchedule(window(5, "08:00", "10:00", more), "seed")).toThrow(
      expect.objectContaining({ code: "BAD_INPUT", field, message: expect.stringContaining(message) }),
    );
  });
});
