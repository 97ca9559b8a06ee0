/**
 * Cron expressions from text to sets of numbers. cron-parser reads the plain parts (numbers, ranges, steps, H); what it
 * lacks is done before it: the QUARTZ dialect, L, W and #, ranges that wrap, years, and errors that point at the fault.
 */
import { CronExpressionParser } from "cron-parser";
import {
  BOUNDS,
  type CronField,
  type CronFields,
  type CronItem,
  type Dialect,
  FIELD_NAMES,
  type FieldName,
  fault,
  isRestricted,
  itemsOf,
  notAllowed,
  numbersOf,
  placesOf,
  splitCron,
} from "./cron-fields.ts";

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

/** Numbers and lists of numbers; H is a number that the seed chose. */
const isFixed = (field: CronField): boolean =>
  itemsOf(field).every(({ text }) => /^(\d+|H(\(\d+-\d+\))?)$/.test(text));

/** `?` means "no particular day", so it says nothing about anything else. */
function checkQuestionMarks(fields: CronFields): void {
  const days = [fields["day of month"], fields["day of week"]];
  for (const field of Object.values(fields)) {
    if (field.text.includes("?") && !(field.text === "?" && days.includes(field))) {
      throw fault(
        `${field.label} cannot hold "?" (character ${field.character + field.text.indexOf("?")}); it may stand alone for the day of month or the day of week`,
      );
    }
  }
  const [dates, weekdays] = days;
  if (!dates || !weekdays || dates.dialect === "UNIX") return;
  const both = `${dates.label} "${dates.written}" and ${weekdays.label} "${weekdays.written}", ${placesOf(days)},`;
  if (dates.text === "?" && weekdays.text === "?")
    throw fault(`${both} cannot both be "?"; write * in one of them`);
  if (isRestricted(dates) && isRestricted(weekdays)) {
    throw fault(`${both} are both set; in a QUARTZ expression one of them must be "?"`);
  }
}

