/**
 * Calendars around changes of the clock, against a scan of every minute by Intl's wall clock. A few in an ordinary run;
 * thousands, which takes minutes, with ESCAPEMENT_SWEEP=1.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Calendar,
  type CalendarRule,
  checkCalendar,
  excludedStretches,
  exclusionAt,
  firstIncluded,
} from "../../server/core/calendar/calendar.ts";
import { WEEKDAYS } from "../../server/core/schedule/daily-time-interval.ts";
import { changesIn, HOUR_MS, matches, scanMinutes, wallClock } from "./wall-clock-oracle.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const SWEEP = process.env.ESCAPEMENT_SWEEP === "1";
const ZONES = Intl.supportedValuesOf("timeZone");

/** Half an hour's change, a day left out, changes at and near midnight, in both directions. */
const PECULIAR = [
  "Australia/Lord_Howe",
  "Pacific/Apia",
  "America/St_Johns",
  "Africa/Casablanca",
  "America/Havana",
  "Africa/Cairo",
  "America/Sao_Paulo",
  "Asia/Beirut",
  "Antarctica/Troll",
];

/** A rule, and what it means, in minutes: whether one is excluded that is shown by the wall clock as `local`. */
interface Meant {
  rule: CalendarRule;
  excludes(local: number, at: number): boolean;
}

const dayOfYear = (local: number): string => new Date(local).toISOString().slice(5, 10);
const dateOf = (local: number): string => new Date(local).toISOString().slice(0, 10);
const timeOf = (minute: number): string => new Date(minute * MINUTE_MS).toISOString().slice(11, 16);

/** Rules whose days and times lie around an instant, so that they meet the change of the clock. */
function rulesAround(centre: number): fc.Arbitrary<Meant> {
  const nearbyDays = fc
    .uniqueArray(fc.integer({ min: -3, max: 3 }), { minLength: 1, maxLength: 4 })
    .map((days) => days.map((day) => centre + day * DAY_MS));
  const annual = nearbyDays.map((days): Meant => {
    const known = days.map(dayOfYear);
    return { rule: { kind: "annual", days: known }, excludes: (local) => known.includes(dayOfYear(local)) };
  });
  const holidays = nearbyDays.map((days): Meant => {
    const dates = days.map((day) => ({ date: dateOf(day), label: dateOf(day) }));
    return {
      rule: { kind: "holidays", dates },
      excludes: (local) => dates.some(({ date }) => date === dateOf(local)),
    };
  });
  const weekly = fc
    .uniqueArray(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 6 })
    .map((days): Meant => {
      const weekdays = WEEKDAYS.filter((_, day) => days.includes(day));
      return {
        rule: { kind: "weekly", weekdays },
        excludes: (local) => days.includes(new Date(local).getUTCDay()),
      };
    });
  const monthly = fc
    .tuple(nearbyDays, fc.uniqueArray(fc.integer({ min: -5, max: -1 }), { maxLength: 2 }))
    .map(([near, fromEnd]): Meant => {
      const days = [...near.map((day) => new Date(day).getUTCDate()), ...fromEnd];
      return {
        rule: { kind: "monthly", days },
        excludes: (local) => {
          const day = new Date(local);
          // Counted by hand: how many days later the month changes.
          const left = [1, 2, 3, 4, 5].find(
            (later) => new Date(local + later * DAY_MS).getUTCMonth() !== day.getUTCMonth(),
          );
          return days.includes(day.getUTCDate()) || (left !== undefined && days.includes(-left));
        },
      };
    });
  const minute = fc.oneof(
    fc.integer({ min: 0, max: 1439 }),
    fc.constantFrom(0, 1, 59, 60, 61, 119, 120, 121, 150, 180, 1380, 1381, 1439),
  );
  const daily = fc
    .tuple(minute, minute, fc.boolean())
    .filter(([from, until]) => from !== until)
    .map(([from, until, invert]): Meant => {
      return {
        rule: { kind: "daily", from: timeOf(from), until: timeOf(until), invert },
        excludes: (local) => {
          let inside = false;
          // Round the dial from one to the other.
          for (let hand = from; hand !== until; hand = (hand + 1) % 1440) {
            if (hand === Math.floor((local % DAY_MS) / MINUTE_MS)) inside = true;
          }
          return inside !== invert;
        },
      };
    });
  const field = (low: number, high: number) =>
    fc.oneof(
      fc.constant({ text: "*", numbers: span(low, high) }),
      fc
        .uniqueArray(fc.integer({ min: low, max: high }), { minLength: 1, maxLength: 4 })
        .map((numbers) => ({ text: numbers.join(","), numbers })),
      fc.tuple(fc.integer({ min: low, max: high }), fc.integer({ min: low, max: high })).map(([a, b]) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)];
        return { text: `${from}-${to}`, numbers: span(from, to) };
      }),
    );
  const cron = fc
    .tuple(field(0, 59), field(0, 23), fc.option(field(0, 6)))
    .filter(
      ([minutes, hours, days]) => [minutes, hours].some(({ text }) => text !== "*") || days?.text !== "*",
    )
    .map(([minutes, hours, days]): Meant => {
      const weekdays = days && days.text !== "*" ? days : null;
      return {
        rule: {
          kind: "cron",
          expression: `${minutes.text} ${hours.text} * * ${weekdays?.text ?? "*"}`,
          dialect: "UNIX",
        },
        excludes: (local) =>
          matches(
            {
              minutes: minutes.numbers,
              hours: hours.numbers,
              months: null,
              dates: null,
              weekdays: weekdays?.numbers ?? null,
              wallClock: false,
            },
            local / MINUTE_MS,
          ),
      };
    })
    .filter(({ rule }) => isAccepted(rule));
  const periods = fc
    .array(fc.tuple(fc.integer({ min: -3000, max: 3000 }), fc.integer({ min: 1, max: 1500 })), {
      maxLength: 6,
    })
    .map((pairs): Meant => {
      const found = pairs.map(([from, length]) => ({
        from: centre + from * MINUTE_MS,
        until: centre + (from + length) * MINUTE_MS,
      }));
      return {
        rule: { kind: "periods", periods: found },
        excludes: (_, at) => found.some((period) => at >= period.from && at < period.until),
      };
    });
  return fc.oneof(annual, holidays, weekly, monthly, daily, cron, periods);
}

