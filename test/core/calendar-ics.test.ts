/** What is read from iCalendar text as holiday calendars and calendar programs write it, and what is refused. */
import fc from "fast-check";
import ICAL from "ical.js";
import { describe, expect, it } from "vitest";
import type { CalendarRule } from "../../server/core/calendar/calendar.ts";
import { readIcs } from "../../server/core/calendar/ics.ts";

const DAY_MS = 86_400_000;
const YEARS = { from: Date.UTC(2027, 0, 1), until: Date.UTC(2029, 0, 1), timeZone: "UTC" };

/** A text as the standard has it: lines end in CRLF. */
const ics = (...lines: string[]): string =>
  ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Test//EN", ...lines, "END:VCALENDAR", ""].join("\r\n");
const event = (...lines: string[]): string => ["BEGIN:VEVENT", ...lines, "END:VEVENT"].join("\r\n");

const days = (rules: readonly CalendarRule[]): string[] =>
  rules.flatMap((rule) =>
    rule.kind === "holidays" ? rule.dates.map(({ date, label }) => [date, label].join(" ").trim()) : [],
  );
const times = (rules: readonly CalendarRule[]): string[] =>
  rules.flatMap((rule) =>
    rule.kind === "periods"
      ? rule.periods.map(({ from, until, label }) => [text(from), text(until), label].join(" ").trim())
      : [],
  );
const minuteAndSecond = (second: number): string =>
  new Date(second * 1000).toISOString().slice(14, 19).replace(":", "");
const text = (at: number): string => new Date(at).toISOString().slice(0, 16);

/** The days or times of one event. */
const daysOf = (...lines: string[]): string[] => days(readIcs(ics(event(...lines)), YEARS).rules);
const timesOf = (...lines: string[]): string[] => times(readIcs(ics(event(...lines)), YEARS).rules);

describe("a calendar of public holidays", () => {
  it("as Google publishes it: single days, transparent, with lines that are folded", () => {
    const google = ics(
      "CALSCALE:GREGORIAN",
      "METHOD:PUBLISH",
      "X-WR-CALNAME:Feiertage in Deutschland",
      "X-WR-TIMEZONE:Europe/Berlin",
      event(
        "DTSTART;VALUE=DATE:20271003",
        "DTEND;VALUE=DATE:20271004",
        "DTSTAMP:20270101T000000Z",
        "UID:20271003_one@google.com",
        "CLASS:PUBLIC",
        "DESCRIPTION:Gesetzlicher Feiertag",
        "STATUS:CONFIRMED",
        "SUMMARY:Tag der Deutschen Ein",
        " heit\\, ganz Deutsch",
        "\tland",
        "TRANSP:TRANSPARENT",
      ),
      event(
        "DTSTART;VALUE=DATE:20261225",
        "DTEND;VALUE=DATE:20261226",
        "UID:20261225_two@google.com",
        "SUMMARY:Erster Weihnachtstag",
        "TRANSP:TRANSPARENT",
      ),
    );
    expect(readIcs(google, YEARS)).toEqual({
      rules: [
        {
          kind: "holidays",
          dates: [{ date: "2027-10-03", label: "Tag der Deutschen Einheit, ganz Deutschland" }],
        },
      ],
      skipped: [],
      timeZone: "Europe/Berlin",
    });
  });

  it("as Apple publishes it: days that come every year, by date and by weekday", () => {
    const apple = ics(
      "X-APPLE-CALENDAR-COLOR:#FF2D55",
      event(
        "UID:1",
        "SUMMARY;LANGUAGE=en:Independence Day",
        "DTSTART;VALUE=DATE:20150704",
        "DURATION:P1D",
        "RRULE:FREQ=YEARLY;COUNT=40",
        "CATEGORIES:Holidays",
        "TRANSP:TRANSPARENT",
      ),
      event(
        "UID:2",
        "SUMMARY;LANGUAGE=en:Thanksgiving",
        "DTSTART;VALUE=DATE:20151126",
        "RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH",
      ),
      event(
        "UID:3",
        "SUMMARY;LANGUAGE=en:Leap Day",
        "DTSTART;VALUE=DATE:20160229",
        "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
      ),
      event(
        "UID:4",
        "SUMMARY;LANGUAGE=en:Chinese New Year",
        "DTSTART;VALUE=DATE:20280126",
        "RRULE:RSCALE=CHINESE;FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=1",
      ),
      event("UID:5", "SUMMARY:Ended", "DTSTART;VALUE=DATE:20100101", "RRULE:FREQ=YEARLY;UNTIL=20261231"),
    );
    expect(days(readIcs(apple, YEARS).rules)).toEqual([
      "2027-07-04 Independence Day",
      "2027-11-25 Thanksgiving",
      "2028-01-26 Chinese New Year",
      "2028-02-29 Leap Day",
      "2028-07-04 Independence Day",
      "2028-11-23 Thanksgiving",
    ]);
  });

  it("as Outlook writes days: as times from midnight to midnight, with a mark", () => {
    expect(
      daysOf(
        "SUMMARY:Company holiday",
        "DTSTART;TZID=W. Europe Standard Time:20270503T000000",
        "DTEND;TZID=W. Europe Standard Time:20270505T000000",
        "X-MICROSOFT-CDO-ALLDAYEVENT:TRUE",
        "X-MICROSOFT-CDO-BUSYSTATUS:FREE",
        "TRANSP:TRANSPARENT",
      ),
    ).toEqual(["2027-05-03 Company holiday", "2027-05-04 Company holiday"]);
  });

  it("as Google writes birthdays: with further dates that are not marked as dates", () => {
    const birthday = ["SUMMARY:B", "DTSTART;VALUE=DATE:20281210", "DTEND;VALUE=DATE:20281211"];
    expect(
      daysOf(...birthday, "RRULE:FREQ=DAILY;INTERVAL=1;COUNT=1", "RDATE:20271210Z", "RDATE:20271211"),
    ).toEqual(["2027-12-10 B", "2027-12-11 B", "2028-12-10 B"]);
  });

  it("has all days of an event over several days, its end not included, and each event of a day", () => {
    const school = ics(
      event("SUMMARY:Ferien", "DTSTART;VALUE=DATE:20271222", "DTEND;VALUE=DATE:20271226"),
      event("SUMMARY:Heiligabend", "DTSTART;VALUE=DATE:20271224"),
      event("SUMMARY:Jahreswechsel", "DTSTART;VALUE=DATE:20281230", "DTEND;VALUE=DATE:20290103"),
    );
    expect(days(readIcs(school, YEARS).rules)).toEqual([
      "2027-12-22 Ferien",
      "2027-12-23 Ferien",
      "2027-12-24 Ferien / Heiligabend",
      "2027-12-25 Ferien",
      "2028-12-30 Jahreswechsel",
      "2028-12-31 Jahreswechsel",
      // It is still 2028 somewhere.
      "2029-01-01 Jahreswechsel",
    ]);
  });
});

