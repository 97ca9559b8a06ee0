/** Keys out of inputs: what an expression such as `input.customer` says of a run. */
import { createHash } from "node:crypto";
import { badInput } from "./rejection.ts";

const EXPRESSION = /^input(?:\.[\w-]+)*$/;
const EXPRESSION_MAX = 200;
/** Longer values are told apart by their hash, so that a key's index stays small. */
const KEY_MAX = 200;

/** Throws BAD_INPUT unless it is `input`, or a path into it: `input.customer.id`, `input.items.0`. */
export function checkInputKey(expression: string, field: string): string {
  if (expression.length <= EXPRESSION_MAX && EXPRESSION.test(expression)) return expression;
  throw badInput(
    field,
    `must be a path into the input such as input.customer.id, of letters, digits, - and _ between dots, at most ${EXPRESSION_MAX} characters`,
  );
}

/**
 * The value at the path as text: the same for equal values, whatever the order of their members. Null when the input
 * has nothing there; `inputJson` null is an input that has nothing at all. Throws BAD_INPUT for a number that would be
 * taken for its neighbour.
 */
export function inputKey(expression: string, inputJson: string | null, field: string): string | null {
  let value: unknown = inputJson === null ? undefined : JSON.parse(inputJson);
  for (const name of expression.split(".").slice(1)) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return null;
    value = (value as Record<string, unknown>)[name];
  }
  if (value === undefined) return null;
  const text = JSON.stringify(value, (_name, part: unknown) => comparable(part, expression, field));
  return text.length <= KEY_MAX ? text : `sha256:${createHash("sha256").update(text).digest("hex")}`;
}

/**
 * The same, but throws BAD_INPUT when the input has no such value: runs that lack it are not alike, and are not to be
 * taken for each other. `how` is what runs are by it: unique, limited.
 */
export function requiredKey(
  expression: string,
  inputJson: string | null,
  field: string,
  how: string,
): string {
  const key = inputKey(expression, inputJson, field);
  if (key !== null) return key;
  throw badInput(field, `has no value at ${expression}, by which runs of this job are ${how}`);
}

function comparable(value: unknown, expression: string, field: string): unknown {
  if (typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw badInput(field, `has a number at ${expression} that is too large to be told apart; use a string`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}
