/** What each kind of calendar excludes, alone and in chains, with clock changes and days that are not there. */
import { describe, expect, it } from "vitest";
import {
  type Calendar,
  type CalendarRule,
  excludedStretches,
  exclusionAt,
  firstIncluded,
} from "../../server/core/calendar/calendar.ts";
import type { Weekday } from "../../server/core/schedule/daily-time-interval.ts";

const BERLIN = "Europe/Berlin";
const WEEKEND: CalendarRule = { kind: "weekly", weekdays: ["SATURDAY", "SUNDAY"] };

const calendar = (rule: CalendarRule, name = "c", timeZone: string | null = null): Calendar => ({
  name,
  timeZone,
  rule,
});

const at = (text: string): number => Date.parse(text);
const text = (instant: number | null): string | null =>
  instant === null ? null : new Date(instant).toISOString().replace(/(:00)?\.000Z$/, "Z");

/** Until when the rule excludes an instant; null when it includes it. */
function untilOf(rule: CalendarRule, timeZone: string, instant: string): string | null {
  return text(exclusionAt([calendar(rule)], timeZone, at(instant))?.until ?? null);
}

describe("a weekly calendar", () => {
  // The clocks go forward in the night to Sunday, 2027-03-28, and back in the night to Sunday, 2027-10-31.
  it.each([
    ["2027-03-26T22:59:59.999Z", null],
    ["2027-03-26T23:00Z", "2027-03-28T22:00Z"],
    ["2027-03-28T01:00Z", "2027-03-28T22:00Z"],
    ["2027-03-28T21:59:59.999Z", "2027-03-28T22:00Z"],
    ["2027-03-28T22:00Z", null],
    ["2027-10-29T21:59Z", null],
    ["2027-10-29T22:00Z", "2027-10-31T23:00Z"],
    ["2027-10-31T22:59Z", "2027-10-31T23:00Z"],
    ["2027-10-31T23:00Z", null],
  ])("of the weekend in Berlin, with its days of 23 and 25 hours, excludes %s until %s", (instant, until) => {
    expect(untilOf(WEEKEND, BERLIN, instant)).toBe(until);
  });

  it("excludes Saturday and Sunday and no other day, as Quartz's does unless told otherwise", () => {
    const days = Array.from({ length: 7 }, (_, day) => at("2027-06-07T12:00Z") + day * 86_400_000);
    const excluded = days.filter((day) => exclusionAt([calendar(WEEKEND)], "UTC", day));
    expect(excluded.map(text)).toEqual(["2027-06-12T12:00Z", "2027-06-13T12:00Z"]);
  });

  it("lets the days before and after a skipped day follow one another", () => {
    // Samoa went from Thursday, 2011-12-29, to Saturday, 2011-12-31.
    const of = (...weekdays: Weekday[]): CalendarRule => ({ kind: "weekly", weekdays });
    const friday = excludedStretches([calendar(of("FRIDAY"))], "Pacific/Apia", at("2011-12-29T00:00Z"), 1);
    expect(friday.map((stretch) => text(stretch.from))).toEqual(["2012-01-05T10:00Z"]);
    expect(untilOf(of("THURSDAY", "FRIDAY"), "Pacific/Apia", "2011-12-30T09:59Z")).toBe("2011-12-30T10:00Z");
    expect(untilOf(of("THURSDAY", "SATURDAY"), "Pacific/Apia", "2011-12-29T10:00Z")).toBe(
      "2011-12-31T10:00Z",
    );
  });

  it("begins and ends where the day does when midnight is skipped or comes twice", () => {
    // Havana goes from Sunday 00:00 to 01:00, and back from Sunday 01:00 to 00:00.
    const sunday: CalendarRule = { kind: "weekly", weekdays: ["SUNDAY"] };
    expect(untilOf(sunday, "America/Havana", "2027-03-14T04:59Z")).toBeNull();
    expect(untilOf(sunday, "America/Havana", "2027-03-14T05:00Z")).toBe("2027-03-15T04:00Z");
    expect(untilOf(sunday, "America/Havana", "2027-11-07T04:00Z")).toBe("2027-11-08T05:00Z");
    expect(untilOf(sunday, "America/Havana", "2027-11-07T03:59Z")).toBeNull();
    // St. John's went back from Sunday 00:01 to Saturday 23:01, so that Saturday ends twice.
    const saturday: CalendarRule = { kind: "weekly", weekdays: ["SATURDAY"] };
    const stretches = excludedStretches([calendar(saturday)], "America/St_Johns", at("2006-10-28T00:00Z"), 2);
    expect(stretches.map(({ from, until }) => [text(from), text(until)])).toEqual([
      ["2006-10-28T02:30Z", "2006-10-29T02:30Z"],
      ["2006-10-29T02:31Z", "2006-10-29T03:30Z"],
    ]);
  });
});

