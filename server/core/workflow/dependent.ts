/**
 * Waiting for runs of other jobs (DolphinScheduler D5): a tree of AND and OR over what became of the newest run in each
 * stretch of time that an item names.
 */
import type { RunState } from "../run.ts";
import { type DateCycle, type Stretch, stretchesOf } from "./date-cycle.ts";
import type { NodeState } from "./state.ts";

export interface Dependent {
  tree: DependentTree;
  /** Of the cycles; absent: the zone of the schedule that the run comes from, else UTC. */
  timeZone?: string;
  /** So long after the time that the run stands for it goes on waiting for what has failed; absent: it fails at once. */
  waitOnFailureMs?: number;
  /** Its output has the members of the outputs waited for; of equal names the earliest finish wins. */
  passOutputs?: boolean;
}

export type DependentTree = { all: DependentTree[] } | { any: DependentTree[] } | DependentItem;

export interface DependentItem {
  /** A job of the namespace: a workflow, or any other. */
  job: string;
  /** One node of it; absent: the whole. */
  node?: string;
  cycle: DateCycle;
}

/** The newest run of an item's job in one stretch. */
export interface Found {
  state: RunState;
  /** Of the item's node, if it names one; null: the workflow that ran had no such node. */
  node?: NodeState | null;
}

export type DependentResult = "SUCCESS" | "WAITING" | "FAILED";

/** What is looked up: an item's job in one of its stretches. */
export interface Lookup {
  item: DependentItem;
  stretch: Stretch;
}

/** All that a tree looks up, for a run that stands for `at`; `resultOf` wants the answers in this order. */
export function lookupsOf(tree: DependentTree, at: number, timeZone: string): Lookup[] {
  return itemsOf(tree).flatMap((item) =>
    stretchesOf(item.cycle, at, timeZone).map((stretch) => ({ item, stretch })),
  );
}

export function itemsOf(tree: DependentTree): DependentItem[] {
  if ("all" in tree) return tree.all.flatMap(itemsOf);
  if ("any" in tree) return tree.any.flatMap(itemsOf);
  return [tree];
}

/** What the tree comes to; `found` has what each lookup found, null: no run yet. */
export function resultOf(
  tree: DependentTree,
  lookups: Lookup[],
  found: readonly (Found | null)[],
): DependentResult {
  const byItem = new Map<DependentItem, DependentResult[]>();
  for (const [at, { item }] of lookups.entries()) {
    byItem.set(item, [...(byItem.get(item) ?? []), resultOfRun(item, found[at] ?? null)]);
  }
  const walk = (node: DependentTree): DependentResult => {
    if ("all" in node) return first(node.all.map(walk), ["FAILED", "WAITING", "SUCCESS"]);
    if ("any" in node) return first(node.any.map(walk), ["SUCCESS", "WAITING", "FAILED"]);
    // Each of its stretches must have its success.
    return first(byItem.get(node) ?? [], ["FAILED", "WAITING", "SUCCESS"]);
  };
  return walk(tree);
}

const first = (results: DependentResult[], order: DependentResult[]): DependentResult =>
  order.find((result) => results.includes(result)) ?? "WAITING";

function resultOfRun({ node }: DependentItem, found: Found | null): DependentResult {
  if (found === null) return "WAITING";
  const ended = found.state === "SUCCEEDED" || found.state === "FAILED" || found.state === "CANCELLED";
  if (node === undefined) {
    if (found.state === "SUCCEEDED") return "SUCCESS";
    return ended || found.state === "SKIPPED" ? "FAILED" : "WAITING";
  }
  switch (found.node) {
    case "SUCCEEDED":
    case "IGNORED":
    case "FORCED":
    case "PASSED":
      return "SUCCESS";
    case "FAILED":
    case "CANCELLED":
    case "BLOCKED":
      return "FAILED";
    default:
      // Not decided, or not there; if the run is over, it never will be.
      return ended || found.state === "SKIPPED" ? "FAILED" : "WAITING";
  }
}