/** As Outlook defines it: from 1601 on, by the rules of today. */
const W_EUROPE = [
  "BEGIN:VTIMEZONE",
  "TZID:W. Europe Standard Time",
  "BEGIN:STANDARD",
  "DTSTART:16010101T030000",
  "TZOFFSETFROM:+0200",
  "TZOFFSETTO:+0100",
  "RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10",
  "END:STANDARD",
  "BEGIN:DAYLIGHT",
  "DTSTART:16010101T020000",
  "TZOFFSETFROM:+0100",
  "TZOFFSETTO:+0200",
  "RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3",
  "END:DAYLIGHT",
  "END:VTIMEZONE",
].join("\r\n");

describe("a calendar of times", () => {
  it("as Outlook writes it: a weekly window with exceptions, in a zone that it defines", () => {
    const outlook = ics(
      "METHOD:PUBLISH",
      W_EUROPE,
      event(
        "UID:040000008200E00074C5B7101A82E008",
        "SUMMARY:Patch window",
        "DTSTART;TZID=W. Europe Standard Time:20270304T220000",
        "DTEND;TZID=W. Europe Standard Time:20270305T020000",
        "RRULE:FREQ=WEEKLY;BYDAY=TH;UNTIL=20270429T200000Z;WKST=MO",
        "EXDATE;TZID=W. Europe Standard Time:20270318T220000,20270408T220000",
        "BEGIN:VALARM",
        "TRIGGER:-PT15M",
        "ACTION:DISPLAY",
        "DESCRIPTION:Reminder",
        "END:VALARM",
      ),
      event(
        "UID:040000008200E00074C5B7101A82E008",
        "RECURRENCE-ID;TZID=W. Europe Standard Time:20270415T220000",
        "SUMMARY:Patch window (moved)",
        "DTSTART;TZID=W. Europe Standard Time:20270416T200000",
        "DTEND;TZID=W. Europe Standard Time:20270416T210000",
      ),
    );
    expect(times(readIcs(outlook, YEARS).rules)).toEqual([
      "2027-03-04T21:00 2027-03-05T01:00 Patch window",
      "2027-03-11T21:00 2027-03-12T01:00 Patch window",
      // From here on it is summer.
      "2027-03-25T21:00 2027-03-26T01:00 Patch window",
      "2027-04-01T20:00 2027-04-02T00:00 Patch window",
      "2027-04-16T18:00 2027-04-16T19:00 Patch window (moved)",
      "2027-04-22T20:00 2027-04-23T00:00 Patch window",
      // UNTIL is in UTC, and includes that time.
      "2027-04-29T20:00 2027-04-30T00:00 Patch window",
    ]);
  });

  it("goes by the zone that the text defines, and by the world's where it defines none or one that ends", () => {
    const fixed = (name: string) =>
      [
        "BEGIN:VTIMEZONE",
        `TZID:${name}`,
        "BEGIN:STANDARD",
        "DTSTART:19700101T000000",
        "TZOFFSETFROM:+0530",
        "TZOFFSETTO:+0530",
        "END:STANDARD",
        "END:VTIMEZONE",
      ].join("\r\n");
    const read = (definition: string, name: string) =>
      times(
        readIcs(ics(definition, event(`DTSTART;TZID=${name}:20270601T120000`, "DURATION:PT1H")), YEARS).rules,
      )[0]?.slice(0, 16);
    expect(read(W_EUROPE.replace("W. Europe Standard Time", "America/New_York"), "America/New_York")).toBe(
      "2027-06-01T10:00",
    );
    expect(read(fixed("Office"), "Office")).toBe("2027-06-01T06:30");
    expect(read(fixed("Office"), "Europe/Berlin")).toBe("2027-06-01T10:00");
    expect(read(fixed("Europe/Berlin"), "Europe/Berlin")).toBe("2027-06-01T10:00");
  });

  it("does without a definition that makes no sense: by the name, or not at all", () => {
    const seconds = Array.from({ length: 3_000 }, (_, second) => `20270601T10${minuteAndSecond(second)}`);
    const mad = (name: string) =>
      [
        "BEGIN:VTIMEZONE",
        `TZID:${name}`,
        "BEGIN:STANDARD",
        "DTSTART:20270101T000000",
        `RDATE:${seconds.join()}`,
        "TZOFFSETFROM:+0000",
        "TZOFFSETTO:+0100",
        "END:STANDARD",
        "END:VTIMEZONE",
      ].join("\r\n");
    const at = (name: string) => event(`DTSTART;TZID=${name}:20270601T120000`, "SUMMARY:X", "DURATION:PT1H");
    const { rules, skipped } = readIcs(
      ics(mad("Europe/Berlin"), mad("Mad"), at("Europe/Berlin"), at("Mad"), at("Mad")),
      YEARS,
    );
    expect(times(rules)).toEqual(["2027-06-01T10:00 2027-06-01T11:00 X"]);
    expect(skipped).toEqual([
      expect.stringContaining("changes its clocks twice within an hour"),
      expect.stringContaining("changes its clocks twice within an hour"),
    ]);
  });

  it("reads a definition with dates and with rules that have ended", () => {
    const definition = [
      "BEGIN:VTIMEZONE",
      "TZID:Odd",
      "BEGIN:STANDARD",
      "DTSTART:20270201T000000",
      "RDATE:20270901T000000,20280901T000000",
      "TZOFFSETFROM:+0100",
      "TZOFFSETTO:+0000",
      "END:STANDARD",
      "BEGIN:DAYLIGHT",
      "DTSTART:20270501T000000",
      "RRULE:FREQ=YEARLY;UNTIL=20270501T000000Z",
      "TZOFFSETFROM:+0000",
      "TZOFFSETTO:+0100",
      "END:DAYLIGHT",
      "END:VTIMEZONE",
    ].join("\r\n");
    const dates = ["20270115", "20270215", "20270515", "20270915", "20280515"];
    const text = ics(
      definition,
      ...dates.map((date) => event(`DTSTART;TZID=Odd:${date}T120000`, "DURATION:PT30M")),
    );
    expect(times(readIcs(text, YEARS).rules).map((period) => period.slice(0, 16))).toEqual([
      "2027-01-15T11:00",
      "2027-02-15T12:00",
      "2027-05-15T11:00",
      "2027-09-15T12:00",
      "2028-05-15T12:00",
    ]);
  });

  it("takes times without a zone for those of the zone that the text names, else for the given one", () => {
    const floating = event("DTSTART:20270601T120000", "DTEND:20270601T130000");
    const tokyo = { ...YEARS, timeZone: "Asia/Tokyo" };
    expect(times(readIcs(ics(floating), tokyo).rules)).toEqual(["2027-06-01T03:00 2027-06-01T04:00"]);
    const named = readIcs(ics("X-WR-TIMEZONE:America/New_York", floating), tokyo);
    expect([times(named.rules), named.timeZone]).toEqual([
      ["2027-06-01T16:00 2027-06-01T17:00"],
      "America/New_York",
    ]);
    const unknown = readIcs(ics("X-WR-TIMEZONE:Nowhere", floating), tokyo);
    expect([times(unknown.rules), unknown.timeZone]).toEqual([["2027-06-01T03:00 2027-06-01T04:00"], null]);
  });

  it("keeps to the wall clock from day to day, and to the exact length that its end gives", () => {
    expect(
      timesOf(
        "DTSTART;TZID=Europe/Berlin:20270327T013000",
        "DTEND;TZID=Europe/Berlin:20270327T040000",
        "RRULE:FREQ=DAILY;COUNT=3",
      ),
    ).toEqual([
      "2027-03-27T00:30 2027-03-27T03:00",
      "2027-03-28T00:30 2027-03-28T03:00",
      "2027-03-28T23:30 2027-03-29T02:00",
    ]);
    // A duration of days is one of the wall clock: this day has 23 hours.
    expect(timesOf("DTSTART;TZID=Europe/Berlin:20270327T120000", "DURATION:P1DT1H")).toEqual([
      "2027-03-27T11:00 2027-03-28T11:00",
    ]);
  });

  it("shifts a time that the clocks skip by the gap, and takes the first of two", () => {
    const at = (local: string) => timesOf(`DTSTART;TZID=Europe/Berlin:${local}`, "DURATION:PT10M")[0];
    expect(at("20270328T023000")).toBe("2027-03-28T01:30 2027-03-28T01:40");
    expect(at("20271031T023000")).toBe("2027-10-31T00:30 2027-10-31T00:40");
    expect(at("20271031T030000")).toBe("2027-10-31T02:00 2027-10-31T02:10");
  });

  it("takes what an end, a further date, an exception or a change says in whatever zone it says it", () => {
    const text = ics(
      event(
        "UID:a",
        "DTSTART;TZID=Europe/Berlin:20270601T120000",
        "DTEND:20270601T110000Z",
        "RRULE:FREQ=DAILY;COUNT=4",
        "RDATE;TZID=America/New_York:20270701T090000",
        "EXDATE:20270602T100000Z",
        "EXDATE;VALUE=DATE:20270603",
      ),
      event("UID:a", "RECURRENCE-ID:20270604T100000Z", "DTSTART:20270604T200000Z", "DURATION:PT1H"),
    );
    expect(times(readIcs(text, YEARS).rules)).toEqual([
      "2027-06-01T10:00 2027-06-01T11:00",
      "2027-06-04T20:00 2027-06-04T21:00",
      "2027-07-01T13:00 2027-07-01T14:00",
    ]);
  });

  it("excepts and changes days as well as times, and rules by rules", () => {
    const text = ics(
      event(
        "UID:a",
        "SUMMARY:Cleaning",
        "DTSTART;VALUE=DATE:20270601",
        "RRULE:FREQ=DAILY;UNTIL=20270607",
        "EXRULE:FREQ=DAILY;INTERVAL=3",
        "EXDATE;VALUE=DATE:20270602",
      ),
      event("UID:a", "RECURRENCE-ID;VALUE=DATE:20270605", "SUMMARY:Moved", "DTSTART;VALUE=DATE:20270620"),
      event("UID:b", "SUMMARY:Other", "DTSTART;VALUE=DATE:20270605"),
    );
    expect(days(readIcs(text, YEARS).rules)).toEqual([
      "2027-06-03 Cleaning",
      "2027-06-05 Other",
      "2027-06-06 Cleaning",
      "2027-06-20 Moved",
    ]);
  });

  it("has what lies across an end of the window, and nothing beyond", () => {
    const text = ics(
      event("SUMMARY:before", "DTSTART:20261231T220000Z", "DTEND:20270101T000000Z"),
      event("SUMMARY:into", "DTSTART:20261231T230000Z", "DTEND:20270101T000001Z"),
      event("SUMMARY:out", "DTSTART:20281231T235959Z", "DTEND:20290101T010000Z"),
      event("SUMMARY:after", "DTSTART:20290101T000000Z", "DTEND:20290101T010000Z"),
      event("SUMMARY:long", "DTSTART:20200101T000000Z", "DTEND:20300101T000000Z"),
      event(
        "SUMMARY:many",
        "DTSTART:20200101T000000Z",
        "DURATION:P10D",
        "RRULE:FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=25",
      ),
    );
    expect(times(readIcs(text, YEARS).rules).map((period) => period.split(" ")[2])).toEqual([
      "long",
      "many",
      "into",
      "many",
      "many",
      "out",
    ]);
  });

  it("may have a long history of what has ended", () => {
    const ended = Array.from({ length: 2_000 }, (_, index) =>
      event(
        `DTSTART:20${10 + (index % 10)}01${index % 4 === 1 ? 31 : 14}T090000Z`,
        "DURATION:PT1H",
        `RRULE:FREQ=${["DAILY", "WEEKLY", "MONTHLY", "YEARLY"][index % 4]};COUNT=5`,
      ),
    );
    const text = ics(...ended, event("DTSTART:20270602T100000Z", "DURATION:PT1H"));
    expect(times(readIcs(text, YEARS).rules)).toEqual(["2027-06-02T10:00 2027-06-02T11:00"]);
  });

  it("becomes two rules when there are days and times", () => {
    const both = ics(
      event("SUMMARY:Day", "DTSTART;VALUE=DATE:20270601"),
      event("SUMMARY:Time", "DTSTART:20270602T100000Z", "DURATION:PT1H"),
    );
    const { rules } = readIcs(both, YEARS);
    expect(rules.map(({ kind }) => kind)).toEqual(["holidays", "periods"]);
    expect([days(rules), times(rules)]).toEqual([
      ["2027-06-01 Day"],
      ["2027-06-02T10:00 2027-06-02T11:00 Time"],
    ]);
  });
});

