/** A rule about the seconds that a cron expression matches. */
import { DAY_MS } from "../duration.ts";
import { type CronSpec, type Dialect, matchingDays, nextLocal, parseCron } from "../schedule/cron.ts";
import type { WallRule } from "./wall.ts";

/** Matched units that follow one another are one run up to so many of them: a year of whole days. */
const MAX_RUN_STEPS = 366;
/** Months of a century: what is asked about lies close together. */
const MAX_MONTHS = 1_200;

/** The seconds that an expression stands for. Throws BAD_INPUT for `expression`. */
export function readSeconds(expression: string, dialect: Dialect): CronSpec {
  const spec = parseCron(expression, { dialect });
  const hasSeconds = dialect === "QUARTZ" || expression.trim().split(/\s+/).length === 6;
  return hasSeconds
    ? spec
    : { ...spec, seconds: [0, ...Array.from({ length: 59 }, (_, index) => index + 1)] };
}

export function cronSeconds(spec: CronSpec): WallRule {
  const seconds = runEnds(spec.seconds, 60);
  const minutes = runEnds(spec.minutes, 60);
  const hours = runEnds(spec.hours, 24);
  const wholeMinutes = spec.seconds.length === 60;
  const wholeHours = wholeMinutes && spec.minutes.length === 60;
  const wholeDays = wholeHours && spec.hours.length === 24;
  const matchesDay = dayMatcher(spec);

  /** The end of the largest unit, or row of units, that begins or goes on at `local` and matches wholly. */
  const step = (local: number): number => {
    const day = Math.floor(local / DAY_MS);
    const ofDay = Math.floor((local - day * DAY_MS) / 1000);
    const [hour, minute, second] = [Math.floor(ofDay / 3600), Math.floor(ofDay / 60) % 60, ofDay % 60];
    const [hoursTo, minutesTo, secondsTo] = [hours[hour] ?? 0, minutes[minute] ?? 0, seconds[second] ?? 0];
    if (hoursTo <= hour || minutesTo <= minute || secondsTo <= second || !matchesDay(day)) return local;
    const at = (ofDay: number): number => day * DAY_MS + ofDay * 1000;
    if (wholeDays) return at(86_400);
    if (wholeHours) return at(hoursTo * 3600);
    if (wholeMinutes) return at(hour * 3600 + minutesTo * 60);
    return at(ofDay - second + secondsTo);
  };

  let runFrom = 0;
  let runUntil = 0;
  const excludedUntil = (local: number): number | null => {
    if (local >= runFrom && local < runUntil) return runUntil;
    let until = step(local);
    if (until === local) return null;
    for (let steps = 1; steps < MAX_RUN_STEPS; steps++) {
      const further = step(until);
      if (further === until) break;
      until = further;
    }
    runFrom = local;
    runUntil = until;
    return until;
  };
  return {
    excludedUntil,
    nextExcluded: (local) => (excludedUntil(local) !== null ? local : nextLocal(spec, local)),
  };
}

/** For each number the first one from it on that does not match; itself when it does not. */
function runEnds(numbers: readonly number[], count: number): number[] {
  const ends = Array.from({ length: count }, (_, number) => number);
  for (let number = count - 1; number >= 0; number--) {
    if (numbers.includes(number)) ends[number] = ends[number + 1] ?? count;
  }
  return ends;
}

/** Days are counted from 1970-01-01. */
function dayMatcher(spec: CronSpec): (day: number) => boolean {
  const months = new Map<number, number>();
  let lastDay = Number.NaN;
  let lastMatches = false;
  const matches = (day: number): boolean => {
    const date = new Date(day * DAY_MS);
    const [year, month] = [date.getUTCFullYear(), date.getUTCMonth() + 1];
    if (!spec.months.includes(month) || (spec.years && !spec.years.includes(year))) return false;
    const key = year * 12 + month;
    let days = months.get(key);
    if (days === undefined) {
      if (months.size >= MAX_MONTHS) months.clear();
      days = matchingDays(spec, year, month);
      months.set(key, days);
    }
    return (days & (1 << date.getUTCDate())) !== 0;
  };
  return (day) => {
    if (day !== lastDay) {
      lastMatches = matches(day);
      lastDay = day;
    }
    return lastMatches;
  };
}
