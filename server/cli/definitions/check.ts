/** Whether a value fits an input type of the schema; and the value as the server takes it, its enums in capitals. */
import {
  type GraphQLInputObjectType,
  type GraphQLInputType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isRequiredInputField,
} from "graphql";
import { closestMatch } from "leven";
import { parseDuration } from "../../core/duration.ts";
import { Rejection } from "../../core/rejection.ts";
import type { Path } from "./documents.ts";

/** Hears of each fault; `ofKey` when it is the key that is wrong, and not its value. */
export type Report = (path: Path, message: string, ofKey?: boolean) => void;

/** Null members are as good as absent and are left out. What is wrong is reported, and then the result is of no use. */
export function checkObject(
  type: GraphQLInputObjectType,
  value: unknown,
  path: Path,
  report: Report,
): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    report(path, `must be an object with fields of ${type.name}, not ${kindOfValue(value)}`);
    return {};
  }
  const fields = type.getFields();
  const given = Object.entries(value).filter(([, member]) => member != null);
  const checked: Record<string, unknown> = {};
  for (const [name, member] of given) {
    const field = fields[name];
    if (field === undefined)
      report([...path, name], `is no field of ${type.name}${meant(name, Object.keys(fields))}`, true);
    else checked[name] = checkValue(field.type, member, [...path, name], report);
  }
  for (const field of Object.values(fields)) {
    if (isRequiredInputField(field) && (value as Record<string, unknown>)[field.name] == null)
      report([...path, field.name], "is missing");
  }
  if (type.isOneOf && given.length !== 1)
    report(path, `must have exactly one of ${Object.keys(fields).join(", ")}, and has ${given.length}`);
  return checked;
}

function checkValue(type: GraphQLInputType, value: unknown, path: Path, report: Report): unknown {
  if (isNonNullType(type)) return checkValue(type.ofType, value, path, report);
  if (isListType(type)) {
    const items: unknown[] = Array.isArray(value) ? value : [value];
    return items.map((item, index) => {
      const at = Array.isArray(value) ? [...path, index] : path;
      if (item == null && isNonNullType(type.ofType)) report(at, "must not be null");
      return checkValue(type.ofType, item, at, report);
    });
  }
  if (isInputObjectType(type)) return checkObject(type, value, path, report);
  if (isEnumType(type))
    return checkWord(
      type.getValues().map(({ name }) => name),
      value,
      path,
      report,
    );
  const fault = faultOf(type.name, value);
  if (fault !== null) report(path, fault);
  return value;
}

function checkWord(words: string[], value: unknown, path: Path, report: Report): unknown {
  const word = typeof value === "string" ? value.toUpperCase().replaceAll("-", "_") : null;
  if (word !== null && words.includes(word)) return word;
  const shown = typeof value === "string" ? `"${value}"` : kindOfValue(value);
  report(path, `must be one of ${words.join(", ")}, and not ${shown}${meant(word ?? "", words)}`);
  return value;
}

/** What is wrong with a value of a scalar type; of types that are not known here, the server says it. */
function faultOf(type: string, value: unknown): string | null {
  switch (type) {
    case "String":
    case "DateTime":
    case "Base64":
      return typeof value === "string" ? null : `must be text, not ${kindOfValue(value)}${inQuotes(value)}`;
    case "Duration":
      return durationFault(value);
    case "ID":
      return typeof value === "string" || Number.isInteger(value)
        ? null
        : `must be an id, not ${kindOfValue(value)}`;
    case "Int":
      return Number.isInteger(value) ? null : `must be a whole number, not ${kindOfValue(value)}`;
    case "Float":
      return typeof value === "number" ? null : `must be a number, not ${kindOfValue(value)}`;
    case "Boolean":
      return typeof value === "boolean" ? null : `must be true or false, not ${kindOfValue(value)}`;
    default:
      return null;
  }
}

function durationFault(value: unknown): string | null {
  if (typeof value !== "string") return `must be a duration such as PT5M, not ${kindOfValue(value)}`;
  try {
    parseDuration(value);
    return null;
  } catch (error) {
    if (error instanceof Rejection) return error.message;
    throw error;
  }
}

function kindOfValue(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  return typeof value === "string" ? `the text "${value.slice(0, 40)}"` : `${typeof value} ${String(value)}`;
}

const inQuotes = (value: unknown): string =>
  typeof value === "number" || typeof value === "boolean" ? ": put it in quotes" : "";

/** Two letters that changed places are two edits; in a short word that would make it another one. */
const SHORT = 3;

/** Says which word was probably meant. */
export function meant(word: string, known: string[]): string {
  const maxDistance = word.length <= SHORT ? 1 : Math.max(2, Math.floor(word.length / 3));
  const match = closestMatch(word, known, { maxDistance });
  return match === undefined ? "" : `; did you mean ${match}?`;
}
