/** PROCEDURE tasks: a stored procedure with typed parameters in and out. */
import { type NodeContext, type NodeKind, problem } from "../context.ts";
import type { Parameter } from "../parameters.ts";
import { typedValue } from "../parameters.ts";
import { text } from "../readers.ts";
import type { Members } from "../report.ts";
import { referenceTo } from "../template.ts";
import { connectionOf } from "./data-source.ts";

/** `{call billing.close(${month}, ${total})}`, or just the name. */
const CALL = /^\{?\s*(?:\?\s*=\s*)?call\s+([^\s(]+)\s*(?:\(([\s\S]*)\))?\s*\}?\s*;?$/i;

const TYPES: Record<string, string> = {
  ...{ VARCHAR: "text", INTEGER: "integer", LONG: "bigint", FLOAT: "number", DOUBLE: "double" },
  ...{ DATE: "date", TIME: "time", TIMESTAMP: "timestamp", BOOLEAN: "boolean" },
};

export function procedure(context: NodeContext): NodeKind {
  const { task, locals } = context;
  const connection = connectionOf(context);
  const method = (text(task.params, "method", "input.routine") ?? "").trim();
  const [, routine = method, list] = CALL.exec(method) ?? [];
  const given =
    list === undefined ? locals.map((local) => paramOf(context, local)) : argumentsOf(context, list);
  if (!/^[\w.$"`]+$/.test(routine))
    problem(context, `calls "${method}", in which no procedure's name can be found`);
  const params = given.filter((param) => param !== null);
  return { type: "procedure", input: { connection, routine, ...(params.length === 0 ? {} : { params }) } };
}

function argumentsOf(context: NodeContext, list: string): (Members | null)[] {
  const parts = list.trim() === "" ? [] : list.split(/,(?=(?:[^']*'[^']*')*[^']*$)/);
  return parts.map((part) => {
    const trimmed = part.trim();
    const [, name] = /^['"]*\$\{([^}]*)\}['"]*$/.exec(trimmed) ?? [];
    if (name === undefined) return { value: literalOf(trimmed) };
    const local = context.locals.find((each) => each.name === name.trim());
    if (local !== undefined) return paramOf(context, local);
    const reference = referenceTo(name, context.scope);
    if (reference === null) problem(context, `gives its procedure \${${name}}, which no parameter is called`);
    return { value: reference ?? `\${${name.trim()}}` };
  });
}

function paramOf({ scope }: NodeContext, local: Parameter): Members {
  const type = TYPES[local.type];
  const value = local.isOut ? undefined : (referenceTo(local.name, scope) ?? typedValue(local));
  return {
    name: local.name.replace(/\W+/g, "_"),
    ...(local.isOut ? { direction: "OUT" } : {}),
    ...(type === undefined ? {} : { type }),
    ...(value === undefined ? {} : { value }),
  };
}

/** A literal of SQL: a number, a text in quotes, or whatever it says. */
function literalOf(text: string): unknown {
  if (/^-?\d+(\.\d+)?$/.test(text) && String(Number(text)) === text) return Number(text);
  if (/^'[\s\S]*'$/.test(text)) return text.slice(1, -1).replaceAll("''", "'");
  return /^null$/i.test(text) ? null : text;
}
