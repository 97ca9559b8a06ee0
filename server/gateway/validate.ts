/**
 * Checks requests against the protocol's schemas, converts nothing in bodies, and says which member is wrong in
 * words. Numbers in a query are text on the wire, so there the plain decimal forms are read as numbers.
 */
import type { FastifySchemaCompiler } from "fastify";
import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { badInput, type Rejection } from "../core/rejection.ts";

interface SchemaError {
  keyword: string;
  instancePath: string;
  params: object;
  message: string;
}

/** For Fastify: throws nothing, answers with a Rejection that names the field. */
export const validatorCompiler: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const validator = Compile(schema);
  const read =
    httpPart === "querystring" ? (value: unknown) => withNumbers(schema, value) : (value: unknown) => value;
  return (given: unknown) => {
    const value = read(given);
    if (validator.Check(value)) return { value };
    return { error: explain(validator.Errors(value) as SchemaError[]) };
  };
};

const DECIMAL = /^-?\d+(\.\d+)?$/;

function withNumbers(schema: TSchema, query: unknown): unknown {
  const { properties = {} } = schema as { properties?: Record<string, { type?: string }> };
  return Object.fromEntries(
    Object.entries(query as Record<string, unknown>).map(([name, text]) => {
      const type = Object.hasOwn(properties, name) ? properties[name]?.type : undefined;
      const isNumber = type === "number" || type === "integer";
      return [name, isNumber && typeof text === "string" && DECIMAL.test(text) ? Number(text) : text];
    }),
  );
}

/** The first thing that is wrong; what the schema library says of it besides would only repeat it. */
export function explain(errors: SchemaError[]): Rejection {
  const error = errors.find(({ keyword }) => keyword !== "boolean") ?? errors[0];
  if (!error) return badInput("body", "is not what this call expects");
  const path = fieldPath(error.instancePath);
  const params = error.params as Record<string, unknown>;
  const inside = (names: unknown): string => {
    const name = (names as string[])[0] ?? "";
    return path === "" ? name : `${path}.${name}`;
  };
  switch (error.keyword) {
    case "required":
      return badInput(inside(params.requiredProperties), "is missing");
    case "additionalProperties":
      return badInput(
        inside(params.additionalProperties),
        "is not a member that this call knows; check its spelling",
      );
    case "type":
      return badInput(path || "body", `must be ${article(String(params.type))}`);
    case "enum":
      return badInput(path, `must be one of ${(params.allowedValues as unknown[]).join(", ")}`);
    case "format":
      return badInput(path, "must be a date and time such as 2026-01-31T09:30:00Z");
    default:
      return badInput(path || "body", error.message);
  }
}

/** `/runs/3/priority` as a caller would write it: `runs[3].priority`. */
function fieldPath(pointer: string): string {
  return pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce(
      (path, part) => (/^\d+$/.test(part) ? `${path}[${part}]` : path === "" ? part : `${path}.${part}`),
      "",
    );
}

function article(type: string): string {
  if (type === "integer") return "a whole number";
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}
