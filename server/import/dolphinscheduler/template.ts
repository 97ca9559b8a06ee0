/**
 * Texts with `${name}` and `$[time]`. There, a name that nothing has is left as it is, as every variable of a shell is;
 * here it would be refused. So what stands for a parameter stays a reference, and all else is escaped.
 */

/** What texts of a task can refer to. */
export interface Scope {
  /** Parameters of the task, of the process, and those that its tasks give out. */
  names: ReadonlySet<string>;
  /** Parameters of the process, which can also be found by their place. */
  globals: ReadonlySet<string>;
  /** Keys of nodes by the names of their tasks. */
  keys: ReadonlyMap<string, string>;
}

export interface Converted {
  text: string;
  /** What was taken for text though it looks like a parameter. */
  unknown: string[];
}

const PLAIN = /^[\p{L}_][\p{L}\p{N}_-]*$/u;
/** Words with which references begin that are not looked up as parameters. */
const RESERVED = new Set(["params", "nodes", "run", "system", "secrets"]);

const SYSTEM = new Set([
  ...["system.biz.date", "system.biz.curdate", "system.datetime", "system.workflow.instance.id"],
  ...["system.workflow.definition.name", "system.project.name", "system.task.definition.name"],
  "system.task.instance.id",
]);

const TIME_FUNCTION =
  /^(?:add_months|this_day|last_day|month_first_day|month_last_day|week_first_day|week_last_day|month_begin|month_end|week_begin|week_end|year_week|timestamp)\(/;
/** Letters of a date with what stands between them, and how far away: `yyyyMMdd-1`, `HH:mm:ss+1/24`. */
const TIME_PATTERN = /^[yMdHhmsS][yMdHhmsS :/.,_'T\-年月日时分秒]*(?:[+-]\d+(?:\*\d+)?(?:\/\d+)*)?$/;

/** Dollar signs before what may open a reference. */
const OPENING = /(\$+)([{[])/g;

export function converted(text: string, scope: Scope): Converted {
  const unknown = new Set<string>();
  let result = "";
  let from = 0;
  const opening = new RegExp(OPENING);
  for (let found = opening.exec(text); found !== null; found = opening.exec(text)) {
    const [whole, dollars = "", opener] = found;
    const start = found.index + whole.length;
    const end = text.indexOf(opener === "{" ? "}" : "]", start);
    const inner = end < 0 ? "" : text.slice(start, end);
    const reference = opener === "{" ? referenceTo(inner, scope) : timeOf(inner, scope);
    result += text.slice(from, found.index);
    // Before a reference each literal dollar sign is written twice, before a literal opening all of them are.
    if (reference !== null) result += "$$".repeat(dollars.length - 1) + reference;
    else result += dollars + whole;
    if (reference === null && opener === "{" && (PLAIN.test(inner) || inner.startsWith("system.")))
      unknown.add(inner);
    from = reference === null ? start : end + 1;
    opening.lastIndex = from;
  }
  return { text: result + text.slice(from), unknown: [...unknown] };
}

/** The same for every text within a value. */
export function convertedWithin(value: unknown, scope: Scope): { value: unknown; unknown: string[] } {
  const unknown: string[] = [];
  const walk = (part: unknown): unknown => {
    if (typeof part === "string") {
      const { text, unknown: more } = converted(part, scope);
      unknown.push(...more);
      return text;
    }
    if (Array.isArray(part)) return part.map(walk);
    if (typeof part !== "object" || part === null) return part;
    return Object.fromEntries(Object.entries(part).map(([key, member]) => [key, walk(member)]));
  };
  return { value: walk(value), unknown: [...new Set(unknown)] };
}

/** Null for what is no parameter. */
export function referenceTo(given: string, { names, globals, keys }: Scope): string | null {
  const name = given.trim();
  if (SYSTEM.has(name)) return `\${${name}}`;
  const [, dynamic] = /^dynamic\.out\((.+)\)$/.exec(name) ?? [];
  const dynamicKey = keys.get(dynamic ?? "");
  if (dynamicKey !== undefined) return `\${${nodePath(dynamicKey)}.output}`;
  if (names.has(name)) {
    if (PLAIN.test(name) && !RESERVED.has(name)) return `\${${name}}`;
    return globals.has(name) ? `\${${paramPath(name)}}` : null;
  }
  // `${task.response}` is an HTTP task's answer; `${task.name}` what a task has given out.
  const [, task = "", member = ""] = /^(.+)\.([^.]+)$/.exec(name) ?? [];
  const key = keys.get(task);
  if (key === undefined) return null;
  return `\${${nodePath(key)}.output${member === "response" ? ".body" : step(member)}}`;
}

/** Null for what is no time. How far away it is may be a parameter's business. */
function timeOf(time: string, scope: Scope): string | null {
  const written = time.replace(/\$\{([^}]*)\}/g, (_, name: string) =>
    referenceTo(name, scope) === null ? "?" : "1",
  );
  return TIME_FUNCTION.test(written) || TIME_PATTERN.test(written) ? `$[${time}]` : null;
}

/** `nodes.load`, `nodes["a.b"]`. */
export const nodePath = (key: string): string => `nodes${step(key)}`;

/** The same of a parameter of the process as a whole. */
export const paramPath = (name: string): string => `params${step(name)}`;

export const step = (name: string): string => (PLAIN.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`);