describe("an event is left out, and said so", () => {
  const other = event("SUMMARY:Kept", "DTSTART;VALUE=DATE:20270601");
  it.each<[string, string[], RegExp]>([
    ["cancelled", ["DTSTART;VALUE=DATE:20270501", "STATUS:CANCELLED"], /^"X" \(line 8\): is cancelled/],
    [
      "transparent, with times",
      ["DTSTART:20270501T080000Z", "DURATION:PT1H", "TRANSP:TRANSPARENT"],
      /leaves its time free \(TRANSP:TRANSPARENT\)/,
    ],
    ["without a beginning", ["DTEND:20270501T080000Z"], /has no DTSTART/],
    ["on a day that is not there", ["DTSTART;VALUE=DATE:20270230"], /DTSTART of line 10 is not a date/],
    ["at a time that is not there", ["DTSTART:20270301T250000Z"], /DTSTART of line 10/],
    ["with a word for a time", ["DTSTART:tomorrow"], /DTSTART of line 10/],
    ["in a zone of its own", ["DTSTART;TZID=Moon:20270501T080000", "DURATION:PT1H"], /"Moon" \(line 10\)/],
    ["that ends before it begins", ["DTSTART:20270501T080000Z", "DTEND:20270501T070000Z"], /ends before/],
    ["for less than no time", ["DTSTART:20270501T080000Z", "DURATION:-PT1H"], /ends before/],
    ["for no time", ["DTSTART:20270501T080000Z"], /takes no time/],
    ["for how long?", ["DTSTART:20270501T080000Z", "DURATION:long"], /DURATION of line 11/],
    ["for ages", ["DTSTART;VALUE=DATE:00010101", "DTEND;VALUE=DATE:99991231"], /more than a hundred years/],
    [
      "every second for ever",
      ["DTSTART:20270501T080000Z", "DURATION:PT1S", "RRULE:FREQ=SECONDLY"],
      /repeats "SECONDLY" \(line 12\)/,
    ],
    ["as often as nobody knows", ["DTSTART;VALUE=DATE:20270501", "RRULE:BYDAY=MO"], /repeats ""/],
    [
      "by a rule that is none",
      ["DTSTART;VALUE=DATE:20270501", "RRULE:FREQ=SOMETIMES"],
      /line 11, "RRULE:FREQ=SOMETIMES", cannot be read/,
    ],
    [
      "by a rule that the standard forbids",
      ["DTSTART;VALUE=DATE:20270501", "RRULE:FREQ=WEEKLY;BYMONTHDAY=3"],
      /rule FREQ=WEEKLY;BYMONTHDAY=3 cannot be read/,
    ],
    [
      "by the months of another calendar",
      ["DTSTART;VALUE=DATE:20270501", "RRULE:RSCALE=HEBREW;FREQ=MONTHLY"],
      /RSCALE, line 11/,
    ],
    [
      "with an end that is no time",
      ["DTSTART;VALUE=DATE:20270501", "RRULE:FREQ=DAILY;UNTIL=20279999"],
      /UNTIL that is no time/,
    ],
    [
      "with periods as dates",
      ["DTSTART:20270501T080000Z", "DURATION:PT1H", "RDATE;VALUE=PERIOD:20270502T080000Z/PT2H"],
      /RDATE of periods/,
    ],
  ])("%s", (_, lines, reason) => {
    const { rules, skipped } = readIcs(ics(other, event("SUMMARY:X", ...lines)), YEARS);
    expect(days(rules)).toEqual(["2027-06-01 Kept"]);
    expect(times(rules)).toEqual([]);
    expect(skipped).toEqual([expect.stringMatching(reason)]);
  });

  it("only when it would have counted in the window", () => {
    const { skipped } = readIcs(ics(other, event("DTSTART;VALUE=DATE:20200501", "STATUS:CANCELLED")), YEARS);
    expect(skipped).toEqual([]);
  });

  it("as one occurrence: a cancelled change takes its day out", () => {
    const text = ics(
      event("UID:a", "SUMMARY:A", "DTSTART;VALUE=DATE:20270601", "RRULE:FREQ=DAILY;COUNT=3"),
      event(
        "UID:a",
        "SUMMARY:A",
        "RECURRENCE-ID;VALUE=DATE:20270602",
        "DTSTART;VALUE=DATE:20270602",
        "STATUS:CANCELLED",
      ),
    );
    const { rules, skipped } = readIcs(text, YEARS);
    expect([days(rules), skipped.length]).toEqual([["2027-06-01 A", "2027-06-03 A"], 1]);
  });

  it("in part: a change of all later occurrences changes one", () => {
    const text = ics(
      event("UID:a", "SUMMARY:A", "DTSTART;VALUE=DATE:20270601", "RRULE:FREQ=DAILY;COUNT=3"),
      event(
        "UID:a",
        "SUMMARY:A",
        "RECURRENCE-ID;VALUE=DATE;RANGE=THISANDFUTURE:20270602",
        "DTSTART;VALUE=DATE:20270612",
      ),
    );
    const { rules, skipped } = readIcs(text, YEARS);
    expect(days(rules)).toEqual(["2027-06-01 A", "2027-06-03 A", "2027-06-12 A"]);
    expect(skipped).toEqual([expect.stringContaining("only that one was changed")]);
  });

  it("with all others of a calendar that is a cancellation", () => {
    expect(() => readIcs(ics("METHOD:CANCEL", other), YEARS)).toThrow(/no event of 1.*is cancelled/);
  });

  it("a hundred times, and then only counted", () => {
    const cancelled = Array.from({ length: 130 }, () =>
      event("DTSTART;VALUE=DATE:20270501", "STATUS:CANCELLED"),
    );
    const { skipped } = readIcs(ics(other, ...cancelled), YEARS);
    expect([skipped.length, skipped.at(-1)]).toEqual([101, "and 30 more"]);
  });
});

