/** The statements of a call with IN, OUT and INOUT parameters, for each database. */
import { DoNotRetry } from "../../errors.ts";
import type { Dialect } from "./session.ts";
import type { Bound } from "./statement.ts";

export interface CallParam {
  /** What an OUT or INOUT parameter is called in the output. */
  name?: string;
  direction?: "IN" | "OUT" | "INOUT";
  type?: string;
  value?: unknown;
}

export interface Call {
  routine: string;
  kind: "procedure" | "function";
  params: CallParam[];
}

/** What is sent, in order; the rows of the one marked `isResult` are the OUT parameters. */
export interface CallStatement extends Bound {
  isResult: boolean;
}

/** Words that mean the same in every database, and what PostgreSQL calls them. */
const TYPES: Record<string, string> = {
  text: "text",
  integer: "integer",
  bigint: "bigint",
  number: "numeric",
  double: "double precision",
  boolean: "boolean",
  date: "date",
  time: "time",
  timestamp: "timestamp",
  json: "jsonb",
};

/** Throws a DoNotRetry when a parameter cannot be what it is said to be. */
export function statementsOf(call: Call, dialect: Dialect): CallStatement[] {
  for (const [index, param] of call.params.entries()) check(param, `input.params[${index}]`, call.kind);
  return dialect === "postgres" ? [postgresCall(call)] : mysqlCall(call);
}

function check({ name, direction = "IN", value }: CallParam, member: string, kind: Call["kind"]): void {
  if (direction !== "IN" && kind === "function")
    throw new DoNotRetry(`${member}.direction must be IN: what a function gives is its result.`);
  if (direction !== "IN" && name === undefined)
    throw new DoNotRetry(`${member}.name is missing: the output needs one.`);
  if (direction === "OUT" && value !== undefined)
    throw new DoNotRetry(`${member} must have no value: it is an OUT parameter.`);
}

/** A procedure answers with its OUT parameters in one row; those that it does not name go by their place. */
function postgresCall({ routine, kind, params }: Call): CallStatement {
  const values: unknown[] = [];
  const places = params.map(({ direction, type, value }) => {
    const cast = type === undefined ? "" : `::${TYPES[type] ?? type}`;
    if (direction === "OUT") return `null${cast}`;
    values.push(value ?? null);
    return `$${values.length}${cast}`;
  });
  const call = `${routine}(${places.join(", ")})`;
  return { text: kind === "procedure" ? `call ${call}` : `select * from ${call}`, values, isResult: true };
}

/** OUT parameters are variables of the session there. */
function mysqlCall({ routine, kind, params }: Call): CallStatement[] {
  const passed = params.filter(({ direction }) => direction !== "OUT");
  if (kind === "function") {
    const text = `select ${routine}(${params.map(() => "?").join(", ")}) as result`;
    return [{ text, values: passed.map(boundOf), isResult: true }];
  }
  const variable = (index: number) => `@escapement_${index}`;
  const places = params.map(({ direction = "IN" }, index) => (direction === "IN" ? "?" : variable(index)));
  const ins = params.filter(({ direction = "IN" }) => direction === "IN");
  const settings = params.flatMap((param, index) =>
    param.direction === "INOUT"
      ? [{ text: `set ${variable(index)} = ?`, values: [boundOf(param)], isResult: false }]
      : [],
  );
  const outs = params.flatMap(({ name = "", direction = "IN" }, index) =>
    direction === "IN" ? [] : [`${variable(index)} as \`${name}\``],
  );
  const call = {
    text: `call ${routine}(${places.join(", ")})`,
    values: ins.map(boundOf),
    isResult: outs.length === 0,
  };
  const reading = { text: `select ${outs.join(", ")}`, values: [], isResult: true };
  return [...settings, call, ...(outs.length === 0 ? [] : [reading])];
}

function boundOf({ value }: CallParam): unknown {
  return value ?? null;
}

/** MySQL's variables forget what they were: the type that the input names says how to read them. */
export function typed(value: unknown, type: string | undefined): unknown {
  if (value === null || typeof value === "object") return value;
  switch (type) {
    case "integer":
    case "double":
      return Number(value);
    case "boolean":
      return value === true || value === 1 || value === "1";
    case "json":
      return typeof value === "string" ? JSON.parse(value) : value;
    default:
      return value;
  }
}