const span = (low: number, high: number): number[] =>
  Array.from({ length: high - low + 1 }, (_, index) => low + index);

function isAccepted(rule: CalendarRule): boolean {
  try {
    checkCalendar(rule, null);
    return true;
  } catch {
    return false;
  }
}

/** A zone and a whole minute at or near which its clocks change, when they do. */
const places = fc
  .tuple(
    fc.oneof(fc.constantFrom(...PECULIAR), fc.constantFrom(...ZONES)),
    fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 2000, max: 2037 }) }, fc.constant(2011)),
    fc.integer({ min: 0, max: 3 }),
  )
  .map(([timeZone, year, which]) => {
    const changes = changesIn(timeZone, Date.UTC(year, 0, 1), Date.UTC(year + 1, 0, 1), 12 * HOUR_MS);
    const centre = changes[which % Math.max(1, changes.length)]?.at ?? Date.UTC(year, which * 3, 28, 12);
    return { timeZone, centre };
  });

const cases = places.chain(({ timeZone, centre }) =>
  fc
    .array(fc.tuple(rulesAround(centre), fc.option(fc.constantFrom(...PECULIAR, "UTC"), { freq: 3 })), {
      minLength: 1,
      maxLength: 3,
    })
    .map((chain) => ({ timeZone, centre, chain })),
);

/** Every minute with its wall clock. */
function minutesOf(timeZone: string, from: number, to: number): { at: number; local: number }[] {
  const { locals } = scanMinutes(timeZone, from, to);
  return Array.from(locals, (minute, index) => ({ at: from + index * MINUTE_MS, local: minute * MINUTE_MS }));
}

