/** Parameters of processes and tasks: typed, going in or coming out. */
import { listOf, unfolded } from "./json.ts";
import { text, word } from "./readers.ts";
import { type Fields, isMembers } from "./report.ts";

export interface Parameter {
  name: string;
  isOut: boolean;
  /** VARCHAR, INTEGER, LONG, FLOAT, DOUBLE, DATE, TIME, TIMESTAMP, BOOLEAN, LIST, FILE. */
  type: string;
  value: unknown;
}

/** Of a list of `{prop, direct, type, value}`, or its JSON. */
export function readParameters(value: unknown): Parameter[] {
  return listOf(value)
    .filter(isMembers)
    .filter(({ prop }) => typeof prop === "string" && prop !== "")
    .map(({ prop, direct, type, value: given }) => ({
      name: String(prop),
      isOut: direct === "OUT",
      type: typeof type === "string" ? type.toUpperCase() : "VARCHAR",
      value: given,
    }));
}

/**
 * Reports on a list of them: where each goes, and what of it is no parameter. `startOut`: what comes out has a value
 * before, too.
 */
export function sayParameters(fields: Fields, names: string | string[], to: string, startOut: boolean): void {
  for (const item of fields.each(names, to)) {
    const name = text(item, "prop", to);
    if (name === undefined) {
      item.leave("value", "of a parameter without a name");
      item.finish();
      continue;
    }
    const isOut = word(item, "direct", to, DIRECTIONS) ?? false;
    const type = word(item, "type", to, TYPES);
    if (type === "FILE")
      item.say("type", to, "files do not travel by parameters: what does is a path, as text");
    if (isOut && !startOut) item.leave("value", "what comes out has no value before");
    else item.take("value", `${to}.${name}`);
    item.finish();
  }
}

const DIRECTIONS = new Map([
  ["IN", false],
  ["OUT", true],
]);
const TYPES = new Map(
  [
    "VARCHAR",
    "INTEGER",
    "LONG",
    "FLOAT",
    "DOUBLE",
    "DATE",
    "TIME",
    "TIMESTAMP",
    "BOOLEAN",
    "LIST",
    "FILE",
  ].map((type) => [type, type]),
);

const NUMBERS = ["INTEGER", "LONG", "FLOAT", "DOUBLE"];

export const isNumber = ({ type }: Parameter): boolean => NUMBERS.includes(type);

/** The value in its type; text when it is not written as one of that type would be, and when it has references. */
export function typedValue({ type, value }: Parameter): unknown {
  if (typeof value !== "string") return value ?? "";
  const text = value.trim();
  if (NUMBERS.includes(type) && text !== "" && String(Number(text)) === text) return Number(text);
  if (type === "BOOLEAN" && /^(true|false)$/i.test(text)) return text.toLowerCase() === "true";
  if (type === "LIST") return unfolded(value);
  return value;
}
