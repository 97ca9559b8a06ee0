/**
 * A cron expression taken apart into fields and items that know where they stand, so that a refusal can point at the
 * fault: the field by name and number, the item by its place in the list, the character as the expression was written.
 */
import { badInput, type Rejection } from "../rejection.ts";
import { LAST_YEAR } from "./limits.ts";

/** UNIX: 5 fields, or 6 with seconds first, 0 and 7 = Sunday. QUARTZ: 6 fields, or 7 with years last, 1 = Sunday. */
export type Dialect = "UNIX" | "QUARTZ";

export const FIELD_NAMES = [
  "second",
  "minute",
  "hour",
  "day of month",
  "month",
  "day of week",
  "year",
] as const;
export type FieldName = (typeof FIELD_NAMES)[number];

/** One field of an expression, or what its absence means. */
export interface CronField {
  name: FieldName;
  /** In capitals. */
  text: string;
  /** As it was written, as long as `text`. */
  written: string;
  /** How an error message calls it: `day of month (field 3)`. */
  label: string;
  /** The place of its first character in the expression, from 1 on. */
  character: number;
  dialect: Dialect;
}
export type CronFields = Record<FieldName, CronField>;

/** One item of a field's list. */
export interface CronItem {
  text: string;
  written: string;
  character: number;
  /** `item 2 of 3, at `; empty when it is the only one. */
  place: string;
}

const FIRST_YEAR = 1970;
export const BOUNDS: Record<FieldName, { min: number; max: number; names: readonly string[] }> = {
  second: { min: 0, max: 59, names: [] },
  minute: { min: 0, max: 59, names: [] },
  hour: { min: 0, max: 23, names: [] },
  "day of month": { min: 1, max: 31, names: [] },
  month: {
    min: 1,
    max: 12,
    names: ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
  },
  "day of week": { min: 0, max: 6, names: ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"] },
  year: { min: FIRST_YEAR, max: LAST_YEAR, names: [] },
};

/** The numbers that may be written, which for weekdays are not those that `BOUNDS` counts in. */
export function numbersOf({ name, dialect }: CronField): { lowest: number; highest: number } {
  if (name === "day of week")
    return dialect === "QUARTZ" ? { lowest: 1, highest: 7 } : { lowest: 0, highest: 7 };
  return { lowest: BOUNDS[name].min, highest: BOUNDS[name].max };
}

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

/** Names the fields of an expression. Throws BAD_INPUT when their number is wrong. */
export function splitCron(expression: string, dialect: Dialect): CronFields {
  if (expression.length > MAX_LENGTH) {
    throw fault(`is ${expression.length} characters long; at most ${MAX_LENGTH} are allowed`);
  }
  const name = expression.trim().toUpperCase();
  if (name === "") throw fault("is empty; every day at 03:00 would be 0 3 * * *");
  if (name.startsWith("@") && (dialect === "QUARTZ" || !NICKNAMES[name])) {
    const known = Object.keys(NICKNAMES).join(", ").toLowerCase();
    throw fault(`"${expression}" is not known; the UNIX dialect has ${known}`);
  }
  const parts = [...(NICKNAMES[name] ?? expression).matchAll(/\S+/g)];
  if (!FIELD_COUNTS[dialect].includes(parts.length)) throw wrongCount(parts, dialect);
  const skipped = parts.length === 5 ? 1 : 0;
  const field = (fieldName: FieldName, absent = "*"): CronField => {
    const index = FIELD_NAMES.indexOf(fieldName) - skipped;
    const written = parts[index]?.[0] ?? absent;
    return {
      name: fieldName,
      text: capitals(written),
      written,
      label: `${fieldName} (field ${index + 1})`,
      character: (parts[index]?.index ?? 0) + 1,
      dialect,
    };
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

const FIELD_COUNTS: Record<Dialect, readonly number[]> = { UNIX: [5, 6], QUARTZ: [6, 7] };

/** Of the letters that mean something; others could change their number, and so the places of all that follow. */
const capitals = (written: string): string => written.replace(/[a-z]/g, (letter) => letter.toUpperCase());

function wrongCount(parts: readonly RegExpMatchArray[], dialect: Dialect): Rejection {
  const [fewest = 0, most = 0] = FIELD_COUNTS[dialect];
  const names = FIELD_NAMES.slice(fewest === 5 ? 1 : 0, 6).join(", ");
  const more = dialect === "UNIX" ? "6 with the second first" : "7 with the year last";
  const count = parts.length === 1 ? "1 field" : `${parts.length} fields`;
  const allowed = `a ${dialect} expression has ${fewest} (${names}) or ${more}`;
  if (dialect === "UNIX" && parts.length === 7) {
    return fault(`has ${count}; ${allowed}; years are of the QUARTZ dialect`);
  }
  if (dialect === "QUARTZ" && parts.length === 5) {
    return fault(`has ${count}; ${allowed}; 5 are of the UNIX dialect`);
  }
  const surplus = parts[most];
  if (!surplus) return fault(`has ${count}; ${allowed}`);
  const character = (surplus.index ?? 0) + 1;
  return fault(`has ${count}; ${allowed}; "${short(surplus[0])}", at character ${character}, is too many`);
}

/** A field that says more than "any". */
export const isRestricted = (field: CronField): boolean => field.text !== "*" && field.text !== "?";

/** The items of a field's list, each with its place. */
export function itemsOf(field: CronField): CronItem[] {
  const texts = field.text.split(",");
  let start = 0;
  return texts.map((text, index) => {
    const written = field.written.slice(start, start + text.length);
    const character = field.character + start;
    start += text.length + 1;
    return {
      text,
      written,
      character,
      place: texts.length > 1 ? `item ${index + 1} of ${texts.length}, at ` : "",
    };
  });
}

/** A refusal of the whole expression. */
export const fault = (message: string): Rejection => badInput("expression", message);

/** A refusal of one item: `why` says what is wrong with it, `offset` where in the item that begins. */
export function notAllowed(field: CronField, item: CronItem, why: string, offset = 0): Rejection {
  const where = `${item.place}character ${item.character + offset}`;
  return fault(
    `${field.label} cannot be "${short(item.written)}" (${where}): ${why}; allowed are ${allowedIn(field)}`,
  );
}

/** `at character 5`, `at characters 5 and 9`. */
export function placesOf(fields: readonly CronField[]): string {
  const places = fields.map(({ character }) => character);
  const last = places.pop();
  return places.length === 0 ? `at character ${last}` : `at characters ${places.join(", ")} and ${last}`;
}

function allowedIn(field: CronField): string {
  const { lowest, highest } = numbersOf(field);
  const sunday = field.dialect === "QUARTZ" ? "1 = SUN" : "0 and 7 = SUN";
  const more: Partial<Record<FieldName, string>> = {
    "day of month": ", L, L-3, LW, 15W",
    month: " or JAN-DEC",
    "day of week": ` or SUN-SAT (${sunday}), FRI#3, FRIL`,
  };
  return `${lowest}-${highest}${more[field.name] ?? ""}, with * , - and /`;
}

/** A text of up to a thousand characters is not repeated in full. */
const short = (text: string): string => (text.length > 40 ? `${text.slice(0, 40)}…` : text);
