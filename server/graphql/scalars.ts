/** Scalars: read strictly, written in one form. What they refuse is a BAD_INPUT with a reason. */
import { Kind, type ValueNode } from "graphql";
import { formatDuration, parseDuration } from "../core/duration.ts";
import { badInput } from "../core/rejection.ts";
import { builder } from "./builder.ts";
import { JsonText } from "./json.ts";

const RFC_3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;

/** Epoch milliseconds; finer parts are cut off. Throws BAD_INPUT for anything but an RFC 3339 time with its offset. */
function parseInstant(text: string): number {
  const at = instantIn(text);
  if (at !== null) return at;
  throw badInput(
    "DateTime",
    `"${text.slice(0, 40)}" is not an RFC 3339 time such as 2030-01-31T08:00:00.000Z`,
  );
}

function instantIn(text: string): number | null {
  const parts = RFC_3339.exec(text);
  if (!parts) return null;
  const [
    ,
    year,
    month,
    day,
    hour,
    minute,
    second,
    fraction = "",
    sign,
    offsetHour = "0",
    offsetMinute = "0",
  ] = parts;
  const milliseconds = fraction.slice(0, 3).padEnd(3, "0");
  const at = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${milliseconds}Z`);
  // Date.parse carries 31 February over to March, and takes 24:00.
  if (Number.isNaN(at) || new Date(at).getUTCDate() !== Number(day) || hour === "24") return null;
  if (Number(offsetHour) > 23 || Number(offsetMinute) > 59) return null;
  const offsetMs = (Number(offsetHour) * 60 + Number(offsetMinute)) * 60_000;
  return sign === "-" ? at + offsetMs : at - offsetMs;
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function parseBase64(text: string): Buffer {
  if (!BASE64.test(text)) throw badInput("Base64", "is not base64 with its padding (RFC 4648, section 4)");
  return Buffer.from(text, "base64");
}

/** A scalar that travels as a string. */
function fromText<Value>(name: string, parse: (text: string) => Value) {
  const parseValue = (value: unknown): Value => {
    if (typeof value === "string") return parse(value);
    throw badInput(name, "must be a string");
  };
  const parseLiteral = (node: ValueNode): Value => {
    if (node.kind === Kind.STRING) return parse(node.value);
    throw badInput(name, "must be a string");
  };
  return { parseValue, parseLiteral };
}

builder.scalarType("DateTime", {
  description: "An instant: RFC 3339 with its offset; given back in UTC with milliseconds.",
  ...fromText("DateTime", parseInstant),
  serialize: (value) => new Date(value).toISOString(),
});

builder.scalarType("Duration", {
  description: "An ISO 8601 duration such as PT10S.",
  ...fromText("Duration", (text) => {
    parseDuration(text);
    return text;
  }),
  // Default values in the schema are printed from what a caller would write.
  serialize: (value: number | string) => (typeof value === "string" ? value : formatDuration(value)),
});

builder.scalarType("Base64", {
  description: "Bytes in base64.",
  ...fromText("Base64", parseBase64),
  serialize: (bytes) => bytes.toString("base64"),
});

builder.scalarType("JSON", {
  description: "Any JSON value.",
  parseValue: (value) => new JsonText(JSON.stringify(value)),
  parseLiteral: (node, variables) => new JsonText(literalText(node, variables ?? {})),
  serialize: (text) => JSON.parse(text),
});

/** Numbers keep all their digits. */
function literalText(node: ValueNode, variables: Record<string, unknown>): string {
  switch (node.kind) {
    case Kind.INT:
    case Kind.FLOAT:
      return node.value;
    case Kind.STRING:
    case Kind.BOOLEAN:
      return JSON.stringify(node.value);
    case Kind.NULL:
      return "null";
    case Kind.LIST:
      return `[${node.values.map((value) => literalText(value, variables)).join(",")}]`;
    case Kind.OBJECT:
      return `{${node.fields.map(({ name, value }) => `${JSON.stringify(name.value)}:${literalText(value, variables)}`).join(",")}}`;
    case Kind.VARIABLE: {
      const value = variables[node.name.value];
      return value instanceof JsonText ? value.text : JSON.stringify(value ?? null);
    }
    case Kind.ENUM:
      throw badInput("JSON", `${node.value} is not a JSON value; write "${node.value}"`);
  }
}
