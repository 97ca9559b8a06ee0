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
  /** By another calendar than the Gregorian (RFC 7529). */
  scaled: boolean;
}

/** Candidates that may still be looked at for one text: each takes up to 50 µs, so all of them two seconds. */
export interface Budget {
  left: number;
}
export const newBudget = (): Budget => ({ left: 40_000 });
/** A rule costs as much as so many candidates before it has looked at one. */
const RULE_COST = 5;
/** Months of another calendar take longer to work out. */
const SCALED_COST = 20;

const UNIT_DAYS = { DAILY: 1, WEEKLY: 7, MONTHLY: 28, YEARLY: 365 };

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
    scaled: parts.has("rscale") && parts.get("rscale")?.[0] !== "GREGORIAN",
  };
}

const FIRST = ["freq", "interval", "count", "until"];

function partText(name: string, part: readonly unknown[]): string {
  return name === "wkst"
    ? part.map((day) => ICAL.Recur.numericDayToIcalDay(Number(day))).join()
    : part.join();
}

/**
 * When a rule that starts at `start` repeats from `range.from` to `range.until`, the start included; all in local time,
 * as are `until`, its last time, and what it returns. Throws `LeftOut` for a rule that makes no sense, and BAD_INPUT for
 * `ics` when the budget is used up.
 */
export function startsOf(
  repeat: Repeat,
  start: number,
  until: number | null,
  range: { from: number; until: number },
  budget: Budget,
): number[] {
  const end = Math.min(range.until, until ?? Number.POSITIVE_INFINITY);
  // Without COUNT what was before the window need not be looked at.
  const begin = repeat.count === null ? Math.max(start, range.from) : start;
  if (begin > end) return [];
  budget.left -= costOf(repeat, end - begin);
  if (budget.left < 0) throw fault("its events repeat too often to be read at once; choose a shorter time");
  const last = until === null || until > range.until ? "" : `;UNTIL=${stamp(until)}`;
  const rule = `DTSTART:${stamp(start)}\nRRULE:${repeat.text}${last}`;
  try {
    const rules = new RRuleTemporal({ rruleString: rule, includeDtstart: true, cache: false, ...BOUNDS });
    return rules.between(new Date(range.from), new Date(range.until), true).map((at) => at.epochMilliseconds);
  } catch (error) {
    throw new LeftOut(`its rule ${repeat.text.slice(0, 100)} cannot be read: ${String(error).slice(0, 200)}`);
  }
}

/** Past what the budget lets through, should it have been taken in. */
const BOUNDS = { maxIterations: 50_000, maxCandidateEvaluations: 50_000 };

const isFrequency = (text: unknown): text is Repeat["frequency"] =>
  typeof text === "string" && Object.hasOwn(UNIT_DAYS, text);

/** How many candidates a rule looks at in a time, at most. */
function costOf(repeat: Repeat, spanMs: number): number {
  const { frequency, interval, count, parts, scaled } = repeat;
  const periods = spanMs / (DAY_MS * UNIT_DAYS[frequency] * interval) + 1;
  // Not every period need have its day: a leap year's comes after eight years at the latest.
  const counted =
    count === null || frequency === "DAILY" ? periods : Math.min(periods, Math.max(count, 1) * 12);
  const times = lengthOf(parts.byhour) * lengthOf(parts.byminute) * lengthOf(parts.bysecond);
  return RULE_COST + counted * daysOf(repeat) * times * (scaled ? SCALED_COST : 1);
}

/** Days of one period that a rule looks at, at most. */
function daysOf({ frequency, parts }: Repeat): number {
  const { bymonth, byday, bymonthday, byyearday, byweekno } = parts;
  if (frequency === "DAILY") return 1;
  if (frequency === "WEEKLY") return lengthOf(byday);
  const months = frequency === "MONTHLY" ? 1 : (bymonth?.length ?? 12);
  if (byyearday) return byyearday.length;
  if (byweekno) return byweekno.length * 7;
  if (bymonthday) return bymonthday.length * months;
  if (byday) return byday.length * months * (byday.every((day) => /\d/.test(String(day))) ? 1 : 5);
  return lengthOf(bymonth);
}

const lengthOf = (part: unknown[] | undefined): number => part?.length ?? 1;

/** 20271224T180000Z: local times are worked out as if they were UTC, which has no clock changes. */
const stamp = (local: number): string => new Date(local).toISOString().replace(/[-:]|\.\d+/g, "");
