/**
 * How many runs one start of a job means (PowerJob P4). All but SINGLE go by steps: a ROOT, its PARTs, and a REDUCE
 * that is given the results of all of them, failures included, and decides the outcome of the whole.
 */
export const EXECUTIONS = ["SINGLE", "BROADCAST", "MAP", "MAP_REDUCE"] as const;
export type Execution = (typeof EXECUTIONS)[number];

export const STEPS = ["ROOT", "PART", "REDUCE"] as const;
export type Step = (typeof STEPS)[number];

/** A root is followed by a REDUCE, once all that it started has ended. That of a MAP is the server's own: it only looks. */
export function reducedByServer(execution: Execution): boolean {
  return execution === "MAP";
}

/** No executor can name it: queues of this group hold what the server does itself. */
export const SERVER_GROUP = ":server";

/** The step of a child of the same job: parts may start more parts (P4), a reduce begins anew. */
export function childStep(execution: Execution, step: Step): Step {
  return execution !== "SINGLE" && step !== "REDUCE" ? "PART" : "ROOT";
}
