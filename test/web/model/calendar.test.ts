/** Calendars in words, as a year, and in a form. */
import { describe, expect, test } from "vitest";
import {
  type CalendarRule,
  knownUntil,
  ruleInWords,
  type Stretch,
  stretchInWords,
  yearOf,
} from "../../../web/model/calendar.ts";
import { BLANK_CALENDAR, formOfCalendar, readCalendar, ruleField } from "../../../web/model/calendar-form.ts";

const NOW = Date.parse("2030-03-01T12:00:00Z");

const periods = [
  { from: "2030-03-01T22:00:00.000Z", until: "2030-03-02T02:00:00.000Z", label: "Migration, part 1" },
  { from: "2030-04-01T22:00:00.000Z", until: "2030-04-02T02:00:30.000Z", label: null },
];
const dates = [
  { date: "2030-01-01", label: null },
  { date: "2030-04-19", label: "Good Friday" },
];
const RULES: [CalendarRule, string, object][] = [
  [
    { __typename: "WeeklyCalendar", weekdays: ["SUNDAY", "SATURDAY"] },
    "Saturdays and Sundays",
    { weekly: { weekdays: ["SUNDAY", "SATURDAY"] } },
  ],
  [
    { __typename: "AnnualCalendar", annualDays: ["01-01", "02-29", "12-25"] },
    "1 January, 29 February and 25 December of every year",
    { annual: { days: ["01-01", "02-29", "12-25"] } },
  ],
  [
    { __typename: "MonthlyCalendar", monthlyDays: [-2, -1, 1, 12, 22] },
    "The 1st, the 12th, the 22nd, the 2nd last day and the last day of every month",
    { monthly: { days: [-2, -1, 1, 12, 22] } },
  ],
  [
    { __typename: "HolidaysCalendar", dates },
    "2 days, the next is Fri, 19 Apr 2030 (Good Friday)",
    { holidays: { dates: [{ date: "2030-01-01" }, { date: "2030-04-19", label: "Good Friday" }] } },
  ],
  [
    { __typename: "DailyCalendar", from: "18:00", until: "08:00", invert: false },
    "Every day from 18:00 to 08:00 of the next day",
    { daily: { from: "18:00", until: "08:00", invert: false } },
  ],
  [
    { __typename: "DailyCalendar", from: "09:00", until: "17:00", invert: true },
    "Every day but 09:00 to 17:00",
    { daily: { from: "09:00", until: "17:00", invert: true } },
  ],
  [
    { __typename: "CronCalendar", expression: "* 12 * * *", dialect: "UNIX" },
    "What * 12 * * * matches",
    { cron: { expression: "* 12 * * *", dialect: "UNIX" } },
  ],
  [
    { __typename: "PeriodsCalendar", periods },
    expect.stringMatching(/^2 periods, the next is from .* \(Migration, part 1\)$/),
    {
      periods: {
        periods: [periods[0], { from: periods[1]?.from, until: periods[1]?.until }],
      },
    },
  ],
];

test.each(RULES)("%j is told in words, and goes through a form unchanged", (rule, words, values) => {
  expect(ruleInWords(rule, NOW)).toEqual(words);
  const form = formOfCalendar({ name: "c", description: null, timeZone: null, base: null, rule });
  expect(readCalendar(form)).toEqual({
    values: { name: "c", rule: values, description: null, timeZone: null, base: null },
    faults: {},
  });
});

test("a rule with many days names some and counts the rest; one that is over says so", () => {
  const annualDays = Array.from({ length: 12 }, (_, index) => `${String(index + 1).padStart(2, "0")}-01`);
  expect(ruleInWords({ __typename: "AnnualCalendar", annualDays }, NOW)).toBe(
    "1 January, 1 February, 1 March, 1 April, 1 May and 7 more of every year",
  );
  expect(ruleInWords({ __typename: "HolidaysCalendar", dates: dates.slice(0, 1) }, NOW)).toBe(
    "1 day, all of them past",
  );
});

