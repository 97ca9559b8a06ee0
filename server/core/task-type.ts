/** What a worker may say of a task type that it serves. */
import { badInput } from "./rejection.ts";

/** A task type as the worker protocol has it. */
export interface DescribedTask {
  type: string;
  title?: string | undefined;
  description?: string | undefined;
  inputSchema?: object | undefined;
  outputSchema?: object | undefined;
}

/** A schema that a form can be drawn from has some hundred bytes; this is room for dozens of members with their texts. */
const SCHEMA_BYTES = 32 * 1024;
/** Deeper than any form, and far from what a reader of JSON chokes on. */
const SCHEMA_DEPTH = 50;
/** A title is one line; a description may be several. */
const UNPRINTABLE_LINE = /\p{Cc}/u;
const UNPRINTABLE = /[^\P{Cc}\n\t]/u;

/** The text of a schema, or null. Throws BAD_INPUT when it is too large or too deep. */
export function schemaText(schema: object | undefined, field: string): string | null {
  if (schema === undefined) return null;
  if (depthIsAbove(schema, SCHEMA_DEPTH))
    throw badInput(field, `must not be nested more than ${SCHEMA_DEPTH} deep`);
  const text = JSON.stringify(schema);
  const bytes = Buffer.byteLength(text);
  if (bytes > SCHEMA_BYTES)
    throw badInput(field, `has ${bytes} bytes as JSON; at most ${SCHEMA_BYTES} are allowed`);
  return text;
}

/** Throws BAD_INPUT when the tasks of a worker name a type twice, or one that it does not claim, or cannot be shown. */
export function checkTasks(tasks: readonly DescribedTask[], types: readonly string[] | undefined): void {
  const seen = new Set<string>();
  for (const [at, { type, title = "", description = "" }] of tasks.entries()) {
    if (seen.has(type)) throw badInput(`tasks[${at}].type`, `"${type}" is described twice`);
    seen.add(type);
    if (types !== undefined && !types.includes(type))
      throw badInput(`tasks[${at}].type`, `"${type}" is not among the types`);
    if (UNPRINTABLE_LINE.test(title))
      throw badInput(`tasks[${at}].title`, "must not hold control characters");
    if (UNPRINTABLE.test(description))
      throw badInput(`tasks[${at}].description`, "must not hold control characters but line breaks");
  }
}

function depthIsAbove(value: unknown, limit: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return limit === 0 || Object.values(value).some((member) => depthIsAbove(member, limit - 1));
}
