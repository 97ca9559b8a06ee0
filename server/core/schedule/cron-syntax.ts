/**
 * Cron expressions from text to sets of numbers. cron-parser reads the plain parts (numbers, ranges, steps, H); what it
 * lacks is done before it: the QUARTZ dialect, L, W and #, ranges that wrap, years, and errors that name the field.
 */
import { CronExpressionParser } from "cron-parser";
import { badInput, type Rejection } from "../rejection.ts";
import { LAST_YEAR } from "./limits.ts";

/** UNIX: 5 fields, or 6 with seconds first, 0 and 7 = Sunday. QUARTZ: 6 fields, or 7 with years last, 1 = Sunday. */
export type Dialect = "UNIX" | "QUARTZ";

/** At least one number, ascending. */
type Numbers = readonly [number, ...number[]];

/** A parsed expression: plain data, the same for every time zone. Weekdays count from 0 = Sunday. */
export interface CronSpec {
  seconds: Numbers;
  minutes: Numbers;
  hours: Numbers;
  months: Numbers;
  /** null: every year. */
  years: Numbers | null;
  /** null: the day of month does not matter. */
  dates: { days: readonly number[]; moving: readonly MovingDate[] } | null;
  /** null: the day of week does not matter. */
  weekdays: { days: readonly number[]; moving: readonly MovingWeekday[] } | null;
  /** Hour and minute are numbers or lists of numbers: the fires keep to the wall clock. */
  wallClock: boolean;
}

/** `15W`, `L`, `L-3`, `LW`: that day, or so many days before the last one, or the weekday nearest to it. */
interface MovingDate {
  day: number;
  fromEnd: boolean;
  nearestWeekday: boolean;
}

/** `6#3`, `6L`: the n-th or last such weekday of the month. */
interface MovingWeekday {
  weekday: number;
  nth: number | "last";
}

const FIRST_YEAR = 1970;

const FIELD_NAMES = ["second", "minute", "hour", "day of month", "month", "day of week", "year"] as const;
type FieldName = (typeof FIELD_NAMES)[number];

/** One field of an expression as it was written, or what its absence means. */
interface CronField {
  name: FieldName;
  text: string;
  /** How an error message calls it: `day of month (field 3)`. */
  label: string;
  dialect: Dialect;
}
export type CronFields = Record<FieldName, CronField>;

const BOUNDS: Record<FieldName, { min: number; max: number; allowed: string; names: readonly string[] }> = {
  second: { min: 0, max: 59, allowed: "0-59", names: [] },
  minute: { min: 0, max: 59, allowed: "0-59", names: [] },
  hour: { min: 0, max: 23, allowed: "0-23", names: [] },
  "day of month": { min: 1, max: 31, allowed: "1-31, L, L-3, LW, 15W", names: [] },
  month: {
    min: 1,
    max: 12,
    allowed: "1-12 or JAN-DEC",
    names: ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
  },
  "day of week": {
    min: 0,
    max: 6,
    allowed: "SUN-SAT or their numbers, FRI#3, FRIL",
    names: ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
  },
  year: { min: FIRST_YEAR, max: LAST_YEAR, allowed: `${FIRST_YEAR}-${LAST_YEAR}`, names: [] },
};

const NICKNAMES: Record<string, string> = {
  "@YEARLY": "0 0 1 1 *",
  "@ANNUALLY": "0 0 1 1 *",
  "@MONTHLY": "0 0 1 * *",
  "@WEEKLY": "0 0 * * 0",
  "@DAILY": "0 0 * * *",
  "@MIDNIGHT": "0 0 * * *",
  "@HOURLY": "0 * * * *",
};

/** Longer than every field spelled out in full. */
const MAX_LENGTH = 1024;

/** Throws BAD_INPUT naming the field at fault; that an expression can never fire is not seen here. */
export function readCron(expression: string, dialect: Dialect, hashSeed: string): CronSpec {
  const fields = splitCron(expression, dialect);
  checkQuestionMarks(fields);
  const numbers = (name: FieldName): Numbers =>
    ascending(itemsOf(fields[name]).flatMap((item) => readItem(item, fields[name], hashSeed)));
  return {
    seconds: numbers("second"),
    minutes: numbers("minute"),
    hours: numbers("hour"),
    months: numbers("month"),
    years: isRestricted(fields.year) ? numbers("year") : null,
    dates: readDays(fields["day of month"], hashSeed, readMovingDate),
    weekdays: readDays(fields["day of week"], hashSeed, readMovingWeekday),
    wallClock: isFixed(fields.hour) && isFixed(fields.minute),
  };
}

