/**
 * Expressions in CEL over `params`, `nodes`, `states` and `run`. They read nothing else, change nothing, and end within
 * some ten milliseconds.
 */
import { type CelError, type CelValue, isCelError } from "@bufbuild/cel";
import { asRejection, short } from "../params/fault.ts";
import { Allowance, jsonBytes } from "../params/json-tree.ts";
import type { Scope } from "../params/scope.ts";
import { badInput } from "../rejection.ts";
import { withinBudget } from "./budget.ts";
import type { ExpressionReferences } from "./check.ts";
import { type Program, programOf } from "./program.ts";
import { bindings, describe, toJson } from "./values.ts";

/** Reads an expression without evaluating it. Throws BAD_INPUT with the character at fault. */
export function checkExpression(text: string, field: string): ExpressionReferences {
  return read(text, field).references;
}

/**
 * The value of an expression as JSON: timestamps are RFC 3339, durations ISO 8601, bytes Base64. Throws BAD_INPUT that says
 * what went wrong and where, LIMIT_EXCEEDED when it takes too many steps or its value is larger than an input may be.
 */
export function evaluateExpression(text: string, scope: Scope, field = "expression"): unknown {
  const value = toJson(evaluate(text, scope, field), field, new Allowance(field));
  new Allowance(field).spend(jsonBytes(value));
  return value;
}

/** The same for one that is true or false. Throws BAD_INPUT that says what it is when it is neither. */
export function evaluateCondition(text: string, scope: Scope, field = "condition"): boolean {
  const value = evaluate(text, scope, field);
  if (typeof value === "boolean") return value;
  throw badInput(field, `is ${describe(value)}, and must be true or false`);
}

function read(text: string, field: string): Program {
  try {
    return programOf(text);
  } catch (error) {
    throw asRejection(error, field);
  }
}

function evaluate(text: string, scope: Scope, field: string): CelValue {
  const program = read(text, field);
  const variables = bindings(scope, program.variables, program.references, field);
  const result = withinBudget(field, () => program.run(variables));
  if (isCelError(result)) throw badInput(field, complaint(result, program));
  return result;
}

function complaint(error: CelError, { positions }: Program): string {
  const position = error.exprId === undefined ? undefined : positions[error.exprId.toString()];
  const place = position === undefined ? "" : `at character ${position + 1}: `;
  const [, name, types] =
    /^found no matching overload for '(.+)' applied to '(.*)'$/s.exec(error.message) ?? [];
  if (name === undefined) return place + short(error.message, 200);
  const operator = name.replaceAll("_", "").replace("@", "");
  const advice = types?.includes("double") ? "; numbers of JSON are doubles" : "";
  return `${place}${operator} cannot be applied to ${types}${advice}`;
}
