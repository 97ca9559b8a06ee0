/**
 * The bound on what an evaluation may cost. CEL always ends, but lists within lists can make that late; so the syntax tree
 * is given calls that no one can write, which pay beforehand for what is about to be done.
 */
import type { Expr } from "./syntax.ts";

/** Those that take the same time whatever they are given, or pay themselves. */
const FREE = /^(?:_\[_\]|_\?_:_|_&&_|_\|\|_|!_|-_|_[-*/%]_|@append|@not_strictly_false|get\w+|dyn|type)$/;
const NUMBERS = new Set(["int", "uint", "double"]);

/** Puts the paying calls into a tree, in place, and returns how many nodes one evaluation of it visits. */
export function meter(expr: Expr | undefined): number {
  if (expr === undefined) return 0;
  const { exprKind: kind } = expr;
  if (kind.case === "selectExpr") return 1 + meter(kind.value.operand);
  if (kind.case === "listExpr") return 1 + sum(kind.value.elements);
  if (kind.case === "structExpr") {
    const { entries } = kind.value;
    return (
      1 +
      sum(entries.map(({ value }) => value)) +
      sum(entries.map(({ keyKind }) => (keyKind.case === "mapKey" ? keyKind.value : undefined)))
    );
  }
  if (kind.case === "comprehensionExpr") {
    const loop = kind.value;
    if (loop.loopStep) appendInPlace(loop.loopStep, loop.accuVar);
    const outside = meter(loop.iterRange) + meter(loop.accuInit) + meter(loop.result);
    const inside = meter(loop.loopCondition) + meter(loop.loopStep);
    if (loop.iterRange) loop.iterRange = call(loop.iterRange, "@range", number(loop.iterRange, inside));
    return 2 + outside;
  }
  if (kind.case !== "callExpr") return 1;
  const { function: name, args, target } = kind.value;
  const nodes = 1 + sum(args) + meter(target);
  if (name === "_[_]" && args[0] && !isText(args[1])) args[0] = call(args[0], "@indexed");
  if (FREE.test(name)) return nodes;
  const paying = NUMBERS.has(name) ? "@digits" : "@weigh";
  kind.value.args = args.map((arg) => weighed(arg, paying));
  if (target) kind.value.target = weighed(target, paying);
  return nodes + 2;
}

const sum = (exprs: readonly (Expr | undefined)[]): number =>
  exprs.reduce((nodes, expr) => nodes + meter(expr), 0);

const isText = (expr: Expr | undefined): boolean =>
  expr?.exprKind.case === "constExpr" && expr.exprKind.value.constantKind.case === "stringValue";

/** Constants are as long as the expression at most. */
const weighed = (expr: Expr, paying: string): Expr =>
  expr.exprKind.case === "constExpr" ? expr : call(expr, paying);

/** A call that stands where `arg` stood. */
const call = (arg: Expr, name: string, ...more: Expr[]): Expr => ({
  $typeName: "cel.expr.Expr",
  id: arg.id,
  exprKind: {
    case: "callExpr",
    value: { $typeName: "cel.expr.Expr.Call", function: name, args: [arg, ...more] },
  },
});

const number = ({ id }: Expr, value: number): Expr => ({
  $typeName: "cel.expr.Expr",
  id,
  exprKind: {
    case: "constExpr",
    value: { $typeName: "cel.expr.Constant", constantKind: { case: "int64Value", value: BigInt(value) } },
  },
});

/** `accu + [value]`, also as the first branch of a condition, as macros are expanded. */
function appendInPlace({ exprKind: kind }: Expr, accu: string): void {
  if (kind.case !== "callExpr") return;
  const [first, second] = kind.value.args;
  if (kind.value.function === "_?_:_" && second) appendInPlace(second, accu);
  const isAccu = first?.exprKind.case === "identExpr" && first.exprKind.value.name === accu;
  if (kind.value.function !== "_+_" || !isAccu || second?.exprKind.case !== "listExpr") return;
  const [value] = second.exprKind.value.elements;
  if (value) Object.assign(kind.value, { function: "@append", args: [first, value] });
}