/** Names the fields of an expression. Throws BAD_INPUT when their number is wrong. */
export function splitCron(expression: string, dialect: Dialect): CronFields {
  if (expression.length > MAX_LENGTH) throw fault(`is longer than ${MAX_LENGTH} characters`);
  const written = expression.trim().toUpperCase();
  if (written === "") throw fault("is empty; every day at 03:00 would be 0 3 * * *");
  if (written.startsWith("@") && (dialect === "QUARTZ" || !NICKNAMES[written])) {
    const known = Object.keys(NICKNAMES).join(", ").toLowerCase();
    throw fault(`"${expression}" is not known; the UNIX dialect has ${known}`);
  }
  const texts = (NICKNAMES[written] ?? written).split(/\s+/);
  const [fewest, most] = dialect === "UNIX" ? [5, 6] : [6, 7];
  if (texts.length < fewest || texts.length > most) {
    const names = FIELD_NAMES.slice(fewest === 5 ? 1 : 0, 6).join(", ");
    const more = dialect === "UNIX" ? "6 with the second first" : "7 with the year last";
    const count = texts.length === 1 ? "1 field" : `${texts.length} fields`;
    throw fault(`has ${count}; a ${dialect} expression has ${fewest} (${names}) or ${more}`);
  }
  const skipped = texts.length === 5 ? 1 : 0;
  const field = (name: FieldName, absent = "*"): CronField => {
    const index = FIELD_NAMES.indexOf(name) - skipped;
    return { name, text: texts[index] ?? absent, label: `${name} (field ${index + 1})`, dialect };
  };
  return {
    second: field("second", "0"),
    minute: field("minute"),
    hour: field("hour"),
    "day of month": field("day of month"),
    month: field("month"),
    "day of week": field("day of week"),
    year: field("year"),
  };
}

/** A field that says more than "any". */
export const isRestricted = (field: CronField): boolean => field.text !== "*" && field.text !== "?";

/** Numbers and lists of numbers; H is a number that the seed chose. */
const isFixed = (field: CronField): boolean =>
  itemsOf(field).every((item) => /^(\d+|H(\(\d+-\d+\))?)$/.test(item));

const itemsOf = (field: CronField): string[] => field.text.split(",");

const fault = (message: string): Rejection => badInput("expression", message);

function notAllowed(item: string, field: CronField): Rejection {
  return fault(
    `${field.label} cannot be "${item}"; allowed are ${BOUNDS[field.name].allowed}, with * , - and /`,
  );
}

/** `?` means "no particular day", so it says nothing about anything else. */
function checkQuestionMarks(fields: CronFields): void {
  const days = [fields["day of month"], fields["day of week"]];
  for (const field of Object.values(fields)) {
    if (field.text.includes("?") && !(field.text === "?" && days.includes(field))) {
      throw fault(
        `${field.label} cannot hold "?"; it may stand alone for the day of month or the day of week`,
      );
    }
  }
  const [dates, weekdays] = days;
  if (!dates || !weekdays || dates.dialect === "UNIX") return;
  if (dates.text === "?" && weekdays.text === "?") {
    throw fault(`${dates.label} and ${weekdays.label} cannot both be "?"; write * in one of them`);
  }
  if (isRestricted(dates) && isRestricted(weekdays)) {
    throw fault(
      `${dates.label} and ${weekdays.label} are both set; in a QUARTZ expression one of them must be "?"`,
    );
  }
}

/** The days of a field, those that move with the month apart; null when any day will do. */
function readDays<Moving>(
  field: CronField,
  hashSeed: string,
  readMoving: (item: string, field: CronField) => Moving | null,
): { days: number[]; moving: Moving[] } | null {
  if (!isRestricted(field)) return null;
  const days: number[] = [];
  const moving: Moving[] = [];
  for (const item of itemsOf(field)) {
    const special = readMoving(item, field);
    if (special === null) days.push(...readItem(item, field, hashSeed));
    else moving.push(special);
  }
  return { days, moving };
}

