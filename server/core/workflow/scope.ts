/** What a start says of a workflow's run besides its input, and the states that its nodes begin with. */
import { badInput } from "../rejection.ts";
import { type FailureStrategy, type Workflow, wiringOf } from "./graph.ts";
import { NODE_STATES } from "./state.ts";

/** ONLY the named nodes, with all that comes after them (FORWARD), or with all that comes before (BACKWARD). */
export const NODE_SCOPES = ["ONLY", "FORWARD", "BACKWARD"] as const;
export type NodeScope = (typeof NODE_SCOPES)[number];

/** Kept with the run. */
export interface RunOptions {
  /** Instead of the workflow's. */
  failureStrategy?: FailureStrategy;
  /** Its nodes are walked through and none is run (DolphinScheduler D2). */
  dryRun?: true;
  /** Where it starts; absent: everywhere (D1, START with start nodes). */
  nodes?: string[];
  nodeScope?: NodeScope;
}

/** Places of the named nodes and of those in the scope. Throws BAD_INPUT for a key that is no node's. */
export function placesIn(
  workflow: Workflow,
  keys: readonly string[],
  scope: NodeScope,
  field: string,
): Set<number> {
  const { indexOf, before, after } = wiringOf(workflow);
  const places = keys.map((key, at) => {
    const place = indexOf.get(key);
    if (place === undefined) throw badInput(`${field}[${at}]`, `the workflow has no node "${key}"`);
    return place;
  });
  const reached = new Set(places);
  if (scope === "ONLY") return reached;
  for (const place of reached)
    for (const next of (scope === "FORWARD" ? after : before)[place] ?? []) reached.add(next);
  return reached;
}

/** The letters of a run that begins. Throws BAD_INPUT for nodes that are not there. */
export function firstStates(workflow: Workflow, { nodes, nodeScope }: RunOptions): string {
  if (nodes === undefined) return NODE_STATES.PENDING.repeat(workflow.nodes.length);
  const within = placesIn(workflow, nodes, nodeScope ?? "ONLY", "nodes");
  return workflow.nodes
    .map((_, place) => (within.has(place) ? NODE_STATES.PENDING : NODE_STATES.PASSED))
    .join("");
}
