/** Which calendars are refused, by which field and with which words, and the form in which the others are stored. */
import { describe, expect, it } from "vitest";
import { type CalendarRule, checkCalendar } from "../../server/core/calendar/calendar.ts";
import { WEEKDAYS } from "../../server/core/schedule/daily-time-interval.ts";

const numbers = (count: number, from = 0): number[] =>
  Array.from({ length: count }, (_, index) => from + index);
const date = (day: number): string => new Date(day * 86_400_000).toISOString().slice(0, 10);

describe("a calendar is refused", () => {
  it.each<[string, CalendarRule, string, RegExp]>([
    ["a day of no year", { kind: "annual", days: ["12-25", "02-30"] }, "annual.days", /"02-30".*12-25/],
    ["a day with its year", { kind: "annual", days: ["2027-12-25"] }, "annual.days", /month and day/],
    ["a day in other words", { kind: "annual", days: ["Dec 25"] }, "annual.days", /"Dec 25"/],
    ["no day of the year", { kind: "annual", days: [] }, "annual.days", /exclude nothing/],
    [
      "each day of the year",
      { kind: "annual", days: numbers(366, Date.UTC(2028, 0, 1) / 864e5).map((day) => date(day).slice(5)) },
      "annual.days",
      /every day/,
    ],
    ["too many days", { kind: "annual", days: numbers(367).map(() => "12-25") }, "annual.days", /367.*366/],
    [
      "a date that is not there",
      { kind: "holidays", dates: [{ date: "2027-01-01" }, { date: "2027-02-29" }] },
      "holidays.dates[1].date",
      /"2027-02-29" is not a date.*2027-12-24/,
    ],
    [
      "a date with a time",
      { kind: "holidays", dates: [{ date: "2027-12-24T00:00" }] },
      "holidays.dates[0].date",
      /not a date/,
    ],
    [
      "a date past all schedules",
      { kind: "holidays", dates: [{ date: "2200-01-01" }] },
      "holidays.dates[0].date",
      /1970 to 2199/,
    ],
    [
      "a label that is a text",
      { kind: "holidays", dates: [{ date: "2027-01-01", label: "x".repeat(201) }] },
      "holidays.dates[0].label",
      /201 characters.*200/,
    ],
    [
      "a label with a control character",
      { kind: "holidays", dates: [{ date: "2027-01-01", label: "New\u0000Year" }] },
      "holidays.dates[0].label",
      /cannot be printed/,
    ],
    [
      "too many dates",
      { kind: "holidays", dates: numbers(5_001).map((day) => ({ date: date(day) })) },
      "holidays.dates",
      /5001.*5000/,
    ],
    ["no weekday", { kind: "weekly", weekdays: [] }, "weekly.weekdays", /exclude nothing/],
    ["each weekday", { kind: "weekly", weekdays: [...WEEKDAYS] }, "weekly.weekdays", /every day/],
    ["day 0", { kind: "monthly", days: [1, 0] }, "monthly.days", /^0 is not.*-1/],
    ["day 32", { kind: "monthly", days: [32] }, "monthly.days", /32/],
    ["day -32", { kind: "monthly", days: [-32] }, "monthly.days", /-32/],
    ["half a day", { kind: "monthly", days: [1.5] }, "monthly.days", /1\.5/],
    ["no day of the month", { kind: "monthly", days: [] }, "monthly.days", /exclude nothing/],
    ["each day of the month", { kind: "monthly", days: numbers(31, 1) }, "monthly.days", /every day/],
    [
      "each day from both ends",
      { kind: "monthly", days: [...numbers(16, 1), ...numbers(16, -16)] },
      "monthly.days",
      /every day/,
    ],
    ["a time in other words", daily({ from: "8am" }), "daily.from", /"8am".*08:00/],
    ["24:00", daily({ until: "24:00" }), "daily.until", /past 23/],
    ["a stretch of nothing", daily({ until: "08:00:00" }), "daily.until", /nothing.*00:00/],
    ["a stretch of everything", daily({ until: "08:00", invert: true }), "daily.until", /everything/],
    ["a cron of four fields", cron("* * * *"), "cron.expression", /has 4 fields/],
    ["a cron without a day", cron("0 0 30 2 *"), "cron.expression", /day of month \(field 3\)/],
    ["a cron that spreads", cron("* H * * *"), "cron.expression", /H/],
    ["a cron of everything", cron("* * * * *"), "cron.expression", /every second/],
    ["a cron of everything, by days", cron("* * * 1-31 * *"), "cron.expression", /every second/],
    [
      "a period that ends as it begins",
      {
        kind: "periods",
        periods: [
          { from: 0, until: 1 },
          { from: 5, until: 5 },
        ],
      },
      "periods.periods[1].until",
      /after from/,
    ],
    [
      "a period from no time",
      { kind: "periods", periods: [{ from: Number.NaN, until: 5 }] },
      "periods.periods[0].from",
      /not a time/,
    ],
    [
      "a period without end",
      { kind: "periods", periods: [{ from: 0, until: Number.POSITIVE_INFINITY }] },
      "periods.periods[0].until",
      /not a time/,
    ],
    [
      "too many periods",
      { kind: "periods", periods: numbers(5_001).map((from) => ({ from, until: from + 1 })) },
      "periods.periods",
      /5001.*5000/,
    ],
  ])("for %s", (_, rule, field, message) => {
    const refusal = expect.objectContaining({
      code: "BAD_INPUT",
      field,
      message: expect.stringMatching(message),
    });
    expect(() => checkCalendar(rule, null)).toThrow(refusal);
  });

  it("for a zone that is none", () => {
    expect(() => checkCalendar(daily({}), "Berlin")).toThrow(
      expect.objectContaining({ code: "BAD_INPUT", field: "timeZone" }),
    );
  });
});

