/** Patterns of dates and times as in Java's SimpleDateFormat, as far as DolphinScheduler's documentation uses them. */
import { Fault, short } from "./fault.ts";

/** A part of a pattern: text as it is, or what writes a field of a wall-clock time. */
export type PatternPart = string | ((local: Date) => string);

const digits = (count: number, of: (local: Date) => number) => (local: Date) =>
  String(of(local)).padStart(count, "0");

/** The date's UTC fields are the wall clock's: it is made of a local time. */
const FIELDS: ReadonlyMap<string, (local: Date) => string> = new Map([
  ["yyyy", digits(4, (local) => local.getUTCFullYear())],
  ["yy", digits(2, (local) => local.getUTCFullYear() % 100)],
  ["MM", digits(2, (local) => local.getUTCMonth() + 1)],
  ["M", digits(1, (local) => local.getUTCMonth() + 1)],
  ["dd", digits(2, (local) => local.getUTCDate())],
  ["d", digits(1, (local) => local.getUTCDate())],
  ["HH", digits(2, (local) => local.getUTCHours())],
  ["H", digits(1, (local) => local.getUTCHours())],
  ["mm", digits(2, (local) => local.getUTCMinutes())],
  ["ss", digits(2, (local) => local.getUTCSeconds())],
  ["SSS", digits(3, (local) => local.getUTCMilliseconds())],
]);

/** Letters that Java knows for something else than what their writer means, or not at all. */
const MEANT: ReadonlyMap<string, string> = new Map([
  ["Y", "in Java it is the week's year; write yyyy"],
  ["D", "in Java it is the day of the year; write dd"],
  ["h", "in Java it is the hour of half a day; write HH"],
  ["m", "minutes are mm, months MM"],
  ["s", "seconds are ss"],
  ["S", "milliseconds are SSS"],
  ["N", "put a number for N"],
]);

/**
 * Reads the pattern from `start` to `end`; letters stand for fields, or between quotes for themselves, and whatever is
 * no letter stands for itself. Throws a Fault at a letter that is no field.
 */
export function parsePattern(text: string, start: number, end: number): PatternPart[] {
  const parts: PatternPart[] = [];
  for (let index = start; index < end; ) {
    const char = text.charAt(index);
    if (char === "'") {
      const [literal, next] = quoted(text, index, end);
      parts.push(literal);
      index = next;
    } else if (/[A-Za-z]/.test(char)) {
      let next = index + 1;
      while (next < end && text.charAt(next) === char) next++;
      const run = text.slice(index, next);
      const field = FIELDS.get(run);
      if (field === undefined) throw unknownField(run, index);
      parts.push(field);
      index = next;
    } else {
      parts.push(char);
      index++;
    }
  }
  return parts;
}

/** `local` is milliseconds of a wall clock. */
export function formatPattern(parts: readonly PatternPart[], local: number): string {
  const date = new Date(local);
  return parts.map((part) => (typeof part === "string" ? part : part(date))).join("");
}

/** Where the text between quotes ends that begins at `index`; the index after its last quote. */
export function quoteEnd(text: string, index: number, end: number): number {
  for (let at = index + 1; at < end; at++) {
    if (text.charAt(at) !== "'") continue;
    if (text.charAt(at + 1) !== "'" || at + 1 >= end) return at + 1;
    at++;
  }
  throw new Fault("the quote is not closed", index);
}

/** Two quotes are one quote, within quotes and without. */
function quoted(text: string, index: number, end: number): [literal: string, next: number] {
  if (index + 1 < end && text.charAt(index + 1) === "'") return ["'", index + 2];
  const next = quoteEnd(text, index, end);
  return [text.slice(index + 1, next - 1).replaceAll("''", "'"), next];
}

function unknownField(run: string, index: number): Fault {
  const advice =
    MEANT.get(run.charAt(0)) ?? `there are ${[...FIELDS.keys()].join(" ")}, and text between quotes`;
  return new Fault(`"${short(run)}" is no field of a time: ${advice}`, index);
}