describe("an annual calendar", () => {
  const rule: CalendarRule = { kind: "annual", days: ["02-29", "12-25", "12-26", "12-31", "01-01"] };
  it.each([
    ["2027-12-24T23:00Z", "2027-12-26T23:00Z"],
    ["2031-12-26T22:59Z", "2031-12-26T23:00Z"],
    ["2027-12-31T12:00Z", "2028-01-01T23:00Z"],
    ["2028-02-29T12:00Z", "2028-02-29T23:00Z"],
    ["2027-02-28T12:00Z", null],
    ["2027-03-01T12:00Z", null],
    ["2100-02-28T23:30Z", null],
  ])("at %s excludes until %s", (instant, until) => {
    expect(untilOf(rule, BERLIN, instant)).toBe(until);
  });

  it("has February 29th in leap years only", () => {
    const leap = [calendar({ kind: "annual", days: ["02-29"] })];
    const stretches = excludedStretches(leap, "UTC", at("2090-01-01T00:00Z"), 4);
    expect(stretches.map(({ from }) => text(from)?.slice(0, 10))).toEqual([
      "2092-02-29",
      "2096-02-29",
      "2104-02-29",
      "2108-02-29",
    ]);
  });
});

describe("a holiday calendar", () => {
  const rule: CalendarRule = {
    kind: "holidays",
    dates: [
      { date: "2027-12-24" },
      { date: "2027-12-25", label: "Christmas Day" },
      { date: "2027-12-26", label: "Boxing Day" },
      { date: "2028-04-17", label: "Easter Monday" },
    ],
  };

  it("says which day it is, and until when days follow one another", () => {
    const by = (instant: string) => exclusionAt([calendar(rule, "de")], BERLIN, at(instant));
    const until = at("2027-12-26T23:00Z");
    expect(by("2027-12-23T22:59:59Z")).toBeNull();
    expect(by("2027-12-23T23:00Z")).toEqual({ name: "de", label: null, until });
    expect(by("2027-12-25T12:00Z")).toEqual({ name: "de", label: "Christmas Day", until });
    expect(by("2027-12-26T12:00Z")).toEqual({ name: "de", label: "Boxing Day", until });
    expect(by("2027-12-26T23:00Z")).toBeNull();
    expect(by("2026-12-25T12:00Z")).toBeNull();
  });

  it("knows nothing of a day that the zone skips", () => {
    const skipped = [calendar({ kind: "holidays", dates: [{ date: "2011-12-30", label: "none" }] })];
    expect(excludedStretches(skipped, "Pacific/Apia", 0, 5)).toEqual([]);
    expect(excludedStretches(skipped, "UTC", 0, 5)).toHaveLength(1);
  });

  it("finds the rest of its last day again after a minute of the next", () => {
    // St. John's once more: it is Sunday for a minute, and then an hour of Saturday again.
    const last = [calendar({ kind: "holidays", dates: [{ date: "2006-10-28" }] })];
    const [stretch] = excludedStretches(last, "America/St_Johns", at("2006-10-29T02:30:30Z"), 1);
    expect([text(stretch?.from ?? 0), text(stretch?.until ?? 0)]).toEqual([
      "2006-10-29T02:31Z",
      "2006-10-29T03:30Z",
    ]);
  });

  it("without dates excludes nothing", () => {
    expect(untilOf({ kind: "holidays", dates: [] }, "UTC", "2027-12-25T00:00Z")).toBeNull();
  });
});

describe("a monthly calendar", () => {
  it.each([
    [[-1], "2027-02-27T12:00Z", null],
    [[-1], "2027-02-28T12:00Z", "2027-03-01T00:00Z"],
    [[-1], "2028-02-28T12:00Z", null],
    [[-1], "2028-02-29T12:00Z", "2028-03-01T00:00Z"],
    [[-1], "2027-04-30T00:00Z", "2027-05-01T00:00Z"],
    [[-1, 1], "2027-04-30T00:00Z", "2027-05-02T00:00Z"],
    [[-31], "2027-05-01T00:00Z", "2027-05-02T00:00Z"],
    [[-31], "2027-04-01T00:00Z", null],
    [[31], "2027-04-30T23:59Z", null],
    [[31], "2027-05-31T23:59Z", "2027-06-01T00:00Z"],
    [[15], "2027-05-15T00:00Z", "2027-05-16T00:00Z"],
  ])("of %j at %s excludes until %s", (days, instant, until) => {
    expect(untilOf({ kind: "monthly", days }, "UTC", instant)).toBe(until);
  });
});

