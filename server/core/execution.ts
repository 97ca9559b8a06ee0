/**
 * How many runs one start of a job means (PowerJob P4). All but SINGLE go by steps: a ROOT, its PARTs, and a REDUCE
 * that is given the results of all of them, failures included, and decides the outcome.
 */
export const EXECUTIONS = ["SINGLE", "BROADCAST", "MAP", "MAP_REDUCE"] as const;
export type Execution = (typeof EXECUTIONS)[number];

export const STEPS = ["ROOT", "PART", "REDUCE"] as const;
export type Step = (typeof STEPS)[number];

/** The root of these is followed by a REDUCE, once all that it started has ended; MAP ends with its parts. */
export function reduces(execution: Execution): boolean {
  return execution === "MAP_REDUCE" || execution === "BROADCAST";
}

/** The step of a child of the same job: parts may start more parts (P4), a reduce begins anew. */
export function childStep(execution: Execution, step: Step): Step {
  return execution !== "SINGLE" && step !== "REDUCE" ? "PART" : "ROOT";
}