/** The days of a field, those that move with the month apart; null when any day will do. */
function readDays<Moving>(
  field: CronField,
  hashSeed: string,
  readMoving: (item: CronItem, field: CronField) => Moving | null,
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

function readMovingDate(item: CronItem, field: CronField): MovingDate | null {
  const [match, fromEnd, day, weekday] = /^(?:L(?:-(\d+))?|(\d+))(W)?$/.exec(item.text) ?? [];
  if (match === undefined || (day !== undefined && weekday === undefined)) return null;
  if (Number(fromEnd ?? 0) > 30) {
    throw notAllowed(
      field,
      item,
      `L-${fromEnd} is before the first day of every month; L-30 is the earliest`,
    );
  }
  if (day !== undefined) readNumber(day, item, field);
  return {
    day: Number(day ?? fromEnd ?? 0),
    fromEnd: day === undefined,
    nearestWeekday: weekday !== undefined,
  };
}

function readMovingWeekday(item: CronItem, field: CronField): MovingWeekday | null {
  const [, weekday, nth] = /^(\w+?)(?:#([1-5])|L)$/.exec(item.text) ?? [];
  if (weekday === undefined) return null;
  return { weekday: readNumber(weekday, item, field) % 7, nth: nth === undefined ? "last" : Number(nth) };
}

const ITEM = /^(?:(\*)|(H)(\(\d+-\d+\))?|(\w+)(?:-(\w+))?)(?:\/(\d+))?$/;

/** The numbers that one item of a list stands for. */
function readItem(item: CronItem, field: CronField, hashSeed: string): number[] {
  const { min, max } = BOUNDS[field.name];
  // Quartz's documentation writes /35 for */35.
  const text = field.dialect === "QUARTZ" && item.text.startsWith("/") ? `*${item.text}` : item.text;
  const [match, star, hash, hashRange, first = "", last, step] = ITEM.exec(text) ?? [];
  if (match === undefined) throw notAllowed(field, item, unreadable(item.text, field));
  const span = max - min + 1;
  const stepAt = item.text.indexOf("/") + 1;
  if (step !== undefined && Number(step) === 0) {
    throw notAllowed(field, item, "a step must be at least 1", stepAt);
  }
  // It would count as once, and every 90 minutes is what */90 is meant for.
  if (step !== undefined && Number(step) > span) {
    throw notAllowed(field, item, `a step of ${step} is past the field's ${span} numbers`, stepAt);
  }
  if (hash !== undefined)
    return readHash(item, hashRange !== undefined || step !== undefined, field, hashSeed);
  const from = star === undefined ? readNumber(first, item, field) : min;
  const open = star !== undefined || step !== undefined ? max : from;
  const to = last === undefined ? open : readNumber(last, item, field, first.length + 1);
  if (field.name === "year" && to < from) throw notAllowed(field, item, `${from} is after ${to}`);
  const numbers =
    field.name === "year" || to < from
      ? stepped(from, to < from ? to + span : to, Number(step ?? 1))
      : (plain(`${from}-${to}/${step ?? 1}`, field, hashSeed) ?? []);
  // Past the field's end a range goes on at its beginning: 22-2, FRI-MON, and 7 for Sunday.
  return numbers.map((number) => (number > max ? number - span : number));
}

/** What is wrong with an item that is no number, name, range or step. */
function unreadable(text: string, { name }: CronField): string {
  if (text === "") return "a comma has nothing before or after it";
  if (text.includes("#")) {
    return name === "day of week"
      ? "# takes one weekday before it and a number from 1 to 5 after it"
      : "# is for weekdays only";
  }
  if (text.endsWith("/")) return "a step must have a number after its /";
  if (text.startsWith("/")) return "a step must have a *, a number or a range before its /";
  if (text.startsWith("-") || text.endsWith("-")) return "a range must have a number on both sides of its -";
  return "it is not a number, a range such as 1-5, or a step such as */5 or 1-5/2";
}

/** What cron-parser reads; null when it does not. Its own messages do not say which field they mean. */
function plain(text: string, field: CronField, hashSeed: string): number[] | null {
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
    return [second, minute, hour, dayOfMonth, month, dayOfWeek][position]?.values.map(Number) ?? null;
  } catch {
    return null;
  }
}

function readHash(item: CronItem, limited: boolean, field: CronField, hashSeed: string): number[] {
  if (field.dialect === "QUARTZ") throw notAllowed(field, item, "H is of the UNIX dialect");
  // Not every month has a 29th, and Sunday has two numbers: a bare H must neither miss months nor prefer Sunday.
  const fair: Partial<Record<FieldName, string>> = { "day of month": "H(1-28)", "day of week": "H(0-6)" };
  const numbers = plain(limited ? item.text : (fair[field.name] ?? item.text), field, hashSeed);
  if (numbers !== null) return numbers;
  throw notAllowed(field, item, "the range of H must ascend within the field, as in H(0-29)");
}

/** A number or name as written to UNIX numbering; Sunday may be 7. `offset` is its place in the item. */
function readNumber(text: string, item: CronItem, field: CronField, offset = 0): number {
  const { min, names } = BOUNDS[field.name];
  const weekday = field.name === "day of week";
  // Quartz reads a bare L as the last day of its week.
  const name = names.indexOf(weekday && item.text === "L" && field.dialect === "QUARTZ" ? "SAT" : text);
  if (name >= 0) return name + min;
  const written = item.written.slice(offset, offset + text.length);
  if (!/^\d+$/.test(text)) throw notAllowed(field, item, noNumber(text, written, field), offset);
  const { lowest, highest } = numbersOf(field);
  const number = Number(text);
  if (number < lowest || number > highest) {
    throw notAllowed(field, item, `${text} is not from ${lowest} to ${highest}`, offset);
  }
  return weekday && field.dialect === "QUARTZ" ? number - 1 : number;
}

/** What is wrong with a word where a number should be. */
function noNumber(text: string, written: string, { name }: CronField): string {
  const { names } = BOUNDS[name];
  const meant = names.find((known) => text.length > 3 && text.startsWith(known));
  if (meant !== undefined) return `"${written}" is spelled ${meant}`;
  if (name === "day of week" && text === "L") return "L must follow a weekday, as in FRIL";
  if (name === "hour" && /^\d+[AP]M$/.test(text)) return "hours go from 0 to 23, without AM and PM";
  return `"${written}" is not a number${names.length > 0 ? " or a name" : ""}`;
}

function stepped(from: number, to: number, step: number): number[] {
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step);
}

function ascending(numbers: readonly number[]): Numbers {
  const [first, ...rest] = [...new Set(numbers)].sort((a, b) => a - b);
  if (first === undefined) throw new Error("a cron field stands for no number");
  return [first, ...rest];
}
