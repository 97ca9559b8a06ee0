/** Which dates and periods a calendar accepts, with their labels, and the form in which they are stored. */
import { badInput } from "../rejection.ts";
import { LAST_YEAR } from "../schedule/limits.ts";
import type { Holiday, Period } from "./rule.ts";

/** Dates or periods of one calendar: a window on each working day for 20 years, and half a megabyte as stored. */
export const MAX_ENTRIES = 5_000;
/** A name for a day, not a description of it. */
const MAX_LABEL = 200;
const FIRST_YEAR = 1970;
/** What a JavaScript date holds. */
const MAX_TIME = 8.64e15;
/** Control and half characters: no list could show them, nor PostgreSQL store all of them. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}]/u;

/** Ascending, each date once: one that is there twice has both labels. Throws BAD_INPUT below `holidays.dates`. */
export function checkDates(dates: readonly Holiday[]): Holiday[] {
  checkCount(dates, MAX_ENTRIES, "holidays.dates", "which is dates for centuries");
  const labels = new Map<string, Set<string>>();
  dates.forEach(({ date, label }, index) => {
    const field = `holidays.dates[${index}]`;
    if (!isDate(date)) {
      throw badInput(
        `${field}.date`,
        `"${shown(date)}" is not a date; write year, month and day: 2027-12-24`,
      );
    }
    const year = Number(date.slice(0, 4));
    if (year < FIRST_YEAR || year > LAST_YEAR) {
      throw badInput(`${field}.date`, `"${date}" is outside the years ${FIRST_YEAR} to ${LAST_YEAR}`);
    }
    const text = checkLabel(label, `${field}.label`);
    const same = labels.get(date) ?? new Set();
    labels.set(date, text === "" ? same : same.add(text));
  });
  return [...labels]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([date, texts]) => ({ date, ...labelled(cutLabel([...texts].join(" / "))) }));
}

/** By their beginning, each once; they may overlap. Throws BAD_INPUT below `periods.periods`. */
export function checkPeriods(periods: readonly Period[]): Period[] {
  checkCount(periods, MAX_ENTRIES, "periods.periods", "which is one on each working day for 20 years");
  const distinct = new Map<string, Period>();
  periods.forEach(({ from, until, label }, index) => {
    const field = `periods.periods[${index}]`;
    for (const [name, time] of Object.entries({ from, until })) {
      if (!Number.isInteger(time) || Math.abs(time) > MAX_TIME) {
        throw badInput(`${field}.${name}`, "is not a time; write one such as 2027-12-24T18:00:00Z");
      }
    }
    if (until <= from) {
      throw badInput(`${field}.until`, "must be after from: it is the first time that is free again");
    }
    const period = { from, until, ...labelled(checkLabel(label, `${field}.label`)) };
    distinct.set(JSON.stringify(period), period);
  });
  return [...distinct.values()].sort((a, b) => a.from - b.from || a.until - b.until);
}

/** True for a day that exists, written as 2027-12-24. */
export function isDate(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return false;
  const date = new Date(`${text}T00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

/** Throws BAD_INPUT for `field`. `why` says where the number comes from. */
export function checkCount(list: readonly unknown[], most: number, field: string, why: string): void {
  if (list.length <= most) return;
  throw badInput(field, `has ${list.length} entries; at most ${most} are allowed, ${why}`);
}

/** What somebody wrote, as far as a message repeats it. */
export const shown = (text: string): string => text.slice(0, 40);

/** As much of a text as a label holds. */
export function cutLabel(text: string): string {
  if (text.length <= MAX_LABEL) return text;
  // A half of a character that is stored in two would be left at the end.
  return `${text.slice(0, MAX_LABEL - 1).replace(/\p{Cs}$/u, "")}…`;
}

/** The label as it is stored; empty when there is none. */
function checkLabel(label: string | undefined, field: string): string {
  const text = label?.trim() ?? "";
  if (text.length > MAX_LABEL) {
    throw badInput(field, `has ${text.length} characters; at most ${MAX_LABEL} are allowed`);
  }
  if (UNPRINTABLE.test(text)) throw badInput(field, "holds a character that cannot be printed");
  return text;
}

const labelled = (label: string): { label?: string } => (label === "" ? {} : { label });
