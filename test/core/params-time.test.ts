/** D8, time placeholders: each form and example that DolphinScheduler documents is a row; then clocks, refusals and any text. */
import fc from "fast-check";
import { Temporal } from "temporal-polyfill";
import { describe, expect, it } from "vitest";
import { evaluateTime } from "../../server/core/params/time.ts";
import { Rejection } from "../../server/core/rejection.ts";

const at = (text: string): number => Date.parse(text);
const inShanghai = (expression: string, local: string): string =>
  evaluateTime(expression, at(`${local}+08:00`), "Asia/Shanghai", "input");

describe("D8 $[...] of a run scheduled at 2022-08-26 00:00 in Shanghai", () => {
  it.each([
    // Format templates.
    ["yyyyMMdd", "20220826"],
    ["HHmmss", "000000"],
    ["yyyy-MM-dd", "2022-08-26"],
    ["yyyy-MM-dd HH:mm:ss", "2022-08-26 00:00:00"],
    ["yyyyMMddHHmmss", "20220826000000"],
    // Date arithmetic: years, months, weeks, days, hours, minutes.
    ["add_months(yyyyMMdd,12*1)", "20230826"],
    ["add_months(yyyyMMdd,-12*1)", "20210826"],
    ["add_months(yyyyMMdd,12*-1)", "20210826"],
    ["add_months(yyyyMMdd,1)", "20220926"],
    ["add_months(yyyyMMdd,-1)", "20220726"],
    ["yyyyMMdd+7*1", "20220902"],
    ["yyyyMMdd-7*1", "20220819"],
    ["yyyyMMdd-7*2", "20220812"],
    ["yyyyMMdd+1", "20220827"],
    ["yyyyMMdd-1", "20220825"],
    ["yyyy-MM-dd-1", "2022-08-25"],
    ["HHmmss+1/24", "010000"],
    ["HHmmss-1/24", "230000"],
    ["HHmmss+1/24/60", "000100"],
    ["HHmmss-1/24/60", "235900"],
    ["HHmmss+30/24/60", "003000"],
    ["yyyy-MM-dd HH:mm:ss-1", "2022-08-25 00:00:00"],
    ["yyyy-MM-dd HH:mm:ss-1/24", "2022-08-25 23:00:00"],
    // Business attribute functions.
    ["this_day(yyyy-MM-dd)", "2022-08-26"],
    ["this_day(yyyyMMdd)", "20220826"],
    ["last_day(yyyy-MM-dd)", "2022-08-25"],
    ["last_day(yyyyMMdd)", "20220825"],
    ["year_week(yyyy-MM-dd)", "2022-34"],
    ["year_week(yyyyMMdd)", "202234"],
    ["year_week(yyyy-MM-dd,5)", "2022-35"],
    ["year_week(yyyyMMdd,5)", "202235"],
    ["month_first_day(yyyy-MM-dd)", "2022-08-01"],
    ["month_first_day(yyyy-MM-dd,-1)", "2022-07-01"],
    ["month_first_day(yyyyMMdd,-1)", "20220701"],
    ["month_first_day(yyyy-MM-dd,0)", "2022-08-01"],
    ["month_last_day(yyyy-MM-dd)", "2022-08-31"],
    ["month_last_day(yyyy-MM-dd,-1)", "2022-07-31"],
    ["month_last_day(yyyyMMdd,-1)", "20220731"],
    ["week_first_day(yyyy-MM-dd)", "2022-08-22"],
    ["week_first_day(yyyy-MM-dd,0)", "2022-08-22"],
    ["week_first_day(yyyy-MM-dd,-1)", "2022-08-15"],
    ["week_last_day(yyyy-MM-dd)", "2022-08-28"],
    ["week_last_day(yyyyMMdd,0)", "20220828"],
    ["week_last_day(yyyy-MM-dd,-1)", "2022-08-21"],
    ["week_last_day(yyyy-MM-dd,+1)", "2022-09-04"],
    // Period boundaries with a day offset.
    ["month_begin(yyyyMMdd,0)", "20220801"],
    ["month_begin(yyyyMMdd,3)", "20220804"],
    ["month_begin(yyyyMMdd, 1)", "20220802"],
    ["month_end(yyyyMMdd,0)", "20220831"],
    ["month_end(yyyyMMdd,-1)", "20220830"],
    ["week_begin(yyyyMMdd,0)", "20220822"],
    ["week_begin(yyyyMMdd,1)", "20220823"],
    ["week_end(yyyyMMdd,0)", "20220828"],
    ["week_end(yyyyMMdd,-2)", "20220826"],
    // Unix epoch seconds.
    ["timestamp(yyyyMMddHHmmss)", "1661443200"],
    ["timestamp(yyyyMMddHHmmss-1)", "1661356800"],
    ["timestamp(yyyyMMddHHmmss-1/24)", "1661439600"],
  ])("%s is %s", (expression, expected) => {
    expect(inShanghai(expression, "2022-08-26T00:00:00")).toBe(expected);
  });
});

