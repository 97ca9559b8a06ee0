/**
 * How a workflow's run that has ended goes on (DolphinScheduler D1): which of its nodes are decided anew. A node that is
 * run again takes along whatever has been decided by what it led to before.
 */

import { failuresIn } from "./failures.ts";
import { type Workflow, wiringOf } from "./graph.ts";
import type { NodeState } from "./state.ts";

export type Resume =
  /** Its failed nodes (START_FAILURE_TASK). */
  | { mode: "FAILED" }
  /** What was cancelled or never began (RECOVER_SUSPENDED). */
  | { mode: "SUSPENDED" }
  /** A person called the failure of a node a success (FORCED_SUCCESS). */
  | { mode: "FORCE"; place: number }
  /** These nodes, whatever comes before them (EXECUTE_TASK). */
  | { mode: "EXECUTE"; places: number[] };

export interface Resumed {
  states: NodeState[];
  /** Start whatever became of those before them. */
  forced: ReadonlySet<number>;
}

export function resumed(workflow: Workflow, states: readonly NodeState[], resume: Resume): Resumed {
  const next = [...states];
  const { after } = wiringOf(workflow);
  const again = new Set<number>();
  switch (resume.mode) {
    case "FAILED":
      for (const place of failuresIn(workflow, states)) again.add(place);
      break;
    case "SUSPENDED":
      for (const [place, state] of states.entries()) if (state === "CANCELLED") again.add(place);
      break;
    case "FORCE":
      next[resume.place] = "FORCED";
      for (const place of after[resume.place] ?? []) again.add(place);
      break;
    case "EXECUTE":
      for (const place of resume.places) next[place] = "PENDING";
      return { states: next, forced: new Set(resume.places) };
  }
  for (const place of again) {
    // What a start left out stays out.
    if (states[place] === "PASSED" && !workflow.nodes[place]?.forbidden) continue;
    next[place] = "PENDING";
    for (const behind of after[place] ?? []) again.add(behind);
  }
  return { states: next, forced: new Set() };
}
