/**
 * Schedules that are refused, and what each refusal says: a person finds the fault of a long expression by its field,
 * its item and its character, and learns what is allowed there.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { durationMs, parseDuration } from "../../server/core/duration.ts";
import { Rejection } from "../../server/core/rejection.ts";
import { readInterval } from "../../server/core/schedule/calendar-interval.ts";
import { type Dialect, parseCron } from "../../server/core/schedule/cron.ts";
import { checkSchedule, type Schedule } from "../../server/core/schedule/schedule.ts";
import { checkZone } from "../../server/core/schedule/zone.ts";
import { checkWindow } from "../../server/core/trigger/definition.ts";

/** The refusal, as one line: field, then message. */
function refusal(check: () => unknown): string {
  try {
    check();
  } catch (error) {
    if (error instanceof Rejection && error.code === "BAD_INPUT") return `${error.field}: ${error.message}`;
    throw error;
  }
  return "accepted";
}

const MINUTE = "allowed are 0-59, with * , - and /";
const HOUR = "allowed are 0-23, with * , - and /";
const DATE = "allowed are 1-31, L, L-3, LW, 15W, with * , - and /";
const MONTH = "allowed are 1-12 or JAN-DEC, with * , - and /";
const WEEKDAY = "allowed are 0-7 or SUN-SAT (0 and 7 = SUN), FRI#3, FRIL, with * , - and /";
const QUARTZ_WEEKDAY = "allowed are 1-7 or SUN-SAT (1 = SUN), FRI#3, FRIL, with * , - and /";
const NO_ITEM = "it is not a number, a range such as 1-5, or a step such as */5 or 1-5/2";
const FIVE =
  "a UNIX expression has 5 (minute, hour, day of month, month, day of week) or 6 with the second first";
const SIX =
  "a QUARTZ expression has 6 (second, minute, hour, day of month, month, day of week) or 7 with the year last";