describe("a calendar is stored", () => {
  it.each<[string, CalendarRule, CalendarRule]>([
    [
      "days of the year sorted and once",
      { kind: "annual", days: ["12-26", "02-29", "12-26"] },
      { kind: "annual", days: ["02-29", "12-26"] },
    ],
    [
      "each date once, with all its labels",
      {
        kind: "holidays",
        dates: [
          { date: "2027-05-01", label: " Labour Day " },
          { date: "2027-01-01", label: "" },
          { date: "2027-05-01" },
          { date: "2027-05-01", label: "Labour Day" },
          { date: "2027-05-01", label: "Ascension" },
        ],
      },
      {
        kind: "holidays",
        dates: [{ date: "2027-01-01" }, { date: "2027-05-01", label: "Labour Day / Ascension" }],
      },
    ],
    ["an empty list of dates", { kind: "holidays", dates: [] }, { kind: "holidays", dates: [] }],
    [
      "weekdays from Sunday on",
      { kind: "weekly", weekdays: ["SATURDAY", "SUNDAY", "SATURDAY"] },
      { kind: "weekly", weekdays: ["SUNDAY", "SATURDAY"] },
    ],
    [
      "days of the month sorted and once",
      { kind: "monthly", days: [15, -1, 15] },
      { kind: "monthly", days: [-1, 15] },
    ],
    [
      "times of day as written",
      daily({ from: "22:00", until: "06:00" }),
      daily({ from: "22:00", until: "06:00" }),
    ],
    ["an expression without blanks around it", cron("  * 22-23 * * * "), cron("* 22-23 * * *")],
    [
      "all days of some years",
      cron("* * * * * ? 2028-2031", "QUARTZ"),
      cron("* * * * * ? 2028-2031", "QUARTZ"),
    ],
    [
      "periods by their beginning, each once",
      {
        kind: "periods",
        periods: [
          { from: 10, until: 20, label: "b" },
          { from: 5, until: 30 },
          { from: 10, until: 20, label: "b " },
          { from: 10, until: 20 },
        ],
      },
      {
        kind: "periods",
        periods: [
          { from: 5, until: 30 },
          { from: 10, until: 20, label: "b" },
          { from: 10, until: 20 },
        ],
      },
    ],
    ["an empty list of periods", { kind: "periods", periods: [] }, { kind: "periods", periods: [] }],
  ])("with %s", (_, rule, stored) => {
    expect(checkCalendar(rule, "Europe/Berlin")).toEqual(stored);
    expect(checkCalendar(stored, null)).toEqual(stored);
  });

  it("with labels of one date cut where they are too long together", () => {
    const dates = ["a", "b", "c"].map((letter) => ({ date: "2027-01-01", label: letter.repeat(90) }));
    const stored = checkCalendar({ kind: "holidays", dates }, null);
    const [label = ""] = stored.kind === "holidays" ? stored.dates.map(({ label }) => label) : [];
    expect(label).toHaveLength(200);
    expect(label).toMatch(/^a{90} \/ b{90} \/ c{13}…$/);
    expect(checkCalendar(stored, null)).toEqual(stored);
  });
});

function daily(more: { from?: string; until?: string; invert?: boolean }): CalendarRule {
  return { kind: "daily", from: "08:00", until: "17:00", invert: false, ...more };
}

function cron(expression: string, dialect: "UNIX" | "QUARTZ" = "UNIX"): CalendarRule {
  return { kind: "cron", expression, dialect };
}
