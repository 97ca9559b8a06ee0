/**
 * Every cron expression of Quartz's documentation: the CronTrigger tutorial and its Javadoc, CronExpression's Javadoc,
 * lesson 6, the cookbook and example 3. What each promises is written here as days and times of the day, and all its
 * fires of some years are compared.
 */
import { describe, expect, it } from "vitest";
import { nextCron, parseCron } from "../../server/core/schedule/cron.ts";
import {
  at,
  beforeLast,
  both,
  type Days,
  dated,
  every,
  FRI,
  hours,
  inMonth,
  inYears,
  last,
  lastOf,
  lastWeekday,
  MON,
  MOST_FIRES,
  minutesPast,
  nearest15th,
  nearestFirst,
  nth,
  on,
  promised,
  SAT,
  SUN,
  steps,
  type Times,
  TUE,
  text,
  WED,
  weekdays,
} from "./promised-times.ts";

/** Expression, what is promised in a few words, the days and times it means; the years to compare, else 2027 and 2028. */
type Example = [string, string, Days, Times, ...([number, number] | [])];

const CRON_TRIGGER: Example[] = [
  ["0 0 12 * * ?", "noon", every, at("12:00")],
  ["0 15 10 ? * *", "10:15 each day", every, at("10:15")],
  ["0 15 10 * * ?", "the same", every, at("10:15")],
  ["0 15 10 * * ? *", "the same, of each year", every, at("10:15")],
  ["0 15 10 * * ? 2005", "10:15 in 2005", inYears(2005, 2005), at("10:15"), 2004, 2006],
  ["0 * 14 * * ?", "each minute from 14:00 to 14:59", every, steps("14:00", "14:59", 60)],
  ["0 0/5 14 * * ?", "each five minutes from 14:00 to 14:55", every, steps("14:00", "14:55", 300)],
  [
    "0 0/5 14,18 * * ?",
    "and from 18:00 to 18:55",
    every,
    [...steps("14:00", "14:55", 300), ...steps("18:00", "18:55", 300)],
  ],
  ["0 0-5 14 * * ?", "each minute from 14:00 to 14:05", every, steps("14:00", "14:05", 60)],
  [
    "0 10,44 14 ? 3 WED",
    "14:10 and 14:44 on Wednesdays of March",
    both(on(WED), inMonth(3)),
    at("14:10", "14:44"),
  ],
  ["0 15 10 ? * MON-FRI", "10:15 on weekdays", weekdays, at("10:15")],
  ["0 15 10 15 * ?", "10:15 on the 15th", dated(15), at("10:15")],
  ["0 15 10 L * ?", "10:15 on the last day of a month", last, at("10:15")],
  ["0 15 10 L-2 * ?", "two days before the last, as Quartz counts", beforeLast(2), at("10:15")],
  ["0 15 10 ? * 6L", "10:15 on the last Friday", lastOf(FRI), at("10:15")],
  [
    "0 15 10 ? * 6L 2002-2005",
    "the same, in four years",
    both(lastOf(FRI), inYears(2002, 2005)),
    at("10:15"),
    2001,
    2007,
  ],
  ["0 15 10 ? * 6#3", "10:15 on the third Friday", nth(FRI, 3), at("10:15")],
  ["0 0 12 1/5 * ?", "noon, each five days from the first on", dated(1, 6, 11, 16, 21, 26, 31), at("12:00")],
  ["0 11 11 11 11 ?", "11:11 on 11 November", both(dated(11), inMonth(11)), at("11:11"), 2027, 2031],
  [
    "0/5 14,18,3-39,52 * ? JAN,MAR,SEP MON-FRI 2002-2010",
    "the tutorial's complex one",
    both(weekdays, inMonth(1, 3, 9), inYears(2002, 2010)),
    hours(
      0,
      23,
      minutesPast(...Array.from({ length: 37 }, (_, index) => index + 3), 52).flatMap((minute) =>
        Array.from({ length: 12 }, (_, five) => minute + five * 5),
      ),
    ),
    2002,
    2002,
  ],
  ["0 0 8 ? * MON-FRI", "8:00 on weekdays", weekdays, at("08:00")],
  ["0 30 1 ? * FRIL", "1:30 on the last Friday", lastOf(FRI), at("01:30")],
];

