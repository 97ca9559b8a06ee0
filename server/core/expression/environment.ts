/** The functions that expressions have: CEL's own, with arithmetic over both kinds of numbers and bounded `matches`. */
import { type CelFunc, CelScalar, celEnv, celFunc, celMethod, isCelError, listType } from "@bufbuild/cel";
import { METER_FUNCTIONS, pay } from "./budget.ts";
import { regexSize } from "./regex-size.ts";
import { TIME_FUNCTIONS } from "./time-functions.ts";

const { BOOL, DOUBLE, DYN, INT, STRING } = CelScalar;
const LIST = listType(DYN);

/**
 * A number of JSON is a double, and one that is written in an expression without a point is an int: CEL has no `+` for the
 * two, so that `params.count + 1` would be an error.
 */
const ARITHMETIC: readonly [string, (a: number, b: number) => number][] = [
  ["_+_", (a, b) => a + b],
  ["_-_", (a, b) => a - b],
  ["_*_", (a, b) => a * b],
  ["_/_", (a, b) => a / b],
  ["_%_", (a, b) => a % b],
];
const MIXED: CelFunc[] = ARITHMETIC.flatMap(([name, of]) => [
  celFunc(name, [DOUBLE, INT], DOUBLE, (a, b) => of(a, Number(b))),
  celFunc(name, [INT, DOUBLE], DOUBLE, (a, b) => of(Number(a), b)),
  celFunc(name, [DOUBLE, DOUBLE], DOUBLE, of),
]);

/** The library's keeps both, so that a list of many sums takes long to walk through. */
const CONCATENATED = celFunc("_+_", [LIST, LIST], LIST, (a, b) => [...a, ...b]);

const standard = celEnv().funcs;

/** The library's engine takes time by text and pattern, never exponential; but that of both together can be long. */
const MATCHES = celMethod("matches", STRING, [STRING], BOOL, function (pattern) {
  const text = String(this);
  const size = regexSize(pattern);
  pay(1_000 + size * (40 + 2 * text.length));
  const result = standard.find("matches")?.call(0, text, [pattern]);
  if (isCelError(result)) throw result;
  return result === true;
});

export const ENVIRONMENT = celEnv({
  funcs: [...MIXED, CONCATENATED, ...TIME_FUNCTIONS, ...METER_FUNCTIONS, MATCHES],
});

export type FuncGroup = NonNullable<ReturnType<typeof standard.find>>;

/** Undefined when there is none of that name. */
export const findFunction = (name: string): FuncGroup | undefined => ENVIRONMENT.funcs.find(name);
