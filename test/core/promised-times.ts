/** What a schedule promises, as people say it: days of the calendar and times of the day, in UTC. */
import { DAY_MS } from "./wall-clock-oracle.ts";

const SECOND_MS = 1_000;

/** A day of the calendar, as an example speaks of it. */
interface Day {
  year: number;
  month: number;
  date: number;
  /** 0 = Sunday. */
  weekday: number;
  /** The last date of its month. */
  length: number;
}
export type Days = (day: Day) => boolean;

function dayOf(at: number): Day {
  const time = new Date(at);
  const [year, month] = [time.getUTCFullYear(), time.getUTCMonth() + 1];
  const length = new Date(Date.UTC(year, month, 0)).getUTCDate();
  return { year, month, date: time.getUTCDate(), weekday: time.getUTCDay(), length };
}

export const every: Days = () => true;
export const on =
  (...weekdays: number[]): Days =>
  ({ weekday }) =>
    weekdays.includes(weekday);
export const dated =
  (...dates: number[]): Days =>
  ({ date }) =>
    dates.includes(date);
export const inMonth =
  (...months: number[]): Days =>
  ({ month }) =>
    months.includes(month);
export const inYears =
  (first: number, last: number): Days =>
  ({ year }) =>
    year >= first && year <= last;
export const both =
  (...all: Days[]): Days =>
  (day) =>
    all.every((days) => days(day));
export const last: Days = ({ date, length }) => date === length;
export const beforeLast =
  (days: number): Days =>
  ({ date, length }) =>
    date === length - days;
export const lastOf =
  (weekday: number): Days =>
  (day) =>
    day.weekday === weekday && day.date > day.length - 7;
export const nth =
  (weekday: number, count: number): Days =>
  (day) =>
    day.weekday === weekday && Math.ceil(day.date / 7) === count;
export const [SUN, MON, TUE, WED, THU, FRI, SAT] = [0, 1, 2, 3, 4, 5, 6] as const;
export const weekdays = on(MON, TUE, WED, THU, FRI);
/** The 15th, or the Friday before or Monday after it. */
export const nearest15th: Days = ({ date, weekday }) =>
  (date === 15 && weekday !== SAT && weekday !== SUN) ||
  (date === 14 && weekday === FRI) ||
  (date === 16 && weekday === MON);
/** The first, or the Monday after it: never a day of the month before. */
export const nearestFirst: Days = ({ date, weekday }) =>
  (date === 1 && weekday !== SAT && weekday !== SUN) || (date <= 3 && date > 1 && weekday === MON);
export const lastWeekday: Days = ({ date, weekday, length }) =>
  weekday !== SAT && weekday !== SUN && (date === length || (weekday === FRI && date > length - 3));

/** Seconds of the day. */
export type Times = readonly number[];
export const at = (...clocks: string[]): Times =>
  clocks.map((clock) => {
    const [hour = 0, minute = 0, second = 0] = clock.split(":").map(Number);
    return (hour * 60 + minute) * 60 + second;
  });
/** From the one on every so many seconds up to the other. */
export function steps(from: string, until: string, seconds: number): Times {
  const [first = 0, end = 0] = at(from, until);
  return Array.from(
    { length: Math.floor((end - first) / seconds) + 1 },
    (_, index) => first + index * seconds,
  );
}
export const hours = (from: number, until: number, minutes: Times): Times =>
  Array.from({ length: until - from + 1 }, (_, index) => from + index).flatMap((hour) =>
    minutes.map((minute) => hour * 3_600 + minute),
  );
export const minutesPast = (...minutes: number[]): Times => minutes.map((minute) => minute * 60);

/** More would only repeat themselves. */
export const MOST_FIRES = 20_000;

export function promised(days: Days, times: Times, from: number, until: number): number[] {
  const fires: number[] = [];
  const ascending = [...times].sort((a, b) => a - b);
  for (let midnight = from; midnight < until && fires.length < MOST_FIRES; midnight += DAY_MS) {
    if (days(dayOf(midnight))) fires.push(...ascending.map((second) => midnight + second * SECOND_MS));
  }
  return fires;
}

export const text = (time: number): string => new Date(time).toISOString();