describe("D8 $[...] as DolphinScheduler's own tests have them", () => {
  it.each([
    ["add_months(yyyyMMdd,12*2)", "2020-12-01T12:30:00", "20221201"],
    ["add_months(yyyyMMdd,-12*2)", "2020-12-01T12:30:00", "20181201"],
    ["add_months(yyyyMMdd,3)", "2020-12-01T12:30:00", "20210301"],
    ["add_months(yyyyMMdd,-4)", "2020-12-01T12:30:00", "20200801"],
    ["yyyyMMdd+7*2", "2020-12-01T12:30:00", "20201215"],
    ["yyyyMMdd-7*2", "2020-12-01T12:30:00", "20201117"],
    ["yyyyMMdd+3", "2020-12-01T12:30:00", "20201204"],
    ["yyyyMMdd-3", "2020-12-01T12:30:00", "20201128"],
    ["HHmmss+2/24", "2020-12-01T12:30:00", "143000"],
    ["HHmmss-1/24", "2020-12-01T12:30:00", "113000"],
    ["HHmmss+3/24/60", "2020-12-01T12:30:00", "123300"],
    ["HHmmss-2/24/60", "2020-12-01T12:30:00", "122800"],
    ["yyyy", "2017-01-01T01:01:01", "2017"],
    ["yyyy:***", "2017-01-01T01:01:01", "2017:***"],
    ["yyyy-MM-dd/HH:mm:ss-1/24", "2017-01-01T01:01:01", "2017-01-01/00:01:01"],
    ["timestamp(yyyyMMdd00mmss)", "2017-01-01T01:01:01", "1483200061"],
    ["timestamp(month_begin(yyyyMMddHHmmss, 1))", "2017-01-01T01:01:01", "1483290061"],
    ["timestamp(month_end(yyyyMMddHHmmss, -1))", "2017-01-01T01:01:01", "1485709261"],
    ["timestamp(week_begin(yyyyMMddHHmmss, 1))", "2017-01-01T01:01:01", "1482771661"],
    ["timestamp(week_end(yyyyMMdd000000, -1))", "2017-01-01T01:01:01", "1483113600"],
    ["timestamp(yyyyMMddHHmmss)", "2017-01-01T01:01:01", "1483203661"],
  ])("%s at %s is %s", (expression, local, expected) => {
    expect(inShanghai(expression, local)).toBe(expected);
  });
});

