/** Checks a task's input against its JSON Schema, and says in words which member is at fault. */
import { Compile } from "typebox/schema";
import { DoNotRetry } from "./errors.ts";

/** Of texts that reach a program's arguments or environment, where a NUL would end them early. */
export const NO_NUL = "^[^\\u0000]*$";

interface Fault {
  keyword: string;
  schemaPath: string;
  instancePath: string;
  params: object;
  message: string;
}

type Schema = Readonly<Record<string, unknown>>;

/** The check for inputs of this schema; it throws a DoNotRetry: the next attempt has the same input. */
export function inputCheck(schema: object): (input: unknown) => void {
  const validator = Compile(schema);
  return (input) => {
    if (!validator.Check(input)) throw new DoNotRetry(explain(schema, validator.Errors(input)[1]));
  };
}

/** One sentence about the fault that is deepest in the input: of a choice, that is the form which was meant. */
function explain(schema: object, faults: Fault[]): string {
  const telling = faults.filter(({ keyword }) => !["boolean", "anyOf", "oneOf"].includes(keyword));
  const choice = choiceOf(faults, telling);
  if (choice !== undefined) return choice;
  const depth = Math.max(...telling.map(depthOf));
  const deepest = telling.filter((fault) => depthOf(fault) === depth);
  const first =
    deepest.find((fault) => isStray(fault, deepest)) ??
    deepest.find(({ keyword }) => !["type", "additionalProperties"].includes(keyword)) ??
    deepest.find(({ keyword }) => keyword === "type") ??
    deepest[0];
  if (first === undefined) return "The input does not fit the schema of its task type.";
  if (first.keyword !== "type") return sentence(first, schemaAt(schema, first.schemaPath));
  const types = deepest.filter(
    ({ keyword, instancePath }) => keyword === "type" && instancePath === first.instancePath,
  );
  const kinds = [...new Set(types.flatMap(({ params }) => kindsOf(params)))];
  return `${memberName(first)} must be ${kinds.join(" or ")}.`;
}

/** A member that nobody knows, such as a misspelled one; one that is known and wrong has a fault of its own. */
function isStray({ keyword, instancePath, params }: Fault, others: Fault[]): boolean {
  if (keyword !== "additionalProperties") return false;
  const [member] = (params as { additionalProperties: string[] }).additionalProperties;
  return !others.some((other) => other.instancePath === `${instancePath}/${member}`);
}

/** Members of which exactly one, or at least one, has to be there. */
function choiceOf(faults: Fault[], telling: Fault[]): string | undefined {
  const fault = faults.find(({ keyword }) => keyword === "oneOf" || keyword === "anyOf");
  if (fault === undefined) return undefined;
  const within = telling.filter(({ schemaPath }) =>
    schemaPath.startsWith(`${fault.schemaPath}/${fault.keyword}/`),
  );
  if (telling.length === 0) return `${memberName(fault)} takes only one of the forms that it may have.`;
  const isAbsence = (one: Fault) => one.keyword === "required" && one.instancePath === fault.instancePath;
  if (within.length < telling.length || !within.every(isAbsence)) return undefined;
  const names = within.flatMap(
    ({ params }) => (params as { requiredProperties: string[] }).requiredProperties,
  );
  return `${memberName(fault)} must hold one of ${names.join(", ")}.`;
}

function sentence(fault: Fault, schema: Schema): string {
  const params = fault.params as Record<string, unknown>;
  const name = memberName(fault);
  switch (fault.keyword) {
    case "required":
      return `${pathOf(fault)}.${(params.requiredProperties as string[])[0]} is missing.`;
    case "additionalProperties": {
      const known = Object.keys(schema.properties ?? {});
      const [unknown] = params.additionalProperties as string[];
      return `${name} has no member "${unknown}"; it knows ${known.join(", ")}.`;
    }
    case "enum":
      return `${name} must be one of ${(params.allowedValues as unknown[]).join(", ")}.`;
    case "minimum":
    case "maximum":
      return `${name} must be a number ${range(schema)}.`;
    case "format":
      return `${name} must be a ${params.format} such as ${example(schema)}.`;
    case "pattern":
      return schema.pattern === NO_NUL
        ? `${name} must not contain a NUL character.`
        : `${name} must look like ${example(schema)}.`;
    default:
      return `${name} ${fault.message}.`;
  }
}

function range({ minimum, maximum }: Schema): string {
  if (minimum === undefined) return `up to ${maximum}`;
  return maximum === undefined ? `from ${minimum} on` : `from ${minimum} to ${maximum}`;
}

function example({ examples, pattern }: Schema): string {
  const [first] = Array.isArray(examples) ? examples : [];
  return first === undefined ? `/${pattern}/` : String(first);
}

/** A fault about a member that is not there, or should not be, is as deep as that member. */
function depthOf({ keyword, instancePath }: Fault): number {
  const own = instancePath.split("/").length;
  return keyword === "required" || keyword === "additionalProperties" ? own + 1 : own;
}

function memberName(fault: Fault): string {
  return fault.instancePath === "" ? "The input" : pathOf(fault);
}

/** `/command/args/0` as an author would write it: `input.command.args[0]`. */
function pathOf({ instancePath }: Fault): string {
  return partsOf(instancePath).reduce(
    (path, part) => (/^\d+$/.test(part) ? `${path}[${part}]` : `${path}.${part}`),
    "input",
  );
}

function schemaAt(schema: object, pointer: string): Schema {
  let at: unknown = schema;
  for (const part of partsOf(pointer)) at = Reflect.get(Object(at), part);
  return typeof at === "object" && at !== null ? (at as Schema) : {};
}

function partsOf(pointer: string): string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function kindsOf({ type }: { type?: unknown }): string[] {
  return [type].flat().map((kind) => {
    if (kind === "integer") return "a whole number";
    if (kind === "array") return "a list";
    return /^[aeiou]/.test(String(kind)) ? `an ${kind}` : `a ${kind}`;
  });
}
