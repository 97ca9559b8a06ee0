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
  const [seconds, minutes, hours] = [new Set(spec.seconds), new Set(spec.minutes), new Set(spec.hours)];
  const wholeMinutes = seconds.size === 60;
  const wholeHours = wholeMinutes && minutes.size === 60;
  const unitSeconds = wholeHours ? (hours.size === 24 ? 86_400 : 3_600) : wholeMinutes ? 60 : 1;
  const matchesDay = dayMatcher(spec);

  /** The end of the largest unit around `local` that matches wholly; `local` itself when its second does not match. */
  const step = (local: number): number => {
    const day = Math.floor(local / DAY_MS);
    const second = Math.floor((local - day * DAY_MS) / 1000);
    const matches =
      hours.has(Math.floor(second / 3600)) &&
      minutes.has(Math.floor(second / 60) % 60) &&
      seconds.has(second % 60) &&
      matchesDay(day);
    return matches ? day * DAY_MS + (second - (second % unitSeconds) + unitSeconds) * 1000 : local;
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
