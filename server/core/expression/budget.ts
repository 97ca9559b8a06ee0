/** What an evaluation may cost, in units of some 25 ns, and the functions that pay for it: `meter.ts` puts them in place. */
import {
  type CelFunc,
  type CelList,
  CelScalar,
  type CelValue,
  celError,
  celFunc,
  celList,
  isCelList,
  isCelMap,
} from "@bufbuild/cel";
import { limitExceeded } from "../rejection.ts";

/** Some 50 ms: a thousand texts looked for in a list of a thousand texts. */
const BUDGET = 2_000_000;

/** Of the evaluation that goes on; evaluations are synchronous and do not nest. */
let left = 0;

/** Runs an evaluation within the budget. Throws LIMIT_EXCEEDED when it was not enough, even if an `||` hid that. */
export function withinBudget<T>(field: string, evaluate: () => T): T {
  left = BUDGET;
  const result = withoutStacks(evaluate);
  if (left < 0) throw limitExceeded("takes too many steps; look at less, or let a task do it", field);
  return result;
}

/** To CEL an error is a value, of which there can be one for each element of a list; nine tenths of its cost are the stack. */
function withoutStacks<T>(evaluate: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return evaluate();
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** Throws when the budget is used up: the library makes an error of it, and nothing that pays runs any more. */
export function pay(units: number): void {
  left -= units;
  if (left < 0) throw SPENT;
}

/** One for all: to make an error costs more than a step. */
const SPENT = celError("takes too many steps");

/** Of visiting one node of the tree. */
const NODE = 6;
const MAP = 16;
const ENTRY = 8;
/** Texts up to this length are compared as fast as numbers. */
const SHORT = 32;

const weights = new WeakMap<object, number>();

/** What it costs to compare a value or to look through it. */
function weigh(value: CelValue): number {
  if (typeof value === "string" || value instanceof Uint8Array)
    return 1 + (Math.max(0, value.length - SHORT) >>> 2);
  if (!isCelList(value) && !isCelMap(value)) return 1;
  const known = weights.get(value);
  if (known !== undefined) return known;
  let weight = isCelList(value) ? 1 : MAP + ENTRY * value.size;
  for (const part of value.values()) weight += weigh(part);
  weights.set(value, weight);
  return weight;
}

const { DYN, INT } = CelScalar;

/** Lists that are being made by a macro. */
const growing = new WeakMap<CelList, CelValue[]>();

export const METER_FUNCTIONS: CelFunc[] = [
  celFunc("@weigh", [DYN], DYN, (value) => {
    pay(weigh(value));
    return value;
  }),
  // Reading a number from a text takes time that grows faster than the text.
  celFunc("@digits", [DYN], DYN, (value) => {
    pay(typeof value === "string" ? 3 * value.length : 1);
    return value;
  }),
  // A number is looked for among all keys of a map.
  celFunc("@indexed", [DYN], DYN, (value) => {
    pay(isCelMap(value) ? value.size : 1);
    return value;
  }),
  celFunc("@range", [DYN, INT], DYN, (value, nodes) => {
    if (isCelList(value) || isCelMap(value)) pay(value.size * (NODE * Number(nodes) + 2));
    return value;
  }),
  // The library's `list + [value]` nests one list per element, and overflows the stack at a few thousand.
  celFunc("@append", [DYN, DYN], DYN, (list, value) => {
    const known = isCelList(list) ? growing.get(list) : undefined;
    if (known) {
      known.push(value);
      return list;
    }
    const items = [value];
    const started = celList(items);
    growing.set(started, items);
    return started;
  }),
];
