/**
 * What a workflow does next: a function of its graph and of what became of its nodes. The engine does what it says and
 * asks again. DolphinScheduler's rules, with the corrections of SEMANTICS D2 to D6:
 *
 *   - a node is decided when all before it are over; it runs if none of them failed (D4)
 *   - it is skipped if no arrow leads to it any more: every node before it was skipped, or chose another branch (D4, D6)
 *   - conditions and joins run whatever became of those before them, unless none of them was run (D6)
 *   - a failed node all of whose successors are conditions does not fail the workflow (D4)
 *   - END cancels what runs and starts nothing more once a node has failed the workflow; CONTINUE goes on beside it (D2)
 */
import { anyFailure } from "./failures.ts";
import { type FailureStrategy, type Wiring, type Workflow, wiringOf } from "./graph.ts";
import { hasFailed, hasPassed, isOver, type NodeState } from "./state.ts";

/** What is known of a workflow's run. Nodes are named by their place in the graph. */
export interface Progress {
  states: readonly NodeState[];
  /** Where nodes that choose have gone on, by node; places of those after them. */
  chosen: ReadonlyMap<number, readonly number[]>;
  /** Nothing is to start for now. */
  suspended: boolean;
  /** Somebody cancelled it, or its time is over: nothing starts any more. */
  cancelled: boolean;
  failureStrategy: FailureStrategy;
  /** Nodes that start whatever became of those before them. */
  forced?: ReadonlySet<number>;
}

export interface Step {
  /** To be started, in the order of the graph. */
  start: number[];
  /** Decided without a run: their new states. */
  settle: { index: number; state: "SKIPPED" | "PASSED" | "BLOCKED" }[];
  /** What runs is to be cancelled. */
  stop: boolean;
  /** Nothing more will happen: what the whole ends as. */
  end: "SUCCEEDED" | "FAILED" | "CANCELLED" | null;
}

export function advance(workflow: Workflow, progress: Progress): Step {
  const wiring = wiringOf(workflow);
  const states = [...progress.states];
  const failed = anyFailure(workflow, states);
  const stopping = progress.cancelled || (progress.failureStrategy === "END" && failed);
  const start: number[] = [];
  const settle: Step["settle"] = [];
  if (!stopping) {
    // What is decided may decide what comes after it; arrows go one way, so each node is looked at once per arrow.
    const queue = states.flatMap((state, index) => (state === "PENDING" ? [index] : []));
    for (let at = 0; at < queue.length; at++) {
      const index = queue[at] as number;
      if (states[index] !== "PENDING") continue;
      const verdict = progress.forced?.has(index)
        ? "START"
        : verdictOf(workflow, wiring, states, progress.chosen, index);
      if (verdict === null) continue;
      if (verdict === "START") {
        if (progress.suspended) continue;
        states[index] = "STARTED";
        start.push(index);
        continue;
      }
      states[index] = verdict;
      settle.push({ index, state: verdict });
      queue.push(...(wiring.after[index] ?? []));
    }
  }
  const running = states.some((state) => state === "STARTED");
  return {
    start: start.sort((a, b) => a - b),
    settle,
    stop: stopping && running,
    end: running ? null : endOf(workflow, states, progress, stopping),
  };
}

/** Null: it is too early to say. */
function verdictOf(
  { nodes }: Workflow,
  { before }: Wiring,
  states: readonly NodeState[],
  chosen: Progress["chosen"],
  index: number,
): "START" | "SKIPPED" | "PASSED" | "BLOCKED" | null {
  const node = nodes[index];
  const places = before[index] ?? [];
  if (!node || places.some((place) => !isOver(states[place] ?? "PENDING"))) return null;
  const led = places.filter((place) => leadsTo(states, chosen, place, index));
  if (places.length > 0 && led.length === 0) return "SKIPPED";
  const indifferent = node.control?.kind === "conditions" || node.control?.kind === "join";
  const blocked = indifferent
    ? led.length > 0 && led.every((place) => states[place] === "BLOCKED")
    : led.some((place) => hasFailed(states[place] ?? "PENDING"));
  if (blocked) return "BLOCKED";
  return node.forbidden ? "PASSED" : "START";
}

/** Whether the arrow from `place` to `index` still counts. */
function leadsTo(
  states: readonly NodeState[],
  chosen: Progress["chosen"],
  place: number,
  index: number,
): boolean {
  if (states[place] === "SKIPPED") return false;
  // One that did not get to choose leads everywhere: its failure is what those after it see.
  const branches = hasPassed(states[place] ?? "PENDING") ? chosen.get(place) : undefined;
  return branches === undefined || branches.includes(index);
}

function endOf(
  workflow: Workflow,
  states: readonly NodeState[],
  { suspended, cancelled }: Progress,
  stopping: boolean,
): Step["end"] {
  if (cancelled) return "CANCELLED";
  const open = states.some((state) => state === "PENDING");
  if (stopping) return "FAILED";
  if (open) {
    if (suspended) return null;
    throw new Error("a workflow has nodes that nothing will decide");
  }
  return anyFailure(workflow, states) ? "FAILED" : "SUCCEEDED";
}
