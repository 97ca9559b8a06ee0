/** Which failures of nodes are the workflow's (DolphinScheduler D4). */
import { type Workflow, wiringOf } from "./graph.ts";
import type { NodeState } from "./state.ts";

/**
 * Places of the nodes whose failure fails the workflow, in order. One all of whose successors are conditions does not:
 * they have been told of it. Whoever is cancelled always does.
 */
export function failuresIn(workflow: Workflow, states: readonly NodeState[]): number[] {
  return states.flatMap((state, place) => (isFailure(workflow, state, place) ? [place] : []));
}

export const anyFailure = (workflow: Workflow, states: readonly NodeState[]): boolean =>
  states.some((state, place) => isFailure(workflow, state, place));

function isFailure(workflow: Workflow, state: NodeState, place: number): boolean {
  if (state === "CANCELLED") return true;
  if (state !== "FAILED") return false;
  const next = wiringOf(workflow).after[place] ?? [];
  return next.length === 0 || next.some((at) => workflow.nodes[at]?.control?.kind !== "conditions");
}