describe("a time placeholder", () => {
  it.each([
    // What is written how.
    ["yy M d H", "2022-08-05T03:04:05", "22 8 5 3"],
    ["mm:ss.SSS", "2022-08-05T03:04:05.006", "04:05.006"],
    ["yyyy'y'MM'o''clock'", "2022-08-05T03:04:05", "2022y08o'clock"],
    ["''yy", "2022-08-05T03:04:05", "'22"],
    ["yyyy年MM月", "2022-08-05T03:04:05", "2022年08月"],
    ["yyyy-MM-dd 00:00:00-1", "2022-08-05T03:04:05", "2022-08-04 00:00:00"],
    ["yyyyMMdd-", "2022-08-05T03:04:05", "20220805-"],
    ["yyyy'-01-01'", "2022-08-05T03:04:05", "2022-01-01"],
    // Within a function the comma ends the pattern, so that digits may stand in it as they are.
    ["add_months(yyyy-MM-01,-1)", "2022-08-05T03:04:05", "2022-07-01"],
    ["this_day(yyyy-MM-dd,1)", "2022-08-05T03:04:05", "2022-08-06"],
    ["last_day(yyyy-MM-dd,-1)", "2022-08-05T03:04:05", "2022-08-03"],
    // Arithmetic.
    ["yyyyMMdd+(2+3)*2-1", "2022-08-05T00:00:00", "20220814"],
    ["yyyyMMdd-7*-1", "2022-08-05T00:00:00", "20220812"],
    ["yyyyMMdd+1-1/24", "2022-08-05T00:00:00", "20220805"],
    ["HHmmss+(1+1)/24", "2022-08-05T00:00:00", "020000"],
    ["HHmmss+36/24", "2022-08-05T00:00:00", "120000"],
    // A month without the day gives its last one.
    ["add_months(yyyyMMdd,1)", "2022-01-31T00:00:00", "20220228"],
    ["add_months(yyyyMMdd,-1)", "2024-03-31T00:00:00", "20240229"],
    ["month_last_day(yyyyMMdd,1)", "2022-01-31T00:00:00", "20220228"],
    ["month_last_day(yyyyMMdd,-6)", "2024-08-31T00:00:00", "20240229"],
    // The week's own year stands beside its number; DolphinScheduler would write 2021-53.
    ["year_week(yyyy-MM-dd)", "2021-01-03T00:00:00", "2020-53"],
    ["year_week(yyyy-MM-dd)", "2018-12-31T00:00:00", "2019-01"],
    ["year_week(yyyyMMdd,7)", "2022-01-01T00:00:00", "202152"],
    ["year_week(yyyyMMdd,7)", "2022-01-02T00:00:00", "202201"],
    ["yyyy-MM-dd", "0001-01-01T12:00:00", "0001-01-01"],
  ])("%s at %s is %s", (expression, local, expected) => {
    expect(evaluateTime(expression, at(`${local}Z`), "UTC", "input")).toBe(expected);
  });

  it.each([
    // Days are those of the calendar, hours elapsed time: the day of 23 hours.
    ["America/New_York", "2027-03-14T04:00:00-04:00", "yyyy-MM-dd HH:mm-1", "2027-03-13 04:00"],
    ["America/New_York", "2027-03-14T04:00:00-04:00", "yyyy-MM-dd HH:mm-24/24", "2027-03-13 03:00"],
    // A time that the clocks skip is the first after the gap; one that comes twice is the first.
    ["America/New_York", "2027-03-13T02:30:00-05:00", "yyyy-MM-dd HH:mm+1", "2027-03-14 03:00"],
    [
      "America/New_York",
      "2027-11-06T01:30:00-04:00",
      "timestamp(yyyyMMddHHmmss+1)",
      `${at("2027-11-07T05:30:00Z") / 1000}`,
    ],
    // The second of two equal times stays the second when the date does not change.
    [
      "America/New_York",
      "2027-11-07T01:30:00-05:00",
      "timestamp(yyyyMMddHHmmss)",
      `${at("2027-11-07T06:30:00Z") / 1000}`,
    ],
    ["America/New_York", "2027-11-07T01:30:00-05:00", "HHmm-1/24", "0130"],
    // A day that was left out.
    ["Pacific/Apia", "2011-12-31T12:00:00+14:00", "yyyy-MM-dd-1", "2011-12-31"],
    ["Asia/Kathmandu", "2022-08-26T00:00:00+05:45", "yyyy-MM-dd HH:mm", "2022-08-26 00:00"],
  ])("in %s, from %s, %s is %s", (timeZone, from, expression, expected) => {
    expect(evaluateTime(expression, at(from), timeZone, "input")).toBe(expected);
  });

  it.each([
    ["", 1, "a pattern such as yyyyMMdd is missing"],
    ["+1", 1, "a pattern such as yyyyMMdd is missing"],
    // Written so in DolphinScheduler's page on local parameters; Java means something else by these letters.
    ["YYYY-MM-DD", 1, "write yyyy"],
    ["yyyy-MM-DD", 9, "write dd"],
    ["yyyyMMdd hh", 10, "write HH"],
    ["yyyyMMddHHmm:s", 14, "seconds are ss"],
    ["HH:m", 4, "minutes are mm"],
    ["MMM", 1, "is no field of a time"],
    ["EEE", 1, "is no field of a time"],
    ["yyyyMMdd-N", 10, "put a number for N"],
    ["yyyy'a", 5, "the quote is not closed"],
    // A number of that form is text that looks like arithmetic.
    ["yyyy-MM-01", 9, "between quotes"],
    ["yyyyMMdd-1H", 11, "hours are N/24"],
    ["yyyyMMdd-1*", 12, "a number is missing"],
    ["yyyyMMdd-(1", 12, "closing parenthesis"],
    ["yyyyMMdd-1/0", 12, "divides by zero"],
    ["yyyyMMdd-1/(1-1)", 12, "divides by zero"],
    ["HHmmss+1/7", 7, "finer than a millisecond"],
    ["yyyyMMdd+1234567890", 10, "too large"],
    ["yyyyMMdd+9999999", 9, "too far away"],
    ["yyyyMMdd+3999999", 1, "outside the years"],
    ["add_months(yyyyMMdd,-120000)", 1, "outside the years"],
    // DolphinScheduler leaves these in place.
    ["1", 1, "a pattern such as yyyyMMdd is missing"],
    ["0-9", 1, "a pattern such as yyyyMMdd is missing"],
    ["add_month(yyyyMMdd,1)", 1, "is no function"],
    ["add_months(yyyyMMdd)", 20, "needs a second value"],
    ["month_begin(yyyyMMdd)", 21, "needs a second value"],
    ["add_months(yyyyMMdd,1)-1", 24, "closing parenthesis"],
    ["add_months(yyyyMMdd,1/2)", 21, "not a whole number"],
    ["add_months(yyyyMMdd,1,2)", 22, "does not belong here"],
    ["add_months(,1)", 12, "a pattern such as yyyyMMdd is missing"],
    ["year_week(yyyyMMdd,8)", 20, "from 1, Monday, to 7, Sunday"],
    ["timestamp(yyyyMMdd)", 11, "yyyyMMddHHmmss"],
    ["timestamp(yyyyMMdd990000)", 11, "yyyyMMddHHmmss"],
    ["timestamp(year_week(yyyyMMdd))", 11, "cannot stand within timestamp"],
    ["timestamp(timestamp(yyyyMMddHHmmss))", 11, "cannot stand within timestamp"],
    [`yyyy${"-".repeat(300)}`, 201, "longer than 200"],
  ])("%s is refused at character %d: %s", (expression, character, reason) => {
    expect(() => evaluateTime(expression, at("2022-08-26T00:00:00Z"), "UTC", "nodes[0].input")).toThrow(
      expect.objectContaining({
        code: "BAD_INPUT",
        field: "nodes[0].input",
        message: expect.stringMatching(new RegExp(`^at character ${character}: .*${reason}`)),
      }),
    );
  });

  const ZONES = ["UTC", "Asia/Shanghai", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo"];
  const instants = fc.integer({ min: at("1980-01-01T00:00:00Z"), max: at("2100-01-01T00:00:00Z") });

  it("moves by days, months and weeks as Temporal does", () => {
    fc.assert(
      fc.property(
        instants,
        fc.constantFrom(...ZONES),
        fc.integer({ min: -500, max: 500 }),
        (from, timeZone, n) => {
          const date = Temporal.Instant.fromEpochMilliseconds(from)
            .toZonedDateTimeISO(timeZone)
            .toPlainDate();
          const write = (expression: string) => evaluateTime(expression, from, timeZone, "input");
          const signed = n < 0 ? `${n}` : `+${n}`;
          expect(write(`yyyy-MM-dd${signed}`)).toBe(date.add({ days: n }).toString());
          expect(write(`add_months(yyyy-MM-dd,${n})`)).toBe(date.add({ months: n }).toString());
          const month = date.with({ day: 1 }).add({ months: n });
          expect(write(`month_first_day(yyyy-MM-dd,${n})`)).toBe(month.toString());
          expect(write(`month_last_day(yyyy-MM-dd,${n})`)).toBe(
            month.with({ day: month.daysInMonth }).toString(),
          );
          const monday = date.subtract({ days: date.dayOfWeek - 1 }).add({ weeks: n });
          expect(write(`week_first_day(yyyy-MM-dd,${n})`)).toBe(monday.toString());
          expect(write(`week_last_day(yyyy-MM-dd,${n})`)).toBe(monday.add({ days: 6 }).toString());
          const week = String(date.weekOfYear).padStart(2, "0");
          expect(write("year_week(yyyy-MM-dd)")).toBe(`${date.yearOfWeek}-${week}`);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("moves by hours and minutes as the clock goes", () => {
    fc.assert(
      fc.property(
        instants,
        fc.constantFrom(...ZONES),
        fc.integer({ min: -5_000, max: 5_000 }),
        (from, zone, n) => {
          const signed = n < 0 ? `${n}` : `+${n}`;
          const minutes = evaluateTime(`timestamp(yyyyMMddHHmmss${signed}/24/60)`, from, zone, "input");
          expect(Number(minutes)).toBe(Math.floor((from + n * 60_000) / 1000));
        },
      ),
      { numRuns: 200 },
    );
  });

  it("is written or refused with a place in it, whatever the text", () => {
    const pieces = [
      "yyyy",
      "MM",
      "dd",
      "HH",
      "-",
      "+",
      "1",
      "24",
      "/",
      "*",
      "(",
      ")",
      ",",
      "'",
      " ",
      "add_months(",
      "year_week(",
      "timestamp(",
      "week_end(",
    ];
    const texts = fc.oneof(
      fc.string({ maxLength: 30 }),
      fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((list) => list.join("")),
    );
    fc.assert(
      fc.property(texts, (text) => {
        try {
          expect(evaluateTime(text, at("2022-08-26T00:00:00Z"), "UTC", "input")).toBeTypeOf("string");
        } catch (error) {
          expect(error).toBeInstanceOf(Rejection);
          const [, character] = /^at character (\d+): /.exec((error as Rejection).message) ?? [];
          expect(Number(character)).toBeGreaterThan(0);
          expect(Number(character)).toBeLessThanOrEqual(text.length + 1);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
