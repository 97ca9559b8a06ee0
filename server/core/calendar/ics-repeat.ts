/**
 * The times that the recurrence rules of iCalendar text stand for, at a bounded price. ical.js reads the rules, but its
 * own iteration never ends for some that match nothing; rrule-temporal looks them up, and goes straight to the window.
 */
import ICAL from "ical.js";
import { RRuleTemporal } from "rrule-temporal";
import { DAY_MS } from "../duration.ts";
import { fault, type IcsProperty } from "./ics-text.ts";
import { readTime, type WrittenTime } from "./ics-time.ts";

/** Why one event is left out, while the others are read. */
export class LeftOut extends Error {}

/** An RRULE. */
export interface Repeat {
  /** Without UNTIL. */
  text: string;
  /** Inclusive. */
  until: WrittenTime | null;
  frequency: keyof typeof UNIT_DAYS;
  interval: number;
  count: number | null;
  /** By name in lower case: bymonth, byday and so on. */
  parts: Record<string, unknown[] | undefined>;
  /** It names the calendar whose years it means, such as RSCALE=CHINESE (RFC 7529). */
  scaled: boolean;
}

/** What looking rules up may still cost, for one text, in tenths of a millisecond: about a second. */
export interface Budget {
  left: number;
}
export const newBudget = (): Budget => ({ left: 10_000 });

/** Per rule, and per period that it looks at; what is rare in YEARLY rules is worked out day by day. */
const COSTS = { rule: 2, DAILY: 0.5, WEEKLY: 0.5, MONTHLY: 0.5, YEARLY: 2, rareYear: 10, rareDay: 0.3 };
/** Periods of another calendar take so many times as long. */
const SCALED_COST = 60;
/** Days of a year that must also be of a week are looked for in all the years in which a date comes round. */
const CYCLE_COST = 4_000;

const UNIT_DAYS = { DAILY: 1, WEEKLY: 7, MONTHLY: 28, YEARLY: 365 };
const LONGEST_DAYS = { DAILY: 1, WEEKLY: 7, MONTHLY: 31, YEARLY: 366 };

/** Throws `LeftOut` for what is not a rule, and for one by the hour or quicker. */
export function readRepeat({ line, values: [value] }: IcsProperty): Repeat {
  // ical.js has a part's one value by itself, several as a list, and the week's first day as a number.
  const read: [string, unknown][] = typeof value === "object" && value !== null ? Object.entries(value) : [];
  const parts = new Map(read.map(([name, part]) => [name, [part].flat()]));
  const [[frequency = ""] = [], [interval] = [], [count] = [], [end] = []] = FIRST.map((name) =>
    parts.get(name),
  );
  if (!isFrequency(frequency)) {
    throw new LeftOut(
      `repeats "${frequency}" (line ${line}); only ${Object.keys(UNIT_DAYS).join(", ")} are read`,
    );
  }
  if (parts.has("rscale") && frequency !== "YEARLY") {
    throw new LeftOut(`repeats ${frequency} by another calendar (RSCALE, line ${line}); only YEARLY is read`);
  }
  const until = end === undefined ? null : readTime(end);
  if (end !== undefined && until === null) {
    throw new LeftOut(`its rule of line ${line} has an UNTIL that is no time`);
  }
  parts.delete("until");
  return {
    text: [...parts].map(([name, part]) => `${name.toUpperCase()}=${partText(name, part)}`).join(";"),
    until,
    frequency,
    interval: typeof interval === "number" ? interval : 1,
    count: typeof count === "number" ? count : null,
    parts: Object.fromEntries(parts),
    scaled: parts.has("rscale"),
  };
}

const FIRST = ["freq", "interval", "count", "until"];

function partText(name: string, part: readonly unknown[]): string {
  return name === "wkst"
    ? part.map((day) => ICAL.Recur.numericDayToIcalDay(Number(day))).join()
    : part.join();
}

/**
 * The times of a rule that starts at `start`, from `range.from` to `range.until`: all in local time, as is `until`, its
 * last one. The start is among them only when the rule says so. Throws `LeftOut` for a rule that makes no sense, and
 * BAD_INPUT for `ics` when the budget is used up.
 */
