/**
 * Definitions of parameters (a workflow's, a node's own), whose values are templates that may name one another. Values
 * that are given (at the start, by a node's output) are data and never looked at for references.
 */
import { badInput } from "../rejection.ts";
import { short } from "./fault.ts";
import { Allowance, jsonBytes } from "./json-tree.ts";
import type { References } from "./references.ts";
import { type Members, pathText, type TemplateScope } from "./scope.ts";
import { checkTemplate, resolveTemplate } from "./template.ts";

/** As many as anybody would read; their references to one another are followed. */
const MAX = 1_000;

/**
 * Whose definitions they are. Those of a workflow or a namespace make `params`, so that `${params.x}` is `${x}`, the
 * definition of x; in those of a node it is the workflow's.
 */
export type ParamLevel = "global" | "local";

/**
 * Reads definitions without resolving them, and says what they read that is not among them. Throws BAD_INPUT for what is
 * no template, for a secret, and for definitions that need each other.
 */
export function checkParams(definitions: Members, field: string, level: ParamLevel): References {
  const read = readAll(definitions, field);
  inOrder(read, field, level);
  const own = new Set(read.keys());
  const lists = [...read].map(([name, references]) => {
    const isOutside = (other: string) => other === name || !own.has(other);
    return {
      names: references.names.filter(isOutside),
      params: level === "global" ? references.params.filter(isOutside) : references.params,
      nodes: references.nodes,
    };
  });
  const nodes = lists.flatMap((list) => list.nodes);
  return {
    params: [...new Set(lists.flatMap(({ params }) => params))],
    names: [...new Set(lists.flatMap(({ names }) => names))],
    nodes: [...new Map(nodes.map((node) => [pathText([node.key, ...node.path]), node])).values()],
    secrets: [],
    time: [...read.values()].some(({ time }) => time),
  };
}

/**
 * The values of definitions, which are then given to `effectiveParams`. `${x}` in one is the definition of x, or what
 * `startup` has for it; in the definition of x itself it is what the scope has. Those that `startup` has are left out: they
 * would not count. Throws BAD_INPUT like `checkParams` and for what has no value, LIMIT_EXCEEDED when all together are
 * larger than an input may be.
 */
export function resolveParams(
  definitions: Members,
  scope: TemplateScope,
  level: ParamLevel,
  startup: Members = {},
  field = "params",
): Record<string, unknown> {
  const read = readAll(definitions, field);
  const values = new Map<string, unknown>();
  const allowance = new Allowance(field);
  for (const name of inOrder(read, field, level)) {
    if (Object.hasOwn(startup, name)) continue;
    const { names = [], params = [] } = read.get(name) ?? {};
    const within = (outer: Members, wanted: readonly string[]): Members => {
      const found = new Map<string, unknown>();
      for (const other of wanted) {
        if (Object.hasOwn(startup, other)) found.set(other, startup[other]);
        else if (other !== name && values.has(other)) found.set(other, values.get(other));
      }
      return found.size === 0 ? outer : { ...outer, ...Object.fromEntries(found) };
    };
    const inner = {
      ...scope,
      names: within(scope.names, names),
      params: level === "global" ? within(scope.params, params) : scope.params,
    };
    const { value } = resolveTemplate(definitions[name], inner, field + pathText([name]));
    allowance.spend(jsonBytes(value));
    values.set(name, value);
  }
  return Object.fromEntries(values);
}

function readAll(definitions: Members, field: string): Map<string, References> {
  const names = Object.keys(definitions);
  if (names.length > MAX) throw badInput(field, `${names.length} are too many; at most ${MAX} are allowed`);
  return new Map(
    names.map((name) => {
      const member = field + pathText([name]);
      const references = checkTemplate(definitions[name], member);
      const [secret] = references.secrets;
      if (secret !== undefined)
        throw badInput(
          member,
          `a parameter is kept in the run; refer to the secret ${secret} where it is used`,
        );
      return [name, references];
    }),
  );
}

/** Each after those that it names. */
function inOrder(read: ReadonlyMap<string, References>, field: string, level: ParamLevel): string[] {
  const ordered = new Set<string>();
  const trail: string[] = [];
  const visit = (name: string): void => {
    const references = read.get(name);
    if (ordered.has(name) || references === undefined) return;
    if (trail.includes(name)) {
      const circle = [...trail.slice(trail.indexOf(name)), name].join(" → ");
      throw badInput(field + pathText([name]), `needs itself: ${short(circle, 200)}`);
    }
    trail.push(name);
    const others = level === "global" ? [...references.names, ...references.params] : references.names;
    for (const other of others) if (other !== name) visit(other);
    trail.pop();
    ordered.add(name);
  };
  for (const name of read.keys()) visit(name);
  return [...ordered];
}