describe("a cron expression is refused", () => {
  it.each<[string, Dialect, string]>([
    // A number that the field does not have.
    [
      "60 * * * *",
      "UNIX",
      `minute (field 1) cannot be "60" (character 1): 60 is not from 0 to 59; ${MINUTE}`,
    ],
    ["0 24 * * *", "UNIX", `hour (field 2) cannot be "24" (character 3): 24 is not from 0 to 23; ${HOUR}`],
    [
      "0 0 0 * *",
      "UNIX",
      `day of month (field 3) cannot be "0" (character 5): 0 is not from 1 to 31; ${DATE}`,
    ],
    [
      "0 0 1,2,32 * *",
      "UNIX",
      `day of month (field 3) cannot be "32" (item 3 of 3, at character 9): 32 is not from 1 to 31; ${DATE}`,
    ],
    ["0 0 * 13 *", "UNIX", `month (field 4) cannot be "13" (character 7): 13 is not from 1 to 12; ${MONTH}`],
    [
      "0 0 * * 8",
      "UNIX",
      `day of week (field 5) cannot be "8" (character 9): 8 is not from 0 to 7; ${WEEKDAY}`,
    ],
    [
      "60 0 0 * * *",
      "UNIX",
      `second (field 1) cannot be "60" (character 1): 60 is not from 0 to 59; ${MINUTE}`,
    ],
    [
      "0 0 0 ? * 0",
      "QUARTZ",
      `day of week (field 6) cannot be "0" (character 11): 0 is not from 1 to 7; ${QUARTZ_WEEKDAY}`,
    ],
    [
      "0 0 0 ? * 2,8L",
      "QUARTZ",
      `day of week (field 6) cannot be "8L" (item 2 of 2, at character 13): 8 is not from 1 to 7; ${QUARTZ_WEEKDAY}`,
    ],
    [
      "0 0 0 1 1 ? 1969",
      "QUARTZ",
      'year (field 7) cannot be "1969" (character 13): 1969 is not from 1970 to 2199; allowed are 1970-2199, with * , - and /',
    ],
    [
      "0 0 32W * *",
      "UNIX",
      `day of month (field 3) cannot be "32W" (character 5): 32 is not from 1 to 31; ${DATE}`,
    ],
    [
      "0 0 L-31 * *",
      "UNIX",
      `day of month (field 3) cannot be "L-31" (character 5): L-31 is before the first day of every month; L-30 is the earliest; ${DATE}`,
    ],
    // The second number of a range, a step: the character is theirs.
    [
      "0,5,10-70 * * * *",
      "UNIX",
      `minute (field 1) cannot be "10-70" (item 3 of 3, at character 8): 70 is not from 0 to 59; ${MINUTE}`,
    ],
    [
      "0 9 * * MON-FOO",
      "UNIX",
      `day of week (field 5) cannot be "MON-FOO" (character 13): "FOO" is not a number or a name; ${WEEKDAY}`,
    ],
    [
      "*/0 * * * *",
      "UNIX",
      `minute (field 1) cannot be "*/0" (character 3): a step must be at least 1; ${MINUTE}`,
    ],
    [
      "*/90 * * * *",
      "UNIX",
      `minute (field 1) cannot be "*/90" (character 3): a step of 90 is past the field's 60 numbers; ${MINUTE}`,
    ],
    [
      "0 0 1-5/32 * *",
      "UNIX",
      `day of month (field 3) cannot be "1-5/32" (character 9): a step of 32 is past the field's 31 numbers; ${DATE}`,
    ],
    [
      "0 0 0 1 1 ? 2030-2027",
      "QUARTZ",
      'year (field 7) cannot be "2030-2027" (character 13): 2030 is after 2027; allowed are 1970-2199, with * , - and /',
    ],
    // Something that is not a number.
    [
      "0x5 * * * *",
      "UNIX",
      `minute (field 1) cannot be "0x5" (character 1): "0x5" is not a number; ${MINUTE}`,
    ],
    [
      "0 9am * * *",
      "UNIX",
      `hour (field 2) cannot be "9am" (character 3): hours go from 0 to 23, without AM and PM; ${HOUR}`,
    ],
    [
      "0 0 * JANFEB *",
      "UNIX",
      `month (field 4) cannot be "JANFEB" (character 7): "JANFEB" is spelled JAN; ${MONTH}`,
    ],
    [
      "0 0 * * tuesday",
      "UNIX",
      `day of week (field 5) cannot be "tuesday" (character 9): "tuesday" is spelled TUE; ${WEEKDAY}`,
    ],
    [
      "0 0 * MON *",
      "UNIX",
      `month (field 4) cannot be "MON" (character 7): "MON" is not a number or a name; ${MONTH}`,
    ],
    ["0 0 W * *", "UNIX", `day of month (field 3) cannot be "W" (character 5): "W" is not a number; ${DATE}`],
    ["L * * * *", "UNIX", `minute (field 1) cannot be "L" (character 1): "L" is not a number; ${MINUTE}`],
    [
      "0 0 * * L",
      "UNIX",
      `day of week (field 5) cannot be "L" (character 9): L must follow a weekday, as in FRIL; ${WEEKDAY}`,
    ],
    [
      "0 0 * * 5#6",
      "UNIX",
      `day of week (field 5) cannot be "5#6" (character 9): # takes one weekday before it and a number from 1 to 5 after it; ${WEEKDAY}`,
    ],
    [
      "0 0 5#1 * *",
      "UNIX",
      `day of month (field 3) cannot be "5#1" (character 5): # is for weekdays only; ${DATE}`,
    ],
    ["1.5 * * * *", "UNIX", `minute (field 1) cannot be "1.5" (character 1): ${NO_ITEM}; ${MINUTE}`],
    ["*/5/5 * * * *", "UNIX", `minute (field 1) cannot be "*/5/5" (character 1): ${NO_ITEM}; ${MINUTE}`],
    [
      "1- * * * *",
      "UNIX",
      `minute (field 1) cannot be "1-" (character 1): a range must have a number on both sides of its -; ${MINUTE}`,
    ],
    [
      "-1 * * * *",
      "UNIX",
      `minute (field 1) cannot be "-1" (character 1): a range must have a number on both sides of its -; ${MINUTE}`,
    ],
    [
      "*/ * * * *",
      "UNIX",
      `minute (field 1) cannot be "*/" (character 1): a step must have a number after its /; ${MINUTE}`,
    ],
    [
      "/5 * * * *",
      "UNIX",
      `minute (field 1) cannot be "/5" (character 1): a step must have a *, a number or a range before its /; ${MINUTE}`,
    ],
    [
      "1,,2 * * * *",
      "UNIX",
      `minute (field 1) cannot be "" (item 2 of 3, at character 3): a comma has nothing before or after it; ${MINUTE}`,
    ],
    [
      "0 1,2, * * *",
      "UNIX",
      `hour (field 2) cannot be "" (item 3 of 3, at character 7): a comma has nothing before or after it; ${HOUR}`,
    ],
    // Blanks before it count, and so do letters that grow when they are made capitals.
    [
      "  0 ß,0 24 * *",
      "UNIX",
      `hour (field 2) cannot be "ß" (item 1 of 2, at character 5): ${NO_ITEM}; ${HOUR}`,
    ],
    [
      "0 0\t1 \t* ,",
      "UNIX",
      `day of week (field 5) cannot be "" (item 1 of 2, at character 10): a comma has nothing before or after it; ${WEEKDAY}`,
    ],
    // H.
    [
      "H(50-70) * * * *",
      "UNIX",
      `minute (field 1) cannot be "H(50-70)" (character 1): the range of H must ascend within the field, as in H(0-29); ${MINUTE}`,
    ],
    [
      "H(9-5) * * * *",
      "UNIX",
      `minute (field 1) cannot be "H(9-5)" (character 1): the range of H must ascend within the field, as in H(0-29); ${MINUTE}`,
    ],
    [
      "0 H 0 * * ?",
      "QUARTZ",
      `minute (field 2) cannot be "H" (character 3): H is of the UNIX dialect; ${MINUTE}`,
    ],
    // Question marks, and days that contradict each other.
    [
      "? 0 * * *",
      "UNIX",
      'minute (field 1) cannot hold "?" (character 1); it may stand alone for the day of month or the day of week',
    ],
    [
      "0 0 0 1,? * *",
      "QUARTZ",
      'day of month (field 4) cannot hold "?" (character 9); it may stand alone for the day of month or the day of week',
    ],
    [
      "0 0 0 1 * MON",
      "QUARTZ",
      'day of month (field 4) "1" and day of week (field 6) "MON", at characters 7 and 11, are both set; in a QUARTZ expression one of them must be "?"',
    ],
    [
      "0 0 0 ? * ?",
      "QUARTZ",
      'day of month (field 4) "?" and day of week (field 6) "?", at characters 7 and 11, cannot both be "?"; write * in one of them',
    ],
    [
      "0 0 30 2 *",
      "UNIX",
      '"0 0 30 2 *" can never fire: day of month (field 3) "30" and month (field 4) "2", at characters 5 and 8, never come together',
    ],
    [
      "0 0 31 4,6,9,11 *",
      "UNIX",
      '"0 0 31 4,6,9,11 *" can never fire: day of month (field 3) "31" and month (field 4) "4,6,9,11", at characters 5 and 8, never come together',
    ],
    [
      "0 0 0 29 feb ? 2027",
      "QUARTZ",
      '"0 0 0 29 feb ? 2027" can never fire: day of month (field 4) "29" and month (field 5) "feb" and year (field 7) "2027", at characters 7, 10 and 16, never come together',
    ],
    [
      "0 0 0 ? 2 6#5 2027",
      "QUARTZ",
      '"0 0 0 ? 2 6#5 2027" can never fire: day of week (field 6) "6#5" and month (field 5) "2" and year (field 7) "2027", at characters 11, 9 and 15, never come together',
    ],
    // The wrong number of fields.
    ["", "UNIX", "is empty; every day at 03:00 would be 0 3 * * *"],
    ["   ", "UNIX", "is empty; every day at 03:00 would be 0 3 * * *"],
    ["*", "UNIX", `has 1 field; ${FIVE}`],
    ["* * * *", "UNIX", `has 4 fields; ${FIVE}`],
    ["0 0 0 1 1 * 2027", "UNIX", `has 7 fields; ${FIVE}; years are of the QUARTZ dialect`],
    ["1 2 3 4 5 6 7 8", "UNIX", `has 8 fields; ${FIVE}; "7", at character 13, is too many`],
    ["* * * * *", "QUARTZ", `has 5 fields; ${SIX}; 5 are of the UNIX dialect`],
    ["0 0 0 * * ? 2027 *", "QUARTZ", `has 8 fields; ${SIX}; "*", at character 18, is too many`],
    [
      "@reboot",
      "UNIX",
      '"@reboot" is not known; the UNIX dialect has @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly',
    ],
    [
      "@daily",
      "QUARTZ",
      '"@daily" is not known; the UNIX dialect has @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly',
    ],
  ])("%j (%s): %s", (expression, dialect, message) => {
    expect(refusal(() => parseCron(expression, { dialect }))).toBe(`expression: ${message}`);
  });

  it("for its length, without repeating it", () => {
    const long = refusal(() => parseCron(`${"1,".repeat(600)}1 * * * *`, { dialect: "UNIX" }));
    expect(long).toBe("expression: is 1209 characters long; at most 1024 are allowed");
    const item = refusal(() => parseCron(`0 ${"9".repeat(500)} * * *`, { dialect: "UNIX" }));
    expect(item).toContain(`hour (field 2) cannot be "${"9".repeat(40)}…" (character 3)`);
    expect(item.length).toBeLessThan(700);
  });

  it("at the very character, wherever in a long expression the fault is", () => {
    const fields = fc.tuple(
      ...[59, 23, 28, 12, 6].map((high) =>
        fc.array(fc.integer({ min: 1, max: high }), { minLength: 1, maxLength: 12 }),
      ),
    );
    const fault = fc.constantFrom("99", "x", "5-", "*/0", "-3", "FOO-2", "3-99", "1-2-3", "");
    fc.assert(
      fc.property(
        fields,
        fc.nat(4),
        fc.nat(11),
        fault,
        fc.constantFrom(" ", "  ", "\t"),
        (numbers, fieldAt, itemAt, faulty, blank) => {
          const lists = numbers.map((all) => all.map(String));
          const list = lists[fieldAt] ?? [];
          // Alone, an empty item would be no field at all.
          fc.pre(faulty !== "" || list.length > 1);
          const place = Math.min(itemAt, list.length - 1);
          list[place] = faulty;
          const expression = lists.map((all) => all.join(",")).join(blank);
          const said = refusal(() => parseCron(expression, { dialect: "UNIX" }));
          const [, field, quoted, item, of, character] =
            /\(field (\d)\) cannot be "([^"]*)" \((?:item (\d+) of (\d+), at )?character (\d+)\)/.exec(
              said,
            ) ?? [];
          const start =
            lists.slice(0, fieldAt).join().length + fieldAt * (blank.length - 1) + (fieldAt > 0 ? 1 : 0);
          const before = start + list.slice(0, place).join().length + (place > 0 ? 1 : 0);
          expect([Number(field), quoted]).toEqual([fieldAt + 1, faulty]);
          expect([item, of].map((count) => Number(count ?? 1))).toEqual([place + 1, list.length]);
          // The item's own character, or that of the number or step in it that is at fault.
          const within = Number(character) - 1 - before;
          expect(faulty === "*/0" || faulty === "3-99" ? 2 : 0).toBe(within);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("a time zone is refused", () => {
  const orGive = "give a name such as UTC or Europe/Berlin";
  const always = "an offset does not say when the clocks change, so give a name such as Europe/Berlin";
  const abbreviation =
    "an abbreviation stands for no one place's clocks; give a name such as America/New_York";
  it.each([
    ["Europe/Berln", "did you mean Europe/Berlin?"],
    ["Europe/Berlin ", "did you mean Europe/Berlin?"],
    ["europa/berlin", "did you mean Europe/Berlin?"],
    ["Europe\\Berlin", "did you mean Europe/Berlin?"],
    ["Berlin", "did you mean Europe/Berlin?"],
    ["New York", "did you mean America/New_York?"],
    ["America/New York", "did you mean America/New_York?"],
    ["america/new-york", "did you mean America/New_York?"],
    ["Asia/Kolkatta", "did you mean Asia/Kolkata?"],
    ["Europe/Kyv", "did you mean Europe/Kyiv?"],
    ["Buenos Aires", "did you mean America/Argentina/Buenos_Aires?"],
    ["Australia/Melborne", "did you mean Australia/Melbourne?"],
    ["", orGive],
    ["Mars/Olympus", orGive],
    ["Eastern Standard Time", orGive],
    ["2027-01-01T00:00[Europe/Berlin]", orGive],
    // The runtime would take BST for Bangladesh and AST for Alaska.
    ["BST", abbreviation],
    ["AST", abbreviation],
    ["PST", abbreviation],
    ["CEST", abbreviation],
    ["UTC+0", "did you mean UTC?"],
    ["+02:00", `${always}; Etc/GMT-2 always has that one`],
    ["UTC-5", `${always}; Etc/GMT+5 always has that one`],
    ["GMT+14", `${always}; Etc/GMT-14 always has that one`],
    ["+05:30", always],
    ["UTC+20", always],
  ])("%j: %s", (name, advice) => {
    expect(refusal(() => checkZone(name))).toBe(`timeZone: "${name}" is not an IANA time zone; ${advice}`);
  });

  it("when it is long, without repeating it", () => {
    expect(refusal(() => checkZone("x".repeat(1_000), "zone"))).toBe(
      `zone: "${"x".repeat(64)}" is not an IANA time zone; ${orGive}`,
    );
  });

  it("with a name that is one, whatever is suggested", () => {
    const names = Intl.supportedValuesOf("timeZone");
    const slip = fc.tuple(fc.constantFrom(...names), fc.nat(40), fc.constantFrom("", "x", "_", " "));
    fc.assert(
      fc.property(slip, ([name, place, put]) => {
        const said = refusal(() => checkZone(name.slice(0, place) + put + name.slice(place + 1)));
        const [, meant] = /did you mean (\S+)\?$/.exec(said) ?? [];
        if (meant !== undefined) expect(refusal(() => checkZone(meant))).toBe("accepted");
        // One letter wrong of a name with ten is always understood, if not always as that name.
        if (name.length >= 10 && said !== "accepted") expect(meant).toBeDefined();
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    "UTC",
    "Europe/Berlin",
    "europe/berlin",
    "America/Argentina/Buenos_Aires",
    "Etc/GMT+5",
    "EST5EDT",
    "Asia/Kolkata",
  ])("%s is not", (name) => {
    expect(refusal(() => checkZone(name))).toBe("accepted");
  });
});

describe("a duration is refused", () => {
  it.each([
    ["", "it is empty"],
    ["P", "nothing follows its P"],
    ["PT", "nothing follows its T"],
    ["P1DT", "nothing follows its T"],
    ["P1H", "H, at character 3, must stand after a T, as in PT1H"],
    ["PT1D", "D, at character 4, must stand before the T"],
    ["PT5m", '"m", at character 4, must be a capital'],
    ["pt5m", "its letters must be capitals"],
    ["PT5X", '"X", at character 4, is not one of the units H, M, S'],
    ["PT1M2H", "H, at character 6, comes too late: the order is H, M, S"],
    ["P1D2", "its last number, at character 4, has no unit after it"],
    ["PT 5M", '" ", at character 3, is where a number must be'],
    ["PT1ST2S", "its second T, at character 5, is too many"],
    ["PT1.5H30M", 'only the last number may have a fraction, and "30", at character 7, follows one'],
    ["PT1.H", '"1.", at character 3, must have 1 to 9 digits in its fraction'],
    ["P1.5D", '"1.5", at character 2, must be whole: days have no fractions here'],
    ["5 minutes", "it must begin with P; did you mean PT5M?"],
    ["90s", "it must begin with P; did you mean PT90S?"],
    ["300", "it must begin with P; did you mean PT300S?"],
    ["2 days", "it must begin with P; did you mean P2D?"],
    ["soon", "it must begin with P"],
  ])("%j: %s", (text, fault) => {
    expect(refusal(() => durationMs(text, "every"))).toBe(
      `every: "${text}" is not an ISO 8601 duration such as PT10S, PT5M, PT1.5H or P1D: ${fault}`,
    );
  });

  it("when what is suggested instead is one", () => {
    fc.assert(
      fc.property(
        fc.nat(9_999),
        fc.constantFrom("", "s", " sec", "m", "min", " hours", "h", "d", " days", "w"),
        (count, unit) => {
          const [, meant = ""] =
            /did you mean (\S+)\?$/.exec(refusal(() => durationMs(`${count}${unit}`))) ?? [];
          expect(meant).toContain(String(count));
          expect(refusal(() => parseDuration(meant))).toMatch(
            /^(accepted|duration: "P\d+[DW]" is more than 100 years)$/,
          );
        },
      ),
    );
  });

  it.each([
    ["PT0S", "is zero"],
    ["P1MT1H", "mixes months and hours"],
    ["P1M2D", "mixes months and days"],
    ["P1Y2DT3S", "mixes months and days and hours"],
  ])("as a calendar interval, %s: %s", (text, fault) => {
    expect(refusal(() => readInterval(parseDuration(text)))).toBe(
      `every: ${fault}, but must be years and months, or weeks and days, or hours, minutes and seconds: P1M, P2W or PT6H`,
    );
  });
});

describe("the numbers and times of a schedule are refused", () => {
  const daily = (more: object): Schedule => ({
    kind: "dailyTimeInterval",
    everyMs: 60_000,
    from: "08:00",
    until: "17:00",
    weekdays: ["MONDAY"],
    timeZone: "UTC",
    ...more,
  });
  const time = (text: string) => `"${text}" is not a time of day such as 08:00 or 17:30:00`;
  const pattern = "it must be hours, a colon and minutes, of two digits each";
  it.each<[string, Schedule, string]>([
    ["a time of day of one digit", daily({ from: "8:00" }), `from: ${time("8:00")}: did you mean 08:00?`],
    ["one without its colon", daily({ from: "0830" }), `from: ${time("0830")}: did you mean 08:30?`],
    ["one of twelve hours", daily({ until: "5 pm" }), `until: ${time("5 pm")}: did you mean 17:00?`],
    ["midnight of those", daily({ from: "12am" }), `from: ${time("12am")}: did you mean 00:00?`],
    ["noon of those", daily({ until: "12:30pm" }), `until: ${time("12:30pm")}: did you mean 12:30?`],
    ["words", daily({ until: "noon" }), `until: ${time("noon")}: ${pattern}`],
    ["more than it has", daily({ until: "99" }), `until: ${time("99")}: ${pattern}`],
    [
      "hour 24",
      daily({ until: "24:00" }),
      `until: ${time("24:00")}: its hour is past 23, the last time is 23:59:59`,
    ],
    ["minute 60", daily({ from: "10:60" }), `from: ${time("10:60")}: its minute is past 59`],
    ["second 60", daily({ from: "10:00:60" }), `from: ${time("10:00:60")}: its second is past 59`],
    [
      "no weekday",
      daily({ weekdays: [] }),
      "weekdays: is empty, so it would never fire; leave it out for every day",
    ],
    [
      "an interval that is too short",
      daily({ everyMs: 50 }),
      "every: is PT0.05S, but must be from PT0.1S to 100 years",
    ],
    ["none at all", { kind: "fixedRate", everyMs: Number.NaN }, "every: must be from PT0.1S to 100 years"],
    [
      "one that is too long",
      { kind: "fixedDelay", everyMs: 4e12 },
      "every: is P46296DT7H6M40S, but must be from PT0.1S to 100 years",
    ],
    [
      "fewer than no repeats",
      { kind: "fixedRate", everyMs: 1_000, repeat: -1 },
      "repeat: is -1, but must be a whole number from 0 to 1000000000; leave it out to repeat without end",
    ],
    [
      "half a repeat",
      daily({ repeat: 0.5 }),
      "repeat: is 0.5, but must be a whole number from 0 to 1000000000; leave it out to repeat without end",
    ],
    ["a time before all", { kind: "once", at: -1 }, "at: must be a time from 1970 to 9999"],
  ])("%s", (_, schedule, message) => {
    expect(refusal(() => checkSchedule(schedule, "seed"))).toBe(message);
  });

  it("an end before the start, with both", () => {
    const [start, end] = [Date.UTC(2027, 2, 1), Date.UTC(2027, 1, 1)];
    expect(refusal(() => checkWindow(start, end))).toBe(
      "endAt: is 2027-02-01T00:00:00.000Z, before startAt, which is 2027-03-01T00:00:00.000Z; no time lies between them",
    );
  });
});