describe("a daily calendar", () => {
  const office = { kind: "daily", from: "08:00", until: "17:00", invert: false } as const;
  const night = { kind: "daily", from: "22:00", until: "06:30:15", invert: false } as const;
  it.each<[string, CalendarRule, string, string | null]>([
    ["its beginning", office, "2027-06-01T08:00Z", "2027-06-01T17:00Z"],
    ["just before", office, "2027-06-01T07:59:59.999Z", null],
    ["just before its end", office, "2027-06-01T16:59:59.999Z", "2027-06-01T17:00Z"],
    ["its end, which is free", office, "2027-06-01T17:00Z", null],
    ["outside, inverted", { ...office, invert: true }, "2027-06-01T17:00Z", "2027-06-02T08:00Z"],
    ["the morning, inverted", { ...office, invert: true }, "2027-06-01T00:00Z", "2027-06-01T08:00Z"],
    ["inside, inverted", { ...office, invert: true }, "2027-06-01T08:00Z", null],
    ["before midnight", night, "2027-06-01T22:00Z", "2027-06-02T06:30:15Z"],
    ["after midnight", night, "2027-06-02T06:30:14Z", "2027-06-02T06:30:15Z"],
    ["its end after midnight", night, "2027-06-02T06:30:15Z", null],
    ["the day, of an inverted night", { ...night, invert: true }, "2027-06-02T12:00Z", "2027-06-02T22:00Z"],
    ["the night, of an inverted night", { ...night, invert: true }, "2027-06-02T23:00Z", null],
    [
      "up to midnight",
      { ...office, from: "20:00", until: "00:00" },
      "2027-06-01T21:00Z",
      "2027-06-02T00:00Z",
    ],
    ["at midnight", { ...office, from: "20:00", until: "00:00" }, "2027-06-02T00:00Z", null],
  ])("at %s", (_, rule, instant, until) => {
    expect(untilOf(rule, "UTC", instant)).toBe(until);
  });

  it("excludes an hour that comes twice twice, and one that is skipped not at all", () => {
    const twoToThree: CalendarRule = { kind: "daily", from: "02:00", until: "03:00", invert: false };
    const stretches = (from: string) =>
      excludedStretches([calendar(twoToThree)], BERLIN, at(from), 2).map((stretch) => [
        text(stretch.from),
        text(stretch.until),
      ]);
    expect(stretches("2027-03-27T12:00Z")).toEqual([
      ["2027-03-29T00:00Z", "2027-03-29T01:00Z"],
      ["2027-03-30T00:00Z", "2027-03-30T01:00Z"],
    ]);
    expect(stretches("2027-10-30T12:00Z")).toEqual([
      ["2027-10-31T00:00Z", "2027-10-31T02:00Z"],
      ["2027-11-01T01:00Z", "2027-11-01T02:00Z"],
    ]);
  });
});