function readMovingDate(item: string, field: CronField): MovingDate | null {
  const [match, fromEnd, day, weekday] = /^(?:L(?:-(\d+))?|(\d+))(W)?$/.exec(item) ?? [];
  if (match === undefined || (day !== undefined && weekday === undefined)) return null;
  if (Number(fromEnd ?? 0) > 30) throw notAllowed(item, field);
  if (day !== undefined) readNumber(day, item, field);
  return {
    day: Number(day ?? fromEnd ?? 0),
    fromEnd: day === undefined,
    nearestWeekday: weekday !== undefined,
  };
}

function readMovingWeekday(item: string, field: CronField): MovingWeekday | null {
  const [, weekday, nth] = /^(\w+?)(?:#([1-5])|L)$/.exec(item) ?? [];
  if (weekday === undefined) return null;
  return { weekday: readNumber(weekday, item, field) % 7, nth: nth === undefined ? "last" : Number(nth) };
}

const ITEM = /^(?:(\*)|(H)(\(\d+-\d+\))?|(\w+)(?:-(\w+))?)(?:\/(\d+))?$/;

/** The numbers that one item of a list stands for. */
function readItem(item: string, field: CronField, hashSeed: string): number[] {
  const { min, max } = BOUNDS[field.name];
  const [match, star, hash, hashRange, first, last, step] = ITEM.exec(item) ?? [];
  if (match === undefined || step?.match(/^0+$/)) throw notAllowed(item, field);
  if (hash !== undefined)
    return readHash(item, hashRange !== undefined || step !== undefined, field, hashSeed);
  const from = star === undefined ? readNumber(first ?? "", item, field) : min;
  const open = star !== undefined || step !== undefined ? max : from;
  const to = last === undefined ? open : readNumber(last, item, field);
  const span = max - min + 1;
  if (field.name === "year" && to < from) throw notAllowed(item, field);
  const numbers =
    field.name === "year" || to < from
      ? stepped(from, to < from ? to + span : to, Number(step ?? 1))
      : plain(`${from}-${to}/${step ?? 1}`, item, field, hashSeed);
  // Past the field's end a range goes on at its beginning: 22-2, FRI-MON, and 7 for Sunday.
  return numbers.map((number) => (number > max ? number - span : number));
}

/** What cron-parser reads. Its own messages do not say which field they mean, so ours replaces them. */
function plain(text: string, item: string, field: CronField, hashSeed: string): number[] {
  const position = FIELD_NAMES.indexOf(field.name);
  const six = FIELD_NAMES.slice(0, 6).map((_, index) => (index === position ? text : "*"));
  try {
    const { fields } = CronExpressionParser.parse(six.join(" "), {
      hashSeed,
      strict: true,
      currentDate: 0,
      tz: "UTC",
    });
    const { second, minute, hour, dayOfMonth, month, dayOfWeek } = fields;
    return [second, minute, hour, dayOfMonth, month, dayOfWeek][position]?.values.map(Number) ?? [];
  } catch {
    throw notAllowed(item, field);
  }
}

function readHash(item: string, limited: boolean, field: CronField, hashSeed: string): number[] {
  if (field.dialect === "QUARTZ" || field.name === "year") throw notAllowed(item, field);
  // Not every month has a 29th, and Sunday has two numbers: a bare H must neither miss months nor prefer Sunday.
  const fair: Partial<Record<FieldName, string>> = { "day of month": "H(1-28)", "day of week": "H(0-6)" };
  return plain(limited ? item : (fair[field.name] ?? item), item, field, hashSeed);
}

/** A number or name as written to UNIX numbering; Sunday may be 7. */
function readNumber(text: string, item: string, field: CronField): number {
  const { min, max, names } = BOUNDS[field.name];
  const weekday = field.name === "day of week";
  // Quartz reads a bare L as the last day of its week.
  const name = names.indexOf(weekday && item === "L" && field.dialect === "QUARTZ" ? "SAT" : text);
  if (name >= 0) return name + min;
  const written = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  const number = weekday && field.dialect === "QUARTZ" ? written - 1 : written;
  const highest = weekday && field.dialect === "UNIX" ? 7 : max;
  if (number >= min && number <= highest) return number;
  throw notAllowed(item, field);
}

function stepped(from: number, to: number, step: number): number[] {
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step);
}

function ascending(numbers: readonly number[]): Numbers {
  const [first, ...rest] = [...new Set(numbers)].sort((a, b) => a - b);
  if (first === undefined) throw new Error("a cron field stands for no number");
  return [first, ...rest];
}