const CRON_EXPRESSION: Example[] = [
  ["0 0 10-12 * * ?", "hours 10, 11 and 12", every, at("10:00", "11:00", "12:00")],
  ["0 0 9 ? * MON,WED,FRI", "three weekdays", on(MON, WED, FRI), at("09:00")],
  ["0/15 0 9 * * ?", "seconds 0, 15, 30 and 45", every, at("09:00:00", "09:00:15", "09:00:30", "09:00:45")],
  ["5/15 0 9 * * ?", "seconds 5, 20, 35 and 50", every, at("09:00:05", "09:00:20", "09:00:35", "09:00:50")],
  ["*/15 0 9 * * ?", "* before the step is 0", every, at("09:00:00", "09:00:15", "09:00:30", "09:00:45")],
  ["0 0 9 1 7/6 ?", "month 7 alone, not each sixth", both(dated(1), inMonth(7)), at("09:00")],
  ["0 0 9 ? * L", "a bare L is Saturday", on(SAT), at("09:00")],
  ["0 0 9 ? * 7", "as is 7", on(SAT), at("09:00")],
  ["0 0 9 L-3 * ?", "three days before the last, as Quartz counts", beforeLast(3), at("09:00")],
  ["0 0 9 15W * ?", "the weekday nearest to the 15th", nearest15th, at("09:00"), 2020, 2030],
  ["0 0 9 1W * ?", "the one nearest to the first, within the month", nearestFirst, at("09:00"), 2020, 2030],
  ["0 0 9 LW * ?", "the last weekday", lastWeekday, at("09:00"), 2020, 2030],
  ["0 0 9 ? * 2#1", "the first Monday", nth(MON, 1), at("09:00")],
  ["0 0 9 ? * 4#5", "the fifth Wednesday, of months that have one", nth(WED, 5), at("09:00")],
  [
    "0 0 22-2 * * ?",
    "from ten in the evening until two",
    every,
    at("00:00", "01:00", "02:00", "22:00", "23:00"),
  ],
  ["0 0 9 1 NOV-FEB ?", "four months", both(dated(1), inMonth(11, 12, 1, 2)), at("09:00")],
  ["0 0 9 ? nov-feb fri", "names in small letters", both(on(FRI), inMonth(11, 12, 1, 2)), at("09:00")],
  [
    "0 0 14-6 ? * FRI-MON",
    "hours 14 to 6, Friday to Monday",
    on(FRI, SAT, SUN, MON),
    [...hours(0, 6, [0]), ...hours(14, 23, [0])],
  ],
];

const LESSON_6: Example[] = [
  ["0 0 12 ? * WED", "noon on Wednesdays", on(WED), at("12:00")],
  ["0 0 12 ? * MON-FRI", "on weekdays", weekdays, at("12:00")],
  ["0 0 12 ? * MON,WED,FRI", "on three days", on(MON, WED, FRI), at("12:00")],
  ["0 0 12 ? * MON-WED,SAT", "on four days", on(MON, TUE, WED, SAT), at("12:00")],
  ["0 0/15 * * * ?", "each quarter of an hour", every, hours(0, 23, minutesPast(0, 15, 30, 45))],
  ["0 3/20 * * * ?", "minutes 3, 23 and 43", every, hours(0, 23, minutesPast(3, 23, 43))],
  ["0 */35 * * * ?", "minutes 0 and 35, not each 35", every, hours(0, 23, minutesPast(0, 35))],
  ["0 /35 * * * ?", "the same, as older editions write it", every, hours(0, 23, minutesPast(0, 35))],
  ["0 0 12 ? * FRI#3", "the third Friday", nth(FRI, 3), at("12:00")],
  ["0 0/5 * * * ?", "each five minutes", every, steps("00:00", "23:55", 300)],
  ["10 0/5 * * * ?", "ten seconds past those", every, steps("00:00:10", "23:55:10", 300)],
  ["0 30 10-13 ? * WED,FRI", "10:30 to 13:30", on(WED, FRI), at("10:30", "11:30", "12:30", "13:30")],
  ["0 0/30 8-9 5,20 * ?", "8:00 to 9:30, not 10:00", dated(5, 20), at("08:00", "08:30", "09:00", "09:30")],
  ["0 0/2 8-17 * * ?", "each other minute from 8 to 17", every, steps("08:00", "17:58", 120)],
  ["0 42 10 * * ?", "10:42", every, at("10:42")],
  ["0 42 10 ? * WED", "10:42 on Wednesdays", on(WED), at("10:42")],
  ["0 0 12 ? * FRI", "Fridays at noon", on(FRI), at("12:00")],
  ["0 30 9 ? * MON-FRI", "weekdays at 9:30", weekdays, at("09:30")],
  [
    "0 0/5 9 ? JAN MON,WED,FRI",
    "each five minutes from 9 to 10 in January",
    both(on(MON, WED, FRI), inMonth(1)),
    steps("09:00", "09:55", 300),
  ],
];

