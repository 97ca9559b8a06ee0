/**
 * A second opinion on what a workflow does: the rules once more, in the plainest words, over a whole run in memory.
 * Recursion over the nodes before each node instead of a queue, and no state but what nodes have ended as.
 */

export interface ReferenceNode {
  key: string;
  after: string[];
  kind: "task" | "switch" | "conditions" | "join";
  forbidden: boolean;
  ignoresFailure: boolean;
  /** What its run ends as, when it has one. */
  outcome: "SUCCEEDED" | "FAILED";
  /** Of a switch: where it goes on. Of conditions: by what became of those before it. */
  branches: { success: string[]; failure: string[] };
}

export type ReferenceState = "SUCCEEDED" | "FAILED" | "IGNORED" | "SKIPPED" | "PASSED" | "BLOCKED";

/** What each node ends as when nobody interferes and failures stop nothing that does not depend on them. */
export function referenceRun(nodes: ReferenceNode[]): Map<string, ReferenceState> {
  const byKey = new Map(nodes.map((node) => [node.key, node]));
  const known = new Map<string, ReferenceState>();

  const endOf = (key: string): ReferenceState => {
    const before = known.get(key);
    if (before !== undefined) return before;
    const node = byKey.get(key) as ReferenceNode;
    const state = decide(node);
    known.set(key, state);
    return state;
  };

  const decide = (node: ReferenceNode): ReferenceState => {
    const arrows = node.after.filter((key) => isArrow(key, node.key));
    if (node.after.length > 0 && arrows.length === 0) return "SKIPPED";
    const ends = arrows.map(endOf);
    if (node.kind === "conditions" || node.kind === "join") {
      if (ends.length > 0 && ends.every((end) => end === "BLOCKED")) return "BLOCKED";
    } else if (ends.some((end) => end === "FAILED" || end === "BLOCKED")) return "BLOCKED";
    if (node.forbidden) return "PASSED";
    if (node.outcome === "SUCCEEDED") return "SUCCEEDED";
    return node.ignoresFailure ? "IGNORED" : "FAILED";
  };

  /** Whether `from` still leads to `to`. */
  const isArrow = (from: string, to: string): boolean => {
    const end = endOf(from);
    if (end === "SKIPPED") return false;
    const node = byKey.get(from) as ReferenceNode;
    if (node.kind === "task" || node.kind === "join" || end !== "SUCCEEDED") return true;
    return chosenBy(node).includes(to);
  };

  const chosenBy = (node: ReferenceNode): string[] => {
    if (node.kind === "switch") return node.branches.success;
    const good = node.after.every((key) => ["SUCCEEDED", "IGNORED", "PASSED"].includes(endOf(key)));
    return good ? node.branches.success : node.branches.failure;
  };

  for (const { key } of nodes) endOf(key);
  return known;
}

/** Whether a failure among these fails the whole: one that only conditions follow does not (D4). */
export function referenceFails(nodes: ReferenceNode[], states: Map<string, ReferenceState>): boolean {
  return nodes.some(({ key }) => {
    if (states.get(key) !== "FAILED") return false;
    const next = nodes.filter(({ after }) => after.includes(key));
    return next.length === 0 || next.some(({ kind }) => kind !== "conditions");
  });
}
