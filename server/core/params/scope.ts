/** What references in templates and variables in expressions can find. */

export type Members = Readonly<Record<string, unknown>>;

/** A node that has ended, or was skipped; one that has not is not in the scope at all. */
export interface NodeResult {
  /** `SUCCEEDED`, `FAILED`, `CANCELLED`, `SKIPPED`. */
  state: string;
  /** Absent when the node has none. */
  output?: unknown;
}

/** The workflow's run. */
export interface RunFacts {
  id: string;
  job: string;
  namespace: string;
  /** Epoch milliseconds: the due time of its trigger or backfill, else when it was started. */
  scheduledAt: number;
  /** Of its trigger; must have passed `checkZone`. */
  timeZone: string;
}

export interface Scope {
  /** What `params` is: of the workflow as a whole. */
  params: Members;
  nodes: Readonly<Record<string, NodeResult>>;
  run: RunFacts;
}

export interface TemplateScope extends Scope {
  /** What a plain `${name}` finds: the values of `effectiveParams`. */
  names: Members;
  /** The node whose input this is; `id` when its run has one already. */
  node?: { key: string; id?: string };
}

/** A step into a value: a member of an object, or a place in a list. */
export type Step = string | number;
export type Path = readonly Step[];

/** What is read of a node: `output` and what is below it, or `state`; in expressions also the whole node. */
export interface NodeReference {
  key: string;
  path: Path;
}

/** The value a path leads to; undefined when there is none. Only what JSON has: no prototype, no length. */
export function valueAt(value: unknown, path: Path): unknown {
  let found = value;
  for (const step of path) {
    if (typeof found !== "object" || found === null) return undefined;
    if (Array.isArray(found)) found = typeof step === "number" ? found[step] : undefined;
    else found = Object.hasOwn(found, step) ? (found as Members)[step] : undefined;
  }
  return found;
}

/** `.name`, `[0]`, `["odd name"]`: as a path is written. */
export const pathText = (path: Path): string =>
  path
    .map((step) => {
      if (typeof step === "number") return `[${step}]`;
      return /^[\p{L}_][\p{L}\p{N}_-]*$/u.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
    })
    .join("");
