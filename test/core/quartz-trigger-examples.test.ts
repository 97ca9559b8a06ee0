/**
 * Every example that Quartz's documentation gives of its other triggers: lesson 5, the cookbook, example 2, and the
 * Javadoc of CalendarIntervalTrigger and DailyTimeIntervalTrigger.
 */
import { describe, expect, it } from "vitest";
import { parseDuration } from "../../server/core/duration.ts";
import { readInterval } from "../../server/core/schedule/calendar-interval.ts";
import { WEEKDAYS, type Weekday } from "../../server/core/schedule/daily-time-interval.ts";
import type { Schedule } from "../../server/core/schedule/schedule.ts";
import type { TriggerDef } from "../../server/core/trigger/definition.ts";
import { nextFires } from "../../server/core/trigger.ts";
import { at, every, MON, on, promised, steps, THU, text, weekdays } from "./promised-times.ts";
import { HOUR_MS, MINUTE_MS } from "./wall-clock-oracle.ts";

const START = Date.UTC(2027, 0, 1, 9);
const trigger = (schedule: Schedule, more: Partial<TriggerDef> = {}): TriggerDef => ({
  schedule,
  startAt: START,
  endAt: null,
  anchorAt: START,
  seed: "1/quartz",
  firedCount: 0,
  offsetMs: 0,
  calendars: [],
  onExcluded: "SKIP",
  ...more,
});
const fires = (def: TriggerDef, count: number): number[] =>
  nextFires(def, START - 1, count).map((time) => time - START);

describe("a SimpleTrigger", () => {
  const everyMs = (ms: number, repeat?: number): Schedule => ({
    kind: "fixedRate",
    everyMs: ms,
    ...(repeat === undefined ? {} : { repeat }),
  });
  const grid = (ms: number, count: number) => Array.from({ length: count }, (_, index) => index * ms);

  it.each<[string, TriggerDef, number[], boolean]>([
    // Lesson 5.
    ["at one moment", trigger({ kind: "once", at: START }), [0], true],
    [
      "at one moment, then five times more, ten seconds apart",
      trigger(everyMs(10_000, 5)),
      grid(10_000, 6),
      true,
    ],
    ["with ten repeats fires eleven times", trigger(everyMs(10_000, 10)), grid(10_000, 11), true],
    ["once in five minutes", trigger({ kind: "once", at: START + 5 * MINUTE_MS }), [5 * MINUTE_MS], true],
    [
      // Quartz would leave out 22:00 itself: its end is exclusive, ours counts.
      "every five minutes until 22:00",
      trigger(everyMs(5 * MINUTE_MS), { endAt: Date.UTC(2027, 0, 1, 22) }),
      grid(5 * MINUTE_MS, 13 * 12 + 1),
      true,
    ],
    [
      "every two hours from the next full hour on",
      trigger(everyMs(2 * HOUR_MS)),
      grid(2 * HOUR_MS, 30),
      false,
    ],
    [
      "for ever, cut off by the end before its repeats",
      trigger(everyMs(10_000, 1_000), { endAt: START + 25_000 }),
      grid(10_000, 3),
      true,
    ],
    // Example 2.
    ["every 40 seconds for ever", trigger(everyMs(40_000)), grid(40_000, 50), false],
    [
      "every five minutes, twenty times more",
      trigger(everyMs(5 * MINUTE_MS, 20)),
      grid(5 * MINUTE_MS, 21),
      true,
    ],
    // The cookbook.
    ["every ten seconds", trigger(everyMs(10_000)), grid(10_000, 50), false],
    ["every 90 minutes", trigger(everyMs(90 * MINUTE_MS)), grid(90 * MINUTE_MS, 50), false],
    ["every 24 hours", trigger(everyMs(24 * HOUR_MS)), grid(24 * HOUR_MS, 50), false],
    ["every 14 times 24 hours", trigger(everyMs(14 * 24 * HOUR_MS)), grid(14 * 24 * HOUR_MS, 50), false],
  ])("%s", (_, def, expected, ends) => {
    expect(fires(def, ends ? expected.length + 1 : expected.length)).toEqual(expected);
  });
});

