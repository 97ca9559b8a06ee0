/** Cron expressions to try: all that can be written in either dialect and that croner reads, too. */
import fc from "fast-check";
import type { Dialect } from "../../server/core/schedule/cron.ts";

/** An expression as we write it and as croner does. */
export interface Both {
  dialect: Dialect;
  ours: string;
  theirs: string;
}

const number = (low: number, high: number) => fc.integer({ min: low, max: high }).map(String);
export const list = (low: number, high: number) =>
  fc
    .uniqueArray(fc.integer({ min: low, max: high }), { minLength: 1, maxLength: 4 })
    .map((all) => all.join(","));
const range = (low: number, high: number) =>
  fc
    .tuple(fc.integer({ min: low, max: high }), fc.integer({ min: low, max: high }))
    .map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`);
const step = (length: number) => fc.integer({ min: 1, max: length }).map((every) => `/${every}`);
export const stepped = (low: number, high: number) =>
  fc
    .tuple(fc.oneof(fc.constant("*"), range(low, high)), step(Math.ceil((high - low + 1) / 2)))
    .map((parts) => parts.join(""));
export const any = fc.constant("*");
const joined = (item: fc.Arbitrary<string>) =>
  fc.array(item, { minLength: 1, maxLength: 3 }).map((items) => items.join(","));

/** Numbers, lists, ranges and steps, and lists of those. */
const plain = (low: number, high: number) =>
  fc.oneof(
    any,
    list(low, high),
    range(low, high),
    stepped(low, high),
    joined(fc.oneof(number(low, high), range(low, high), stepped(low, high))),
  );

const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const months = fc.oneof(
  { weight: 2, arbitrary: any },
  plain(1, 12),
  fc.subarray(MONTHS, { minLength: 1, maxLength: 3 }).map((names) => names.join(",")),
);
const dates = fc.oneof(
  plain(1, 31),
  fc.constantFrom("L", "LW", "1,L", "L,10-12"),
  joined(fc.integer({ min: 1, max: 31 }).map((day) => `${day}W`)),
  fc.tuple(number(1, 31), number(1, 31)).map(([day, near]) => `${day},${near}W`),
);

/** Weekdays in a dialect's numbers or by name; `FRIL` is `FRI#L` to croner. */
const weekdays = (dialect: Dialect) => {
  const first = dialect === "QUARTZ" ? 1 : 0;
  const single = fc.oneof(
    number(first, first + 6),
    fc.constantFrom(...WEEKDAYS),
    ...(dialect === "UNIX" ? [fc.constant("7")] : []),
  );
  const nth = fc.tuple(single, fc.integer({ min: 1, max: 5 })).map(([day, count]) => `${day}#${count}`);
  const last = single.map((day) => `${day}L`);
  return fc
    .oneof(
      plain(first, first + 6),
      joined(single),
      fc.constantFrom("MON-FRI", "TUE-THU,SAT"),
      joined(nth),
      joined(last),
      nth,
    )
    .map((ours) => ({ ours, theirs: ours.replaceAll(/(\w)L/g, "$1#L") }));
};

const years = fc.oneof(
  any,
  list(2000, 2050),
  range(2000, 2050),
  fc.tuple(range(2000, 2050), step(9)).map((parts) => parts.join("")),
);

export const WIDE = { second: plain(0, 59), minute: plain(0, 59), hour: plain(0, 23) };

export const unix = (clock: Record<"second" | "minute" | "hour", fc.Arbitrary<string>>): fc.Arbitrary<Both> =>
  fc
    .tuple(fc.option(clock.second), clock.minute, clock.hour, dates, months, weekdays("UNIX"))
    .map(([second, minute, hour, date, month, weekday]) => {
      const fields = (day: string) =>
        [...(second === null ? [] : [second]), minute, hour, date, month, day].join(" ");
      return { dialect: "UNIX" as const, ours: fields(weekday.ours), theirs: fields(weekday.theirs) };
    });

export const quartz = (
  clock: Record<"second" | "minute" | "hour", fc.Arbitrary<string>>,
): fc.Arbitrary<Both> =>
  fc
    .tuple(
      clock.second,
      clock.minute,
      clock.hour,
      dates,
      months,
      weekdays("QUARTZ"),
      fc.boolean(),
      fc.option(years),
    )
    .map(([second, minute, hour, date, month, weekday, byDate, year]) => {
      const fields = (day: string) =>
        [
          second,
          minute,
          hour,
          byDate ? date : "?",
          month,
          byDate ? "?" : day,
          ...(year === null ? [] : [year]),
        ].join(" ");
      return { dialect: "QUARTZ" as const, ours: fields(weekday.ours), theirs: fields(weekday.theirs) };
    });