describe("around a change of the clock", () => {
  it("calendars exclude the minutes that a scan excludes, and no more", {
    timeout: SWEEP ? 3_600_000 : 120_000,
  }, () => {
    fc.assert(
      fc.property(cases, ({ timeZone, centre, chain }) => {
        const [from, to] = [centre - 2 * DAY_MS, centre + 2 * DAY_MS];
        const calendars = chain.map(
          ([{ rule }, own], index): Calendar => ({
            name: `${index}`,
            timeZone: own,
            rule: checkCalendar(rule, own),
          }),
        );
        // For each calendar the minutes that it excludes, by the clock of its own zone or of the trigger's.
        const marks = chain.map(([meant, own]) =>
          minutesOf(own ?? timeZone, from, to).map(({ at, local }) => meant.excludes(local, at)),
        );
        const included = (index: number): boolean => marks.every((mark) => !mark[index]);
        const count = marks[0]?.length ?? 0;
        const instant = (index: number): number => from + index * MINUTE_MS;

        let firstAfter = count;
        for (let index = count - 1; index >= 0; index--) {
          const at = instant(index);
          if (included(index)) firstAfter = index;
          const by = exclusionAt(calendars, timeZone, at);
          if ((by === null) !== included(index)) throw new Error(`at ${text(at)} is ${JSON.stringify(by)}`);
          if (firstAfter < count && firstIncluded(calendars, timeZone, at) !== instant(firstAfter)) {
            throw new Error(`first after ${text(at)} is not ${text(instant(firstAfter))}`);
          }
          if (by === null) continue;
          // The calendar it names excludes all up to `until`, and as far as can be seen here not what comes then.
          const mark = marks[Number(by.name)] ?? [];
          const end = mark.findIndex((excluded, later) => later > index && !excluded);
          if (end >= 0 ? by.until !== instant(end) : by.until < instant(count - 1)) {
            throw new Error(`until of ${text(at)} is ${text(by.until)}, not ${text(instant(end))}`);
          }
        }

        const runs: string[] = [];
        for (let index = 0; index < count; index++) {
          if (included(index)) continue;
          const begins = index;
          while (index < count && !included(index)) index++;
          if (index < count) runs.push(`${text(instant(begins))} ${text(instant(index))}`);
        }
        const stretches = excludedStretches(calendars, timeZone, from, runs.length);
        expect(stretches.map((stretch) => `${text(stretch.from)} ${text(stretch.until)}`)).toEqual(runs);
        for (const stretch of stretches) {
          const [first, last] = [stretch.from, stretch.until].map((at) => (at - from) / MINUTE_MS);
          const names = marks.flatMap((mark, name) =>
            mark.slice(first, last).includes(true) ? [`${name}`] : [],
          );
          expect([...new Set(stretch.by.map(({ name }) => name))]).toEqual(names);
          const days = chain.flatMap(([{ rule, excludes }, own]) =>
            rule.kind === "holidays"
              ? minutesOf(own ?? timeZone, stretch.from, stretch.until - MINUTE_MS)
                  .filter(({ at, local }) => excludes(local, at))
                  .map(({ local }) => dateOf(local))
              : [],
          );
          const labels = stretch.by.flatMap(({ label }) => (label === null ? [] : [label]));
          expect(new Set(labels)).toEqual(new Set(days));
        }
      }),
      { numRuns: SWEEP ? 5_000 : 60 },
    );
  });

  it("a calendar of Fridays has no part in a day that Samoa left out", () => {
    // The oracle itself sees no Friday there.
    const shown = minutesOf("Pacific/Apia", Date.UTC(2011, 11, 28), Date.UTC(2012, 0, 1));
    expect(shown.some(({ local }) => new Date(local).getUTCDay() === 5)).toBe(false);
    expect(wallClock("Pacific/Apia", Date.UTC(2011, 11, 30, 10))).toBe(Date.UTC(2011, 11, 31));
  });
});

const text = (at: number): string => new Date(at).toISOString();