describe("stretches", () => {
  const stretch = (from: string, until: string): Stretch => ({ from, until, by: ["c"] });

  test("whole days go by their dates, on the clock of their zone", () => {
    expect(stretchInWords(stretch("2030-01-04T23:00:00Z", "2030-01-06T23:00:00Z"), "Europe/Berlin")).toBe(
      "Sat, 5 Jan 2030 to Sun, 6 Jan 2030",
    );
    expect(stretchInWords(stretch("2030-01-05T00:00:00Z", "2030-01-06T00:00:00Z"), "UTC")).toBe(
      "Sat, 5 Jan 2030",
    );
  });

  test("anything else goes by the minute", () => {
    expect(stretchInWords(stretch("2030-01-05T12:00:00Z", "2030-01-05T13:00:00Z"), "UTC")).toBe(
      "Sat, 5 Jan 2030, 12:00 to 13:00",
    );
    expect(stretchInWords(stretch("2030-01-05T18:00:00Z", "2030-01-06T08:00:00Z"), "UTC")).toBe(
      "Sat, 5 Jan 2030, 18:00 to 08:00 the next day",
    );
  });

  test("one that has begun has no beginning to tell", () => {
    const asked = "2030-01-05T21:47:49.123Z";
    expect(stretchInWords(stretch(asked, "2030-01-07T00:00:00Z"), "UTC", asked)).toBe(
      "Now, and all of Sun, 6 Jan 2030",
    );
    expect(stretchInWords(stretch(asked, "2030-01-06T08:00:00Z"), "UTC", asked)).toBe(
      "Now, to Sun, 6 Jan 2030, 08:00",
    );
  });

  test("a year knows each of its days: whole, in part, free, or not looked at", () => {
    const stretches = [
      stretch("2029-12-31T12:00:00Z", "2030-01-02T00:00:00Z"),
      stretch("2030-02-27T18:00:00Z", "2030-03-01T08:00:00Z"),
    ];
    const months = yearOf(2030, stretches, "UTC", "2030-03-01T08:00:00Z");
    expect(months.map(({ days }) => days.length)).toEqual([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]);
    // The first of January 2030 is a Tuesday.
    expect(months[0]?.lead).toBe(1);
    const standing = (month: number, day: number) => months[month - 1]?.days[day - 1]?.standing;
    expect([standing(1, 1), standing(1, 2)]).toEqual(["whole", "free"]);
    expect([standing(2, 26), standing(2, 27), standing(2, 28)]).toEqual(["free", "part", "whole"]);
    expect([standing(3, 1), standing(3, 2), standing(12, 31)]).toEqual(["part", "unknown", "unknown"]);
    expect(months[1]?.days[27]?.by).toEqual(["c"]);
  });

  test("a page that is not full, or goes beyond the year, is all there is", () => {
    const page = [stretch("2030-05-01T00:00:00Z", "2030-05-02T00:00:00Z")];
    expect(knownUntil(page, true, 2030, "UTC")).toBe("2030-05-02T00:00:00Z");
    expect(knownUntil(page, false, 2030, "UTC")).toBeNull();
    expect(knownUntil(page, true, 2029, "UTC")).toBeNull();
    expect(knownUntil([], true, 2030, "UTC")).toBeNull();
  });
});

describe("a form", () => {
  test("lines that do not fit are named, and nothing is sent", () => {
    const faults = (part: object) => readCalendar({ ...BLANK_CALENDAR, name: "c", ...part }).faults;
    expect(faults({ kind: "holidays", dates: "2030-01-01\n\nEaster" })).toEqual({
      dates: "Line 3 does not fit: Easter",
    });
    expect(faults({ kind: "periods", periods: "2030-01-01T10:00" })).toHaveProperty("periods");
    expect(faults({ kind: "periods", periods: "2030-01-01T10:00 2030-13-45T99:00" })).toHaveProperty(
      "periods",
    );
    expect(faults({ kind: "monthly", monthly: "1, last" })).toHaveProperty("monthly");
    expect(faults({ kind: "annual", annual: " " })).toHaveProperty("annual");
    expect(faults({ kind: "weekly", weekdays: [] })).toHaveProperty("weekdays");
    expect(faults({ kind: "cron", expression: "" })).toHaveProperty("expression");
    expect(faults({ kind: "daily", from: "" })).toHaveProperty("from");
    expect(faults({ name: "" })).toHaveProperty("name");
  });

  test("lists take what people paste", () => {
    const rule = (part: object) => readCalendar({ ...BLANK_CALENDAR, name: "c", ...part }).values?.rule;
    expect(rule({ kind: "holidays", dates: "2030-12-25, Christmas Day\n2030-12-26;Boxing Day\n" })).toEqual({
      holidays: {
        dates: [
          { date: "2030-12-25", label: "Christmas Day" },
          { date: "2030-12-26", label: "Boxing Day" },
        ],
      },
    });
    expect(
      rule({ kind: "periods", periods: "2030-03-01T22:00:00Z/2030-03-02T02:00:00+01:00 the move" }),
    ).toEqual({
      periods: {
        periods: [{ from: "2030-03-01T22:00:00.000Z", until: "2030-03-02T01:00:00.000Z", label: "the move" }],
      },
    });
    expect(rule({ kind: "annual", annual: "12-25 01-01,05-01" })).toEqual({
      annual: { days: ["12-25", "01-01", "05-01"] },
    });
  });

  test("a complaint about days goes to the field of that rule", () => {
    expect(ruleField("rule.annual.days")).toBe("rule.annual");
    expect(ruleField("rule.holidays.dates[3].date")).toBe("rule.holidays.dates[3].date");
    expect(ruleField(undefined)).toBeUndefined();
  });
});