describe("a cron calendar", () => {
  const unix = (expression: string): CalendarRule => ({ kind: "cron", expression, dialect: "UNIX" });
  const quartz = (expression: string): CalendarRule => ({ kind: "cron", expression, dialect: "QUARTZ" });
  it.each<[string, CalendarRule, string, string | null]>([
    ["nights, by the hour", quartz("* * 0-6,22-23 ? * *"), "2027-06-01T22:00Z", "2027-06-02T07:00Z"],
    ["nights, in the middle", quartz("* * 0-6,22-23 ? * *"), "2027-06-01T23:17:42.5Z", "2027-06-02T07:00Z"],
    ["nights, their end", quartz("* * 0-6,22-23 ? * *"), "2027-06-02T07:00Z", null],
    ["five fields, whole minutes", unix("* 22-23 * * *"), "2027-06-01T22:30:59.999Z", "2027-06-02T00:00Z"],
    ["one minute", unix("30 3 * * *"), "2027-06-01T03:30:59Z", "2027-06-01T03:31Z"],
    ["a nickname, a minute too", unix("@daily"), "2027-06-01T00:00:30Z", "2027-06-01T00:01Z"],
    ["one second", unix("30 * * * * *"), "2027-06-01T03:30:30.999Z", "2027-06-01T03:30:31Z"],
    ["the second after", unix("30 * * * * *"), "2027-06-01T03:30:31Z", null],
    ["seconds across a minute", unix("50-59,0-9 * * * * *"), "2027-06-01T03:30:55Z", "2027-06-01T03:31:10Z"],
    ["days in a row", unix("* * * * 5-6"), "2027-06-04T13:00Z", "2027-06-06T00:00Z"],
    ["the last day of the month", quartz("* * * L * ?"), "2027-06-30T13:00Z", "2027-07-01T00:00Z"],
    ["the day before the last", quartz("* * * L * ?"), "2027-06-29T23:59Z", null],
    ["a year", quartz("* * * * * ? 2028"), "2028-01-01T00:00Z", "2029-01-01T00:00Z"],
    ["not yet that year", quartz("* * * * * ? 2028"), "2027-12-31T23:59:59Z", null],
  ])("of %s: %j at %s excludes until %s", (_, rule, instant, until) => {
    expect(untilOf(rule, "UTC", instant)).toBe(until);
  });

  it("finds what is excluded next years ahead", () => {
    const sparse = [calendar(quartz("* * * 29 2 ? 2096"))];
    const [first, second] = excludedStretches(sparse, BERLIN, at("2027-01-01T00:00Z"), 2);
    expect([text(first?.from ?? 0), text(first?.until ?? 0), second]).toEqual([
      "2096-02-28T23:00Z",
      "2096-02-29T23:00Z",
      undefined,
    ]);
  });
});

describe("a calendar of periods", () => {
  const rule: CalendarRule = {
    kind: "periods",
    periods: [
      { from: at("2027-06-01T08:00Z"), until: at("2027-06-01T12:00Z"), label: "freeze" },
      { from: at("2027-06-01T09:00Z"), until: at("2027-06-01T10:00Z"), label: "deploy" },
      { from: at("2027-06-01T12:00Z"), until: at("2027-06-01T13:00Z") },
      { from: at("2027-06-01T13:00:00.001Z"), until: at("2027-06-01T14:00Z") },
    ],
  };
  it.each([
    ["2027-06-01T07:59:59.999Z", null, null],
    ["2027-06-01T08:00Z", "2027-06-01T13:00Z", "freeze"],
    ["2027-06-01T09:30Z", "2027-06-01T13:00Z", "freeze"],
    ["2027-06-01T11:00Z", "2027-06-01T13:00Z", "freeze"],
    ["2027-06-01T12:00Z", "2027-06-01T13:00Z", null],
    ["2027-06-01T13:00Z", null, null],
    ["2027-06-01T13:30Z", "2027-06-01T14:00Z", null],
    ["2027-06-01T14:00Z", null, null],
  ])("at %s excludes until %s, for %s", (instant, until, label) => {
    const by = exclusionAt([calendar(rule)], "Asia/Tokyo", at(instant));
    expect([text(by?.until ?? null), by?.label ?? null]).toEqual([until, label]);
  });

  it("names all the periods of a stretch", () => {
    expect(excludedStretches([calendar(rule, "ops")], "UTC", 0, 9)).toEqual([
      {
        from: at("2027-06-01T08:00Z"),
        until: at("2027-06-01T13:00Z"),
        by: [
          { name: "ops", label: "freeze" },
          { name: "ops", label: "deploy" },
          { name: "ops", label: null },
        ],
      },
      {
        from: at("2027-06-01T13:00:00.001Z"),
        until: at("2027-06-01T14:00Z"),
        by: [{ name: "ops", label: null }],
      },
    ]);
  });
});