describe("a text is refused", () => {
  const day = event("DTSTART;VALUE=DATE:20270601");
  it.each<[string, string, RegExp]>([
    ["a web page", "<!DOCTYPE html>\n<html></html>", /^line 1 is "<!DOCTYPE html>" where.*BEGIN:VCALENDAR/],
    ["a contact", "BEGIN:VCARD\nVERSION:4.0\nEND:VCARD", /line 1 is "BEGIN:VCARD"/],
    ["nothing", "", /has no events/],
    ["a calendar of notes", ics("BEGIN:VJOURNAL", "SUMMARY:x", "END:VJOURNAL"), /has no events/],
    ["a line of something else", ics(day, "and so on"), /^line 7 is "and so on".*NAME:value/],
    ["something after the end", `${ics(day)}more`, /^line 8 is "more" where/],
    ["what was cut off", ics(day).slice(0, -16), /VCALENDAR of line 1 has no end/],
    ["what was cut off in an event", ics("BEGIN:VEVENT").slice(0, -15), /VEVENT of line 4 has no end/],
    [
      "ends in a wrong order",
      ics("BEGIN:VEVENT", "END:VJOURNAL"),
      /line 5 ends VJOURNAL, but VEVENT of line 4/,
    ],
    [
      "depths",
      ics(...Array.from({ length: 20 }, () => "BEGIN:X")),
      /line 13 is more than 10 components deep/,
    ],
    [
      "events of another time",
      ics(event("DTSTART;VALUE=DATE:20200601")),
      /no event of 1 counts from 2027-01-01 to 2029-01-01$/,
    ],
    [
      "events that make no sense",
      ics(event("SUMMARY:X"), event("SUMMARY:Y")),
      /no event of 2.*"X" \(line 4\): has no DTSTART, and "Y" \(line 7\)/,
    ],
    ["two million characters", `${ics(day)}${"X".repeat(2_000_000)}`, /at most 2000000 are read/],
    ["a line without end", ics(day, event(`SUMMARY:${"x".repeat(60_000)}`)), /line 8 has 60008 characters/],
    [
      "ten thousand events",
      ics(...Array.from({ length: 10_001 }, () => day)),
      /has 10001 events; at most 10000/,
    ],
    [
      "events in all the world's zones",
      ics(
        ...Intl.supportedValuesOf("timeZone").map((zone) =>
          event(`DTSTART;TZID=${zone}:20270601T120000`, "DURATION:PT1H"),
        ),
      ),
      /more than 50 time zones/,
    ],
    [
      "more days than a calendar has",
      ics(
        ...Array.from({ length: 7 }, () => event("DTSTART;VALUE=DATE:20200101", "DTEND;VALUE=DATE:20300101")),
      ),
      /more than 5000 days/,
    ],
    [
      "more times than a calendar has",
      ics(event("DTSTART:20270101T000000Z", "DURATION:PT1M", "RRULE:FREQ=DAILY;BYHOUR=0,2,4,6,8,10,12,14")),
      /more than 5000 times/,
    ],
  ])("that is %s", (_, text, message) => {
    expect(() => readIcs(text, YEARS)).toThrow(
      expect.objectContaining({ code: "BAD_INPUT", field: "ics", message: expect.stringMatching(message) }),
    );
  });

  it("for a zone that is none", () => {
    expect(() => readIcs(ics(day), { ...YEARS, timeZone: "Berlin" })).toThrow(
      expect.objectContaining({ code: "BAD_INPUT", field: "timeZone" }),
    );
  });

  const numbers = (from: number, to: number): string =>
    Array.from({ length: to - from + 1 }, (_, index) => from + index).join();
  const timed = ["DTSTART:16010101T000000Z", "DURATION:PT1M"];
  it.each<[string, string[]]>([
    [
      "that repeats each second of each day",
      [`BYHOUR=${numbers(0, 23)}`, `BYMINUTE=${numbers(0, 59)}`, `BYSECOND=${numbers(0, 59)}`],
    ],
    ["that counts the days since 1601", ["COUNT=999999", "BYMONTH=1,2,3,4,5,6,7,8,9,10,11"]],
    ["that counts days that are not there", ["COUNT=3", "BYMONTH=2", "BYMONTHDAY=30"]],
  ])("with a rule %s, before it is worked out", (_, parts) => {
    const text = ics(event(...timed, `RRULE:FREQ=DAILY;${parts.join(";")}`));
    expect(() => readIcs(text, YEARS)).toThrow(/repeat too often/);
  });

  it("with many rules that are each nothing much", () => {
    const rule = `RRULE:FREQ=YEARLY;BYWEEKNO=53;BYYEARDAY=200`;
    expect(() => readIcs(ics(...Array.from({ length: 9 }, () => event(...timed, rule))), YEARS)).toThrow(
      /repeat too often/,
    );
  });

  it("or read, but never taken amiss: no text makes anything but a BAD_INPUT", () => {
    const lines = fc.constantFrom(
      ...ics(W_EUROPE, day).split("\r\n"),
      "DTSTART;TZID=W. Europe Standard Time:20270304T220000",
      "RRULE:FREQ=DAILY;COUNT=5",
      "RRULE:FREQ=MONTHLY;BYDAY=-1FR",
      "RDATE:20270304T220000Z",
      "EXDATE;VALUE=DATE:20270304",
      "DURATION:P1D",
      "DTEND:20270305T220000Z",
      ";",
      ":",
      'X;A="',
      " folded",
      "\u0000",
      "SUMMARY;__proto__=1:x",
      "UID:1",
      "RECURRENCE-ID:20270304T220000Z",
    );
    const texts = fc
      .tuple(fc.array(lines, { maxLength: 12 }), fc.array(fc.tuple(fc.nat(), lines), { maxLength: 6 }))
      .map(([inside, changes]) => {
        const text = ics(W_EUROPE, event("DTSTART:20270601T120000", "DURATION:PT1H", ...inside)).split(
          "\r\n",
        );
        for (const [where, line] of changes.slice(0, inside.length % 3)) text[where % text.length] = line;
        return text.join("\n");
      });
    fc.assert(
      fc.property(texts, (text) => {
        try {
          readIcs(text, YEARS);
        } catch (error) {
          expect(error).toMatchObject({ code: "BAD_INPUT", field: "ics" });
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("a rule repeats", () => {
  const weekdays = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
  const list = (values: readonly (string | number)[]) =>
    fc.uniqueArray(fc.constantFrom(...values.map(String)), { minLength: 1, maxLength: 3 }).map(String);
  const rules = fc
    .tuple(
      fc.oneof(
        fc.constantFrom("FREQ=DAILY", "FREQ=WEEKLY", "FREQ=MONTHLY", "FREQ=YEARLY"),
        list(weekdays).map((days) => `FREQ=DAILY;BYDAY=${days}`),
        list(weekdays).map((days) => `FREQ=WEEKLY;BYDAY=${days}`),
        list([1, 2, 15, 28, 31, -1, -2]).map((days) => `FREQ=MONTHLY;BYMONTHDAY=${days}`),
        list(weekdays.flatMap((day) => [`1${day}`, `2${day}`, `-1${day}`])).map(
          (days) => `FREQ=MONTHLY;BYDAY=${days}`,
        ),
        fc
          .tuple(fc.integer({ min: 1, max: 12 }), fc.constantFrom(1, 15, 28))
          .map(([month, day]) => `FREQ=YEARLY;BYMONTH=${month};BYMONTHDAY=${day}`),
        fc
          .tuple(fc.integer({ min: 1, max: 12 }), fc.constantFrom("1MO", "3TH", "-1SU"))
          .map(([month, day]) => `FREQ=YEARLY;BYMONTH=${month};BYDAY=${day}`),
      ),
      fc.constantFrom("", ";INTERVAL=2", ";INTERVAL=3"),
      fc.constantFrom("", ";COUNT=7", ";COUNT=300", ";UNTIL=20280301"),
    )
    .map((parts) => parts.join(""));

  it("as another library says, for what is in every calendar", () => {
    fc.assert(
      fc.property(
        rules,
        fc.integer({ min: Date.UTC(2015, 0, 1) / DAY_MS, max: Date.UTC(2028, 0, 1) / DAY_MS }),
        (rule, day) => {
          // The second time from a day on is one that the rule itself has: about other starts the standard says nothing.
          const iterate = (text: string, date: string) =>
            ICAL.Recur.fromString(text).iterator(ICAL.Time.fromDateString(date));
          const endless = iterate(
            rule.replace(/;(COUNT|UNTIL)=\w+/, ""),
            new Date(day * DAY_MS).toISOString().slice(0, 10),
          );
          endless.next();
          const start = endless.next().toString();
          fc.pre(start <= "2028-03-01");
          const expected: string[] = [];
          const iterator = iterate(rule, start);
          for (let next = iterator.next(); next && next.year < 2029; next = iterator.next()) {
            if (next.year >= 2027) expected.push(next.toString());
          }
          const dtstart = `DTSTART;VALUE=DATE:${start.replaceAll("-", "")}`;
          const kept = event("DTSTART;VALUE=DATE:20281231", "SUMMARY:Kept");
          const found = days(readIcs(ics(kept, event(dtstart, `RRULE:${rule}`)), YEARS).rules)
            .map((text) => text.slice(0, 10))
            .filter((date) => date >= "2027-01-01" && date < "2028-12-31");
          expect({ rule, start, days: found }).toEqual({
            rule,
            start,
            days: expected.filter((date) => date < "2028-12-31"),
          });
        },
      ),
      { numRuns: 300 },
    );
  });

  it("in a zone defined by the text as in the world's own that it describes", () => {
    const minutes = fc.integer({ min: YEARS.from / 60_000 + 120, max: YEARS.until / 60_000 - 60 });
    const near = fc
      .tuple(
        fc.constantFrom(Date.UTC(2027, 2, 28), Date.UTC(2027, 9, 31), Date.UTC(2028, 2, 26)),
        fc.nat({ max: 300 }),
      )
      .map(([day, minute]) => day / 60_000 + minute);
    fc.assert(
      fc.property(fc.oneof(minutes, near), (minute) => {
        const local = new Date(minute * 60_000).toISOString().replace(/[-:]|\.000Z/g, "");
        const read = (tzid: string) =>
          times(readIcs(ics(W_EUROPE, event(`DTSTART;TZID=${tzid}:${local}`, "DURATION:PT1H")), YEARS).rules);
        expect([local, read("W. Europe Standard Time")]).toEqual([local, read("Europe/Berlin")]);
      }),
      { numRuns: 200 },
    );
  });
});
