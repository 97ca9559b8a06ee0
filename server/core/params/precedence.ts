/** Which of several parameters of one name counts: start-up over local over upstream over global over project. */
import type { Members } from "./scope.ts";

/** What a node before this one has put out. */
export interface UpstreamOutput {
  /** The node's key. */
  node: string;
  /** Epoch milliseconds. */
  endedAt: number;
  /** Its members are parameters when it is an object; anything else has none. */
  output: unknown;
}

export interface ParamSources {
  /** Given when the run was started. */
  startup?: Members;
  /** The node's own. */
  local?: Members;
  /** In any order. */
  upstream?: readonly UpstreamOutput[];
  /** The workflow's. */
  global?: Members;
  /** The namespace's. */
  project?: Members;
}

export type ParamOrigin =
  | { source: "startup" | "local" | "global" | "project" }
  | { source: "upstream"; node: string };

export interface EffectiveParams {
  values: Record<string, unknown>;
  /** Where each value came from; the same names as in `values`. */
  origins: Record<string, ParamOrigin>;
}

/**
 * One value for each name. A parameter that is there counts, even if it is empty; only among upstreams does one that is
 * not empty (neither null nor an empty text) come first, and then the one that finished earliest.
 */
export function effectiveParams(sources: ParamSources): EffectiveParams {
  const found = new Map<string, { value: unknown; origin: ParamOrigin }>();
  const add = (params: Members | undefined, origin: ParamOrigin) => {
    for (const [name, value] of Object.entries(params ?? {})) {
      if (value !== undefined) found.set(name, { value, origin });
    }
  };
  add(sources.project, { source: "project" });
  add(sources.global, { source: "global" });
  // The weakest first, so that whoever comes later takes its place.
  const upstream = (sources.upstream ?? []).toSorted(laterFirst);
  for (const isCounted of [isEmpty, (value: unknown) => !isEmpty(value)]) {
    for (const { node, output } of upstream) add(membersOf(output, isCounted), { source: "upstream", node });
  }
  add(sources.local, { source: "local" });
  add(sources.startup, { source: "startup" });
  return {
    values: Object.fromEntries([...found].map(([name, { value }]) => [name, value])),
    origins: Object.fromEntries([...found].map(([name, { origin }]) => [name, origin])),
  };
}

/** Those that ended in the same millisecond by key, so that the answer is the same each time. */
function laterFirst(a: UpstreamOutput, b: UpstreamOutput): number {
  return b.endedAt - a.endedAt || (a.node < b.node ? 1 : -1);
}

const isEmpty = (value: unknown): boolean => value === null || value === "";

function membersOf(output: unknown, isCounted: (value: unknown) => boolean): Members {
  if (typeof output !== "object" || output === null || Array.isArray(output)) return {};
  return Object.fromEntries(Object.entries(output).filter(([, value]) => isCounted(value)));
}
