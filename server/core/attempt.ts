/** How one try of a run can end. */
export const ATTEMPT_OUTCOMES = [
  "RUNNING",
  "SUCCEEDED",
  "FAILED",
  "TIMED_OUT",
  "LOST",
  "RELEASED",
  "CANCELLED",
] as const;
export type AttemptOutcome = (typeof ATTEMPT_OUTCOMES)[number];
