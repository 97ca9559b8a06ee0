/**
 * Time placeholders, what stands in `$[...]`: computed from the schedule time in the time zone of the schedule, with the
 * forms and results that DolphinScheduler documents.
 */
import { DAY_MS } from "../duration.ts";
import { firstInstantShowing, localAt } from "../schedule/zone.ts";
import { asRejection, Fault, short } from "./fault.ts";
import { parseOffset, parseWhole } from "./time-offset.ts";
import { formatPattern, type PatternPart, parsePattern, quoteEnd } from "./time-pattern.ts";
import { dayOf, type Move, move, STAY, weekdayOf } from "./wall-move.ts";

/** Longer ones are no placeholders; the bound keeps the arithmetic small. */
export const TIME_LENGTH = 200;

/** Writes the time of an instant in a zone that has passed `checkZone`. Throws a Fault outside the years 1 to 9999. */
export type TimeExpression = (at: number, timeZone: string) => string;

/** A move and the pattern to write where it ends. */
interface Written {
  by: Move;
  pattern: PatternPart[];
  source: string;
}

/** What the number in a function's parentheses does. */
const FUNCTIONS: Readonly<Record<string, { needsNumber?: true; by(number: number): Move }>> = {
  add_months: { needsNumber: true, by: (months) => ({ ...STAY, months }) },
  this_day: { by: (days) => ({ ...STAY, days }) },
  last_day: { by: (days) => ({ ...STAY, days: days - 1 }) },
  month_first_day: { by: (months) => ({ ...STAY, months, boundary: "monthFirst" }) },
  month_last_day: { by: (months) => ({ ...STAY, months, boundary: "monthLast" }) },
  week_first_day: { by: (weeks) => ({ ...STAY, boundary: "monday", days: 7 * weeks }) },
  week_last_day: { by: (weeks) => ({ ...STAY, boundary: "sunday", days: 7 * weeks }) },
  month_begin: { needsNumber: true, by: (days) => ({ ...STAY, boundary: "monthFirst", days }) },
  month_end: { needsNumber: true, by: (days) => ({ ...STAY, boundary: "monthLast", days }) },
  week_begin: { needsNumber: true, by: (days) => ({ ...STAY, boundary: "monday", days }) },
  week_end: { needsNumber: true, by: (days) => ({ ...STAY, boundary: "sunday", days }) },
};
const FUNCTION_NAMES = [...Object.keys(FUNCTIONS), "year_week", "timestamp"].join(", ");

/** Reads what stands between `$[` and `]`. Throws a Fault. */
export function parseTime(text: string): TimeExpression {
  if (text.length > TIME_LENGTH) throw new Fault(`is longer than ${TIME_LENGTH} characters`, TIME_LENGTH);
  const call = callAt(text, 0, text.length);
  if (call?.name === "year_week") return yearWeek(text, call);
  if (call?.name === "timestamp") return timestamp(readWritten(text, call.start, call.end), call.start);
  const written = readWritten(text, 0, text.length);
  return (at, timeZone) => formatPattern(written.pattern, reach(written, at, timeZone).local);
}

/**
 * The text of `$[expression]` for a schedule time. `timeZone` must have passed `checkZone`. Throws BAD_INPUT with the
 * character at fault.
 */
export function evaluateTime(expression: string, at: number, timeZone: string, field: string): string {
  try {
    return parseTime(expression)(at, timeZone);
  } catch (error) {
    throw asRejection(error, field);
  }
}

/** A function's name and where what is in its parentheses begins and ends. */
interface Call {
  name: string;
  start: number;
  end: number;
}

