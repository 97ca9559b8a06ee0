/**
 * A task type as one object: its name, what it takes, what it gives, and the handler that does the work. What it says
 * of itself reaches the control plane, which draws a form from it. README.md shows how to write one.
 */
import type { Static } from "typebox";
import type { Context, Handler } from "./attempt.ts";
import { inputCheck } from "./input-check.ts";
import type { TaskDescription } from "./protocol.ts";

/** A JSON Schema, 2020-12. `title`, `description`, `default`, `examples` and `format` are what a form is made from. */
export type JsonSchema = object;

/** What `defineTask` takes. */
export interface TaskDefinition<Schema extends JsonSchema = JsonSchema> {
  /** What jobs name: letters, digits and `. _ - : @ /`, up to 128. */
  type: string;
  /** For people: two or three words. */
  title: string;
  /** For people: what it does and what it needs, in a sentence or two. */
  description: string;
  /** Of an object. What does not fit fails the run for good before the handler hears of it. */
  inputSchema: Schema;
  /** What the output looks like; for people and forms, not checked. */
  outputSchema?: JsonSchema | undefined;
  /** Declared as a method, so that tasks of different inputs fit into one list. */
  handler(input: Static<Schema>, context: Context): unknown;
}

/** A handler that knows its type and its schemas: goes into a worker's `tasks`, or under another name into `handlers`. */
export interface Task {
  (input: unknown, context: Context): Promise<unknown>;
  readonly type: string;
  readonly title: string;
  readonly description: string;
  readonly inputSchema: JsonSchema;
  readonly outputSchema?: JsonSchema;
}

/** As PROTOCOL.md "Names" and "Register" have it. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.:@/-]{0,127}$/;
const TITLE_LENGTH = 200;
const DESCRIPTION_LENGTH = 4_000;
const SCHEMA_BYTES = 32 * 1024;

/**
 * Makes a task of its definition. The handler gets input that fits the schema; a run without input counts as one with
 * an empty object. Throws when the definition is not one that the control plane would take.
 */
export function defineTask<const Schema extends JsonSchema>(definition: TaskDefinition<Schema>): Task {
  const { type, title, description, inputSchema, outputSchema } = definition;
  const wrong = faultOf(definition);
  if (wrong !== undefined) throw new Error(`The task ${JSON.stringify(type)} ${wrong}.`);
  const check = inputCheck(inputSchema);
  const run = async (input: unknown, context: Context): Promise<unknown> => {
    const given = input ?? {};
    check(given);
    return definition.handler(given as Static<Schema>, context);
  };
  return Object.assign(run, {
    type,
    title,
    description,
    inputSchema,
    ...(outputSchema === undefined ? {} : { outputSchema }),
  });
}

/** What a worker tells the control plane of this handler, under the name it has there; nothing of a plain function. */
export function descriptionOf(type: string, handler: Handler): TaskDescription | undefined {
  if (!("inputSchema" in handler)) return undefined;
  const { title, description, inputSchema, outputSchema } = handler as Handler & Task;
  const described = { type, title, description, inputSchema, ...(outputSchema && { outputSchema }) };
  return described as TaskDescription;
}

function faultOf({
  type,
  title,
  description,
  inputSchema,
  outputSchema,
}: TaskDefinition): string | undefined {
  if (!NAME.test(type)) return "needs a type of letters, digits and . _ - : @ /";
  if (title === "" || title.length > TITLE_LENGTH) return `needs a title of 1 to ${TITLE_LENGTH} characters`;
  if (description.length > DESCRIPTION_LENGTH)
    return `has a description of more than ${DESCRIPTION_LENGTH} characters`;
  if (Reflect.get(inputSchema, "type") !== "object") return 'needs an inputSchema of type "object"';
  for (const [name, schema] of Object.entries({ inputSchema, outputSchema })) {
    if (schema !== undefined && Buffer.byteLength(JSON.stringify(schema)) > SCHEMA_BYTES)
      return `has an ${name} of more than ${SCHEMA_BYTES} bytes`;
  }
  return undefined;
}
