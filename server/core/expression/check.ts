/** What an expression may name and what it reads: variables, functions that exist, members of nodes by fixed keys. */
import { Fault, short } from "../params/fault.ts";
import { type NodeReference, pathText, type Step } from "../params/scope.ts";
import { type FuncGroup, findFunction } from "./environment.ts";
import type { Expr, Parsed } from "./syntax.ts";

const VARIABLES = ["params", "nodes", "states", "run"] as const;
export type Variable = (typeof VARIABLES)[number];

/** Whoever plans and evaluates goes down the tree by recursion. */
const DEPTH = 250;

/** CEL's names of its types, to compare `type(x)` with. */
const TYPES = new Set([
  "bool",
  "bytes",
  "double",
  "int",
  "list",
  "map",
  "null_type",
  "string",
  "type",
  "uint",
]);

/** The library leaves a macro that is written wrongly as a call. */
const MACROS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    has: "has(params.name)",
    all: "list.all(x, condition)",
    exists: "list.exists(x, condition)",
    exists_one: "list.exists_one(x, condition)",
    existsOne: "list.existsOne(x, condition)",
    filter: "list.filter(x, condition)",
    map: "list.map(x, value)",
  }),
);

/** Each once, in the order of its first appearance. */
export interface ExpressionReferences {
  /** The members of `params`; none for `params` as a whole. */
  params: string[];
  /** Of `nodes.key` and `states.key`. */
  nodes: NodeReference[];
  /** True when `nodes` or `states` is read otherwise than by a fixed key, as in `states.all(key, …)`. */
  allNodes: boolean;
}

export interface Checked {
  references: ExpressionReferences;
  variables: ReadonlySet<Variable>;
}

/** Throws a Fault for a name that is no variable, a function that is none, and a message of protocol buffers. */
export function check(parsed: Parsed): Checked {
  const walk = new Walk(parsed.sourceInfo?.positions ?? {});
  walk.expr(parsed.expr, new Set());
  return {
    references: {
      params: [...walk.params],
      nodes: [...walk.nodes.values()],
      allNodes: walk.allNodes,
    },
    variables: walk.variables,
  };
}

class Walk {
  readonly params = new Set<string>();
  readonly nodes = new Map<string, NodeReference>();
  readonly variables = new Set<Variable>();
  allNodes = false;
  readonly #positions: Readonly<Record<string, number>>;
  #depth = 0;

  constructor(positions: Readonly<Record<string, number>>) {
    this.#positions = positions;
  }

  /** `bound` are the variables of macros around it. */
  expr(expr: Expr | undefined, bound: ReadonlySet<string>): void {
    if (expr === undefined) return;
    if (++this.#depth > DEPTH) throw this.#fault(expr, `is more than ${DEPTH} levels deep`);
    this.#parts(expr, bound);
    this.#depth--;
  }

  #parts(expr: Expr, bound: ReadonlySet<string>): void {
    const { exprKind: kind } = expr;
    if (kind.case === "identExpr" || kind.case === "selectExpr" || isIndex(expr)) this.#chain(expr, bound);
    else if (kind.case === "callExpr") {
      this.#call(expr, kind.value.function, kind.value.args, kind.value.target);
      for (const part of [kind.value.target, ...kind.value.args]) this.expr(part, bound);
    } else if (kind.case === "listExpr") for (const part of kind.value.elements) this.expr(part, bound);
    else if (kind.case === "structExpr") {
      if (kind.value.messageName !== "")
        throw this.#fault(expr, 'messages cannot be made; a map is {"key": value}');
      for (const { keyKind, value } of kind.value.entries) {
        if (keyKind.case === "mapKey") this.expr(keyKind.value, bound);
        this.expr(value, bound);
      }
    } else if (kind.case === "comprehensionExpr") {
      const { accuVar, iterVar, iterRange, accuInit, loopCondition, loopStep, result } = kind.value;
      const inner = new Set([...bound, accuVar, iterVar]);
      for (const part of [iterRange, accuInit]) this.expr(part, bound);
      for (const part of [loopCondition, loopStep, result]) this.expr(part, inner);
    }
  }

  /** `root.a["b"][i].c`: read is what comes before the first step that is not fixed. */
  #chain(expr: Expr, bound: ReadonlySet<string>): void {
    let steps: Step[] = [];
    let inner: Expr | undefined = expr;
    while (inner !== undefined) {
      const kind: Expr["exprKind"] = inner.exprKind;
      if (kind.case === "selectExpr") {
        steps.unshift(kind.value.field);
        inner = kind.value.operand;
      } else if (kind.case === "callExpr" && isIndex(inner)) {
        const [operand, index] = kind.value.args;
        const step = constant(index);
        if (step === null) {
          this.expr(index, bound);
          steps = [];
        } else steps.unshift(step);
        inner = operand;
      } else break;
    }
    if (steps.length > DEPTH) throw this.#fault(expr, `is more than ${DEPTH} steps deep`);
    if (inner?.exprKind.case !== "identExpr") this.expr(inner, bound);
    else if (!bound.has(inner.exprKind.value.name)) this.#read(inner, inner.exprKind.value.name, steps);
  }

  #read(expr: Expr, name: string, [first, ...rest]: Step[]): void {
    const variable = VARIABLES.find((known) => known === name);
    if (variable === undefined) {
      if (TYPES.has(name) && first === undefined) return;
      throw this.#fault(expr, `there is no variable ${short(name)}: there are ${VARIABLES.join(", ")}`);
    }
    this.variables.add(variable);
    if (variable === "params" && first !== undefined) this.params.add(String(first));
    if (variable !== "nodes" && variable !== "states") return;
    if (typeof first !== "string") this.allNodes = true;
    else {
      const path = variable === "states" ? ["state"] : rest;
      this.nodes.set(pathText([first, ...path]), { key: first, path });
    }
  }

  #call(expr: Expr, name: string, args: readonly Expr[], target: Expr | undefined): void {
    // Operators have names that nobody can write.
    if (!/^\w+$/.test(name)) return;
    const group = findFunction(name);
    const macro = MACROS.get(name);
    if (macro !== undefined) throw this.#fault(expr, `${name} is written ${macro}`);
    if (group === undefined) throw this.#fault(expr, `there is no function ${short(name)}`);
    if (!takes(group, args.length, target !== undefined))
      throw this.#fault(
        expr,
        `${name} does not take ${args.length} value${args.length === 1 ? "" : "s"} ${target ? "after a dot" : "like this"}`,
      );
  }

  #fault(expr: Expr, message: string): Fault {
    return new Fault(message, this.#positions[expr.id.toString()] ?? 0);
  }
}

const isIndex = ({ exprKind }: Expr): boolean =>
  exprKind.case === "callExpr" && exprKind.value.function === "_[_]" && exprKind.value.args.length === 2;

/** A text or a whole number that is written out. */
function constant(expr: Expr | undefined): Step | null {
  const kind = expr?.exprKind.case === "constExpr" ? expr.exprKind.value.constantKind : undefined;
  if (kind?.case === "stringValue") return kind.value;
  return kind?.case === "int64Value" ? Number(kind.value) : null;
}

function takes(group: FuncGroup, count: number, isMethod: boolean): boolean {
  return [...group].some(
    (each) => each.arguments.length === count && (each.target !== undefined) === isMethod,
  );
}