const COOKBOOK: Example[] = [
  ["0 0 15 5 * ?", "the fifth at 15:00", dated(5), at("15:00")],
  ["0 0 15 L * ?", "the last day", last, at("15:00")],
  ["0 0 15 LW * ?", "the last weekday", lastWeekday, at("15:00")],
  ["0 0 15 L-3 * ?", "three days before the last", beforeLast(3), at("15:00")],
  ["0 0 15 ? * WED", "Wednesdays", on(WED), at("15:00")],
  ["0 0 15 ? * *", "each day", every, at("15:00")],
  ["0 0 5 1 * ?", "the first at 5:00", dated(1), at("05:00")],
  ["0 0 5 15 * ?", "the 15th", dated(15), at("05:00")],
  ["0 0 5 1W * ?", "the first weekday", nearestFirst, at("05:00")],
  ["0 0 5 2/2 * ?", "even dates: 30 July, then 2 August", ({ date }) => date % 2 === 0, at("05:00")],
  ["0 0 5 1/2 * ?", "odd dates: 31 July, then 1 August", ({ date }) => date % 2 === 1, at("05:00")],
];

const EXAMPLE_3: Example[] = [
  ["0/20 * * * * ?", "each 20 seconds", every, steps("00:00:00", "23:59:40", 20)],
  ["15 0/2 * * * ?", "15 seconds past each other minute", every, steps("00:00:15", "23:58:15", 120)],
  ["0 0/3 17-23 * * ?", "each three minutes from 17 to 23", every, steps("17:00", "23:57", 180)],
  ["0 0 10 1,15 * ?", "10:00 on the first and the 15th", dated(1, 15), at("10:00")],
  ["0,30 * * ? * MON-FRI", "each half minute on weekdays", weekdays, steps("00:00:00", "23:59:30", 30)],
  ["0,30 * * ? * SAT,SUN", "and on the others", on(SAT, SUN), steps("00:00:00", "23:59:30", 30)],
];

const sources: [string, Example[]][] = [
  ["the CronTrigger tutorial", CRON_TRIGGER],
  ["CronExpression's Javadoc", CRON_EXPRESSION],
  ["lesson 6", LESSON_6],
  ["the cookbook", COOKBOOK],
  ["example 3", EXAMPLE_3],
];

describe.each(sources)("an expression of %s", (_, examples) => {
  it.each(examples)(
    "%s fires as it promises: %s",
    (expression, _meaning, days, times, first = 2027, final = 2028) => {
      const [from, until] = [Date.UTC(first, 0, 1), Date.UTC(final + 1, 0, 1)];
      const expected = promised(days, times, from, until);
      expect(expected.length).toBeGreaterThan(0);
      const spec = parseCron(expression, { dialect: "QUARTZ" });
      const fires: number[] = [];
      let next = nextCron(spec, { timeZone: "UTC", gap: "SHIFT", overlap: "FIRST" }, from - 1);
      while (next !== null && next < until && fires.length < expected.length) {
        fires.push(next);
        next = nextCron(spec, { timeZone: "UTC", gap: "SHIFT", overlap: "FIRST" }, next);
      }
      expect(fires.map(text)).toEqual(expected.map(text));
      if (expected.length < MOST_FIRES) expect(next === null || next >= until).toBe(true);
    },
  );
});

it("lesson 6: 10:42 on Wednesdays in Los Angeles is by the clocks there", () => {
  const spec = parseCron("0 42 10 ? * WED", { dialect: "QUARTZ" });
  const there = { timeZone: "America/Los_Angeles", gap: "SHIFT", overlap: "FIRST" } as const;
  const first = nextCron(spec, there, Date.UTC(2027, 2, 10));
  // The clocks go forward on 14 March.
  expect([first, nextCron(spec, there, first ?? 0)].map((time) => time && text(time))).toEqual([
    "2027-03-10T18:42:00.000Z",
    "2027-03-17T17:42:00.000Z",
  ]);
});

/** Documented, and not so with us. */
it.each<[string, string]>([
  // Example 3 has it so, and Quartz reads over the letters.
  ["0 0 10am 1,15 * ?", "without AM and PM"],
  // The tutorial's simplest one, which Quartz itself refuses.
  ["* * * * ? *", 'cannot hold "?"'],
])("%s is refused: %s", (expression, reason) => {
  expect(() => parseCron(expression, { dialect: "QUARTZ" })).toThrow(reason);
});

it("3#1,6#3, which Quartz does not take, is both", () => {
  const spec = parseCron("0 0 9 ? * 3#1,6#3", { dialect: "QUARTZ" });
  const fires = promised(
    (day) => nth(TUE, 1)(day) || nth(FRI, 3)(day),
    at("09:00"),
    Date.UTC(2027, 0, 1),
    Date.UTC(2028, 0, 1),
  );
  let next: number | null = Date.UTC(2027, 0, 1);
  for (const fire of fires) {
    next = nextCron(spec, { timeZone: "UTC", gap: "SHIFT", overlap: "FIRST" }, next ?? 0);
    expect(next).toBe(fire);
  }
});