export function startsOf(
  repeat: Repeat,
  start: number,
  until: number | null,
  range: { from: number; until: number },
  budget: Budget,
): number[] {
  const { frequency, interval, count } = repeat;
  const end = Math.min(range.until, until ?? Number.POSITIVE_INFINITY);
  // Without COUNT, what was before the window need not be looked at.
  const begin = count === null ? Math.max(start, range.from) : start;
  if (begin > end) return [];
  let periods = (end - begin) / (interval * UNIT_DAYS[frequency] * DAY_MS) + 1;
  if (count !== null && isInEachPeriod(repeat, start)) {
    if (start + (count + 1) * interval * LONGEST_DAYS[frequency] * DAY_MS < range.from) return [];
    periods = Math.min(periods, count + 1);
  }
  budget.left -= costOf(repeat, periods);
  if (!(budget.left >= 0)) {
    throw fault("its events repeat too often to be read at once; choose a shorter time, or take some out");
  }
  const last = until === null || until > range.until ? "" : `;UNTIL=${stamp(until)}`;
  const rule = `DTSTART:${stamp(start)}\nRRULE:${repeat.text}${last}`;
  try {
    const rules = new RRuleTemporal({
      rruleString: rule,
      cache: false,
      strict: true,
      maxIterations: MAX_ITERATIONS,
    });
    return rules.between(new Date(range.from), new Date(range.until), true).map((at) => at.epochMilliseconds);
  } catch (error) {
    throw new LeftOut(`its rule ${repeat.text.slice(0, 100)} cannot be read: ${String(error).slice(0, 200)}`);
  }
}

/** More periods than the budget lets through. */
const MAX_ITERATIONS = 50_000;

const isFrequency = (text: unknown): text is Repeat["frequency"] =>
  typeof text === "string" && Object.hasOwn(UNIT_DAYS, text);

function costOf({ frequency, count, parts, scaled }: Repeat, periods: number): number {
  const { byhour, byminute, bysecond, bysetpos, byyearday, byweekno } = parts;
  const rare = frequency === "YEARLY" && (count !== null || bysetpos || byyearday || byweekno);
  const cost = rare ? COSTS.rareYear + COSTS.rareDay * daysOfYear(parts) : COSTS[frequency];
  const times = lengthOf(byhour) * lengthOf(byminute) * lengthOf(bysecond);
  const cycle = byyearday && byweekno ? CYCLE_COST : 0;
  return COSTS.rule + cycle + periods * cost * times * (scaled ? SCALED_COST : 1);
}

/** Days of a year that a rule looks at, about. */
function daysOfYear({ bymonth, byday, bymonthday, byyearday, byweekno }: Repeat["parts"]): number {
  if (byyearday) return byyearday.length;
  if (byweekno) return byweekno.length * 7;
  const months = bymonth?.length ?? 12;
  if (bymonthday) return bymonthday.length * months;
  return byday ? byday.length * months * 5 : months;
}

/** True when there is no doubt that each period has a time, so that COUNT says when the rule ends. */
function isInEachPeriod({ frequency, parts }: Repeat, start: number): boolean {
  const { bymonth, byday, bymonthday, byyearday, byweekno, bysetpos } = parts;
  if (byyearday || byweekno || bysetpos || (bymonth && frequency !== "YEARLY")) return false;
  if (frequency === "WEEKLY") return true;
  if (frequency === "DAILY" || (byday && bymonthday)) return !byday && !bymonthday;
  if (byday) return byday.some((day) => /^([+-]?[1-4])?[A-Z]/.test(String(day)));
  return (bymonthday ?? [new Date(start).getUTCDate()]).some((day) => Math.abs(Number(day)) <= 28);
}

const lengthOf = (part: unknown[] | undefined): number => part?.length ?? 1;

/** 20271224T180000Z: local times are worked out as if they were UTC, which has no clock changes. */
const stamp = (local: number): string => new Date(local).toISOString().replace(/[-:]|\.\d+/g, "");