function callAt(text: string, start: number, end: number): Call | null {
  const name = /^([a-z]+(?:_[a-z]+)*)\(/.exec(text.slice(start, end))?.[1];
  if (name === undefined) return null;
  const known = Object.hasOwn(FUNCTIONS, name) || name === "year_week" || name === "timestamp";
  if (!known && name.includes("_"))
    throw new Fault(`"${short(name)}" is no function: there are ${FUNCTION_NAMES}`, start);
  if (!known) return null;
  if (text.charAt(end - 1) !== ")")
    throw new Fault(`${name}(…) must end with a closing parenthesis`, end - 1);
  return { name, start: start + name.length + 1, end: end - 1 };
}

function readWritten(text: string, start: number, end: number): Written {
  const call = callAt(text, start, end);
  const known = call && FUNCTIONS[call.name];
  if (!known) {
    if (call) throw new Fault(`${call.name}(…) cannot stand within timestamp(…)`, start);
    const from = offsetStart(text, start, end);
    const by = from === end ? STAY : { ...STAY, ...parseOffset(text, from, end) };
    return { by, pattern: readPattern(text, start, from), source: text.slice(start, from) };
  }
  const { patternEnd, number } = readArguments(text, call);
  if (number === null && known.needsNumber)
    throw new Fault(`${call.name} needs a second value, such as ${call.name}(yyyyMMdd,-1)`, call.end);
  return {
    by: known.by(number ?? 0),
    pattern: readPattern(text, call.start, patternEnd),
    source: text.slice(call.start, patternEnd),
  };
}

function readPattern(text: string, start: number, end: number): PatternPart[] {
  const pattern = parsePattern(text, start, end);
  if (pattern.some((part) => typeof part !== "string")) return pattern;
  throw new Fault("a pattern such as yyyyMMdd is missing", start);
}

/** A pattern and, after a comma, a number. */
function readArguments(text: string, { start, end }: Call): { patternEnd: number; number: number | null } {
  const comma = find(text, start, end, (index) => text.charAt(index) === ",");
  return { patternEnd: comma, number: comma === end ? null : parseWhole(text, comma + 1, end) };
}

/** Where the pattern ends and what is added or taken away begins: at a sign with a number, not at that in yyyy-MM-dd. */
const offsetStart = (text: string, start: number, end: number): number =>
  find(text, start, end, (index) => /^[+-][0-9(]/.test(text.slice(index, index + 2)));

/** The first index outside quotes that is looked for; `end` when there is none. */
function find(text: string, start: number, end: number, found: (index: number) => boolean): number {
  for (let index = start; index < end; ) {
    if (found(index)) return index;
    index = text.charAt(index) === "'" ? quoteEnd(text, index, end) : index + 1;
  }
  return end;
}

function reach({ by }: Written, at: number, timeZone: string) {
  const moment = move(at, timeZone, by);
  if (moment === null) throw new Fault("ends outside the years 1 to 9999", 0);
  return moment;
}

/**
 * `2022-34`: the year to which the week belongs, and its number. A week begins on the given day (1 is Monday) and
 * belongs to the year that has four of its days, as in ISO 8601; DolphinScheduler writes the day's own year beside it.
 */
function yearWeek(text: string, call: Call): TimeExpression {
  const { patternEnd, number } = readArguments(text, call);
  readPattern(text, call.start, patternEnd);
  const firstDay = number ?? 1;
  if (firstDay < 1 || firstDay > 7)
    throw new Fault("a week begins on a day from 1, Monday, to 7, Sunday", patternEnd + 1);
  const separator = text.slice(call.start, patternEnd).includes("-") ? "-" : "";
  return (at, timeZone) => {
    const day = dayOf(localAt(timeZone, at));
    const fourth = day - ((weekdayOf(day) - firstDay + 7) % 7) + 3;
    const year = new Date(fourth * DAY_MS).getUTCFullYear();
    const newYear = dayOf(new Date(0).setUTCFullYear(year, 0, 1));
    const week = Math.floor((fourth - newYear) / 7) + 1;
    return `${String(year).padStart(4, "0")}${separator}${String(week).padStart(2, "0")}`;
  };
}

/** Any wall-clock time, to see whether a pattern writes all of it. */
const SAMPLE_LOCAL = Date.UTC(2022, 7, 26, 12, 34, 56);

/** Epoch seconds. The pattern may fix a part of the time, as in `yyyyMMdd000000`. */
function timestamp(written: Written, index: number): TimeExpression {
  if (localOf(formatPattern(written.pattern, SAMPLE_LOCAL)) === null)
    throw new Fault("timestamp needs a pattern of a whole time: yyyyMMddHHmmss", index);
  return (at, timeZone) => {
    const moment = reach(written, at, timeZone);
    const text = formatPattern(written.pattern, moment.local);
    const local = written.source === "yyyyMMddHHmmss" ? null : localOf(text);
    return String(Math.floor((local === null ? moment.at : firstInstantShowing(timeZone, local)) / 1000));
  };
}

/** The wall-clock time that `20220826123456` stands for; null when that is none. */
function localOf(text: string): number | null {
  const [, date, time] = /^(\d{8})(\d{6})$/.exec(text) ?? [];
  if (date === undefined || time === undefined) return null;
  const iso = `${date.replace(/(\d{4})(\d\d)(\d\d)/, "$1-$2-$3")}T${time.replace(/(\d\d)(\d\d)(\d\d)/, "$1:$2:$3")}Z`;
  const local = Date.parse(iso);
  return Number.isNaN(local) || new Date(local).toISOString().slice(0, 19) !== iso.slice(0, 19)
    ? null
    : local;
}
