/** What becomes of a node: one letter for each, so that a run of a thousand nodes is a line of text. */

export const NODE_STATES = {
  /** Not decided yet. */
  PENDING: "P",
  /** It has a run that has not ended. */
  STARTED: "R",
  SUCCEEDED: "S",
  FAILED: "F",
  /** It failed, which its `onFailure` ignores. */
  IGNORED: "I",
  /** A person called its failure a success. */
  FORCED: "O",
  /** No branch led to it. */
  SKIPPED: "K",
  /** It was not to be run, and counts as passed: forbidden, or outside of what was started. */
  PASSED: "X",
  /** Somebody cancelled its run, or the workflow's end did. */
  CANCELLED: "C",
  /** Something before it failed. */
  BLOCKED: "B",
} as const;
export type NodeState = keyof typeof NODE_STATES;

const NAMES = new Map<string, NodeState>(
  Object.entries(NODE_STATES).map(([name, letter]) => [letter, name as NodeState]),
);

export function stateOf(letter: string): NodeState {
  const state = NAMES.get(letter);
  if (state === undefined) throw new Error(`no state of a node is written ${letter}`);
  return state;
}

/** What does not change by itself any more. */
export const isOver = (state: NodeState): boolean => state !== "PENDING" && state !== "STARTED";

/** What lets those after it go on. */
export const hasPassed = (state: NodeState): boolean =>
  state === "SUCCEEDED" || state === "IGNORED" || state === "FORCED" || state === "PASSED";

/** What keeps those after it from starting. */
export const hasFailed = (state: NodeState): boolean =>
  state === "FAILED" || state === "CANCELLED" || state === "BLOCKED";

/** Whether a node that is over has a run, which says what it has put out. */
export const wasRun = (state: NodeState): boolean =>
  isOver(state) && state !== "SKIPPED" && state !== "PASSED" && state !== "BLOCKED";
