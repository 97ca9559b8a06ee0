/** Reads a task's input. Each function throws a DoNotRetry that names the member at fault: the next attempt has the same input. */
import { DoNotRetry } from "../errors.ts";

/** The members of an object that has no others. */
export function members(value: unknown, name: string, known: string[]): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new DoNotRetry(`${name} must be an object with the members ${known.join(", ")}.`);
  }
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    throw new DoNotRetry(`${name} has no member "${unknown}"; it knows ${known.join(", ")}.`);
  }
  return Object.fromEntries(Object.entries(value));
}

export function text(value: unknown, name: string): string {
  if (typeof value !== "string") throw new DoNotRetry(`${name} must be a string.`);
  if (value.includes("\0")) throw new DoNotRetry(`${name} must not contain a NUL character.`);
  return value;
}

/** An object whose values are strings. */
export function texts(value: unknown, name: string): Record<string, string> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new DoNotRetry(`${name} must be an object of strings.`);
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, text(member, `${name}.${key}`)]),
  );
}

/** A number from `min` to `max`. */
export function number(value: unknown, name: string, min: number, max: number): number {
  if (typeof value === "number" && value >= min && value <= max) return value;
  throw new DoNotRetry(`${name} must be a number from ${min} to ${max}.`);
}