describe("a chain of calendars", () => {
  const easter = calendar(
    {
      kind: "holidays",
      dates: [
        { date: "2027-03-26", label: "Good Friday" },
        { date: "2027-03-29", label: "Easter Monday" },
      ],
    },
    "holidays",
  );
  const nights = calendar({ kind: "daily", from: "22:00", until: "06:00", invert: false }, "nights");
  const chain = [calendar(WEEKEND, "weekend"), easter, nights];

  it("excludes what any of them does, and names the one that does so for longest", () => {
    const name = (instant: string) => exclusionAt(chain, BERLIN, at(instant))?.name ?? null;
    expect(name("2027-03-26T10:00Z")).toBe("holidays");
    expect(name("2027-03-27T10:00Z")).toBe("weekend");
    expect(name("2027-03-27T23:00Z")).toBe("weekend");
    expect(name("2027-03-30T02:00Z")).toBe("nights");
    expect(name("2027-03-30T10:00Z")).toBeNull();
    const twins = [calendar(WEEKEND, "one"), calendar(WEEKEND, "two")];
    expect(exclusionAt(twins, BERLIN, at("2027-03-27T10:00Z"))?.name).toBe("one");
    expect(exclusionAt([], BERLIN, 0)).toBeNull();
  });

  it("is left over Easter and its weekend at the first time that all include", () => {
    expect(text(firstIncluded(chain, BERLIN, at("2027-03-25T21:30Z")))).toBe("2027-03-30T04:00Z");
    expect(text(firstIncluded(chain, BERLIN, at("2027-03-25T20:59:59Z")))).toBe("2027-03-25T20:59:59Z");
    expect(firstIncluded([], BERLIN, 12_345)).toBe(12_345);
  });

  it("is shown as one stretch with the names of all that have a part in it", () => {
    const [stretch] = excludedStretches(chain, BERLIN, at("2027-03-25T12:00Z"), 1);
    expect(stretch).toEqual({
      from: at("2027-03-25T21:00Z"),
      until: at("2027-03-30T04:00Z"),
      by: [
        { name: "weekend", label: null },
        { name: "holidays", label: "Good Friday" },
        { name: "holidays", label: "Easter Monday" },
        { name: "nights", label: null },
      ],
    });
  });

  it("shows what has begun already from where one looks", () => {
    const [stretch] = excludedStretches(chain, BERLIN, at("2027-03-28T12:34Z"), 1);
    expect([stretch?.from, stretch?.by.map(({ label }) => label)]).toEqual([
      at("2027-03-28T12:34Z"),
      [null, "Easter Monday", null],
    ]);
  });

  it("goes by each calendar's own zone, and by the trigger's where it has none", () => {
    const own = [calendar(WEEKEND, "tokyo", "Asia/Tokyo")];
    const trigger = [calendar(WEEKEND, "any")];
    // Saturday begins in Tokyo while it is Friday afternoon in Berlin.
    const friday = at("2027-06-04T15:00Z");
    expect(exclusionAt(own, BERLIN, friday)?.until).toBe(at("2027-06-06T15:00Z"));
    expect(exclusionAt(trigger, BERLIN, friday)).toBeNull();
    expect(exclusionAt(trigger, "Asia/Tokyo", friday)?.until).toBe(at("2027-06-06T15:00Z"));
    const both = [...own, calendar(WEEKEND, "la", "America/Los_Angeles")];
    expect(text(firstIncluded(both, BERLIN, friday))).toBe("2027-06-07T07:00Z");
  });

  it("that leaves nothing over has no first time, and says so without looking for ever", () => {
    const even = calendar({ kind: "cron", expression: "*/2 * * * * *", dialect: "UNIX" });
    const odd = calendar({ kind: "cron", expression: "1-59/2 * * * * *", dialect: "UNIX" });
    expect(firstIncluded([even, odd], BERLIN, at("2027-01-01T00:00Z"))).toBeNull();
    const week = calendar({
      kind: "weekly",
      weekdays: ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"],
    });
    expect(firstIncluded([calendar(WEEKEND), week], BERLIN, at("2190-01-01T00:00Z"))).toBeNull();
    const [stretch] = excludedStretches([calendar(WEEKEND), week], BERLIN, at("2190-01-01T00:00Z"), 3);
    expect(text(stretch?.until ?? 0)).toBe("2200-01-01T00:00Z");
  });

  it("has no time past the end of 2199", () => {
    expect(firstIncluded([], "UTC", at("2200-01-01T00:00Z"))).toBeNull();
    const newYearsEve = calendar({ kind: "annual", days: ["12-31"] });
    expect(firstIncluded([newYearsEve], "UTC", at("2198-12-31T12:00Z"))).toBe(at("2199-01-01T00:00Z"));
    expect(firstIncluded([newYearsEve], "UTC", at("2199-12-31T12:00Z"))).toBeNull();
    expect(excludedStretches([calendar(WEEKEND)], "UTC", at("2200-01-01T00:00Z"), 3)).toEqual([]);
  });

  it("lets ten times a second jump over a weekend in one step", () => {
    const steps: string[] = [];
    let due = at("2027-06-04T21:59:59.8Z");
    while (due < at("2027-06-06T22:00:00.2Z")) {
      const by = exclusionAt([calendar(WEEKEND)], BERLIN, due);
      if (by) steps.push(new Date(by.until).toISOString());
      due = by ? by.until : due + 100;
    }
    expect(steps).toEqual(["2027-06-06T22:00:00.000Z"]);
  });
});