describe("a CalendarIntervalTrigger", () => {
  const interval = (every: string, timeZone = "UTC", gap: "SHIFT" | "SKIP" = "SHIFT"): Schedule => ({
    kind: "calendarInterval",
    ...readInterval(parseDuration(every)),
    timeZone,
    missingDay: "SHIFT",
    gap,
    overlap: "FIRST",
  });
  it.each<[string, Schedule, string, string[]]>([
    [
      "every 90 minutes",
      interval("PT90M"),
      "2027-01-01T09:00Z",
      ["01-01T09:00", "01-01T10:30", "01-01T12:00"],
    ],
    ["every day at 15:00", interval("P1D"), "2027-01-02T15:00Z", ["01-02T15:00", "01-03T15:00"]],
    // Unlike a cron expression, also across the end of a month.
    ["every two days", interval("P2D"), "2027-07-30T15:00Z", ["07-30T15:00", "08-01T15:00", "08-03T15:00"]],
    ["every week", interval("P1W"), "2027-01-02T15:00Z", ["01-02T15:00", "01-09T15:00"]],
    ["every two weeks", interval("P2W"), "2027-01-02T15:00Z", ["01-02T15:00", "01-16T15:00"]],
    ["every month", interval("P1M"), "2027-01-02T15:00Z", ["01-02T15:00", "02-02T15:00", "03-02T15:00"]],
    [
      "every five months, which no cron expression says",
      interval("P5M"),
      "2027-01-02T15:00Z",
      ["01-02T15:00", "06-02T15:00", "11-02T15:00", "04-02T15:00"],
    ],
    // With Quartz it stays on the 28th for good.
    [
      "from the 31st on, back on the 31st",
      interval("P1M"),
      "2027-01-31T15:00Z",
      ["01-31T15:00", "02-28T15:00", "03-31T15:00", "04-30T15:00"],
    ],
    // The clocks go forward on 14 March in New York; Quartz keeps the hour only when asked to.
    [
      "every two days from 1 March at 9:00 on, at 9:00 all along",
      interval("P2D", "America/New_York"),
      "2027-03-11T14:00Z",
      ["03-11T14:00", "03-13T14:00", "03-15T13:00"],
    ],
    // The hour from 2:00 on does not exist on that day.
    [
      "whose hour is missing, at the next hour",
      interval("P2D", "America/New_York"),
      "2027-03-12T07:00Z",
      ["03-12T07:00", "03-14T07:00", "03-16T06:00"],
    ],
    [
      "whose hour is missing, or not that day: four days between",
      interval("P2D", "America/New_York", "SKIP"),
      "2027-03-12T07:30Z",
      ["03-12T07:30", "03-16T06:30"],
    ],
  ])("%s", (_, schedule, start, expected) => {
    const startAt = Date.parse(start);
    const def = trigger(schedule, { startAt });
    expect(nextFires(def, startAt - 1, expected.length).map((time) => text(time).slice(5, 16))).toEqual(
      expected,
    );
  });
});

describe("a DailyTimeIntervalTrigger", () => {
  const daily = (
    minutes: number,
    from: string,
    until: string,
    days: readonly Weekday[] = WEEKDAYS,
    repeat?: number,
  ): Schedule => ({
    kind: "dailyTimeInterval",
    everyMs: minutes * MINUTE_MS,
    from,
    until,
    weekdays: days,
    timeZone: "UTC",
    ...(repeat === undefined ? {} : { repeat }),
  });
  const working: readonly Weekday[] = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"];
  const from1January = { startAt: Date.UTC(2027, 0, 1) };

  it("every 72 minutes from 8:00 to 11:00 fires three times a day", () => {
    const expected = promised(
      every,
      at("08:00", "09:12", "10:24"),
      from1January.startAt,
      Date.UTC(2028, 0, 1),
    );
    expect(nextFires(trigger(daily(72, "08:00", "11:00"), from1January), 0, expected.length)).toEqual(
      expected,
    );
  });

  it("every 23 minutes from 9:20 to 16:47 fires on weekdays", () => {
    const expected = promised(
      weekdays,
      steps("09:20", "16:47", 23 * 60),
      from1January.startAt,
      Date.UTC(2028, 0, 1),
    );
    expect(
      nextFires(trigger(daily(23, "09:20", "16:47", working), from1January), 0, expected.length),
    ).toEqual(expected);
  });

  it("every minute, which is the default, fires on Mondays and Thursdays from midnight to midnight", () => {
    const expected = promised(
      on(MON, THU),
      steps("00:00", "23:59", 60),
      from1January.startAt,
      Date.UTC(2027, 0, 22),
    );
    const schedule = daily(1, "00:00", "23:59:59", ["MONDAY", "THURSDAY"]);
    expect(nextFires(trigger(schedule, from1January), 0, expected.length)).toEqual(expected);
  });

  it("with a start within the window goes on with the window's times: 9:45 after 9:33", () => {
    const def = trigger(daily(15, "09:00", "11:00"), { startAt: Date.UTC(2027, 0, 1, 9, 33) });
    expect(nextFires(def, 0, 3).map((time) => text(time).slice(11, 16))).toEqual(["09:45", "10:00", "10:15"]);
  });

  it("with a start before the window takes that as its first day", () => {
    const def = trigger(daily(15, "09:00", "11:00"), { startAt: Date.UTC(2027, 0, 1, 3) });
    expect(nextFires(def, 0, 1)).toEqual([Date.UTC(2027, 0, 1, 9)]);
  });

  it("with a repeat of zero fires once, with n fires n + 1 times", () => {
    expect(nextFires(trigger(daily(15, "09:00", "11:00", WEEKDAYS, 0), from1January), 0, 99)).toHaveLength(1);
    expect(nextFires(trigger(daily(15, "09:00", "11:00", WEEKDAYS, 12), from1January), 0, 99)).toHaveLength(
      13,
    );
  });
});
