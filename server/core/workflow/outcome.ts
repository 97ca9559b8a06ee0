/** What a workflow's run ends with: which of its nodes are read for that, and its output or error. */
import type { Members, NodeResult, RunFacts } from "../params/scope.ts";
import { checkTemplate, resolveTemplate } from "../params/template.ts";
import { globalParams } from "./begin-node.ts";
import { failuresIn } from "./failures.ts";
import { type Workflow, wiringOf } from "./graph.ts";
import type { NodeState } from "./state.ts";

/** Errors of so many nodes are told; the others are among the node runs. */
const TOLD = 5;

/** Places of the nodes whose outputs, or errors, an end is made of. */
export function readAtEnd(
  workflow: Workflow,
  states: readonly NodeState[],
  end: "SUCCEEDED" | "FAILED" | "CANCELLED",
): number[] {
  if (end === "CANCELLED") return [];
  if (end === "FAILED") return failuresIn(workflow, states).slice(0, TOLD);
  const { indexOf, after } = wiringOf(workflow);
  if (workflow.output === undefined) {
    return workflow.nodes.flatMap((_, place) => ((after[place] ?? []).length === 0 ? [place] : []));
  }
  return checkTemplate(JSON.parse(workflow.output), "output").nodes.flatMap(
    ({ key }) => indexOf.get(key) ?? [],
  );
}

/** The output as JSON text; null: none. Throws BAD_INPUT and LIMIT_EXCEEDED when the template cannot be resolved. */
export function outputOf(
  workflow: Workflow,
  run: RunFacts,
  startup: Members,
  nodes: Readonly<Record<string, NodeResult>>,
): string | null {
  if (workflow.output === undefined) {
    const outputs = Object.entries(nodes).filter(([, { output }]) => output !== undefined);
    return outputs.length === 0
      ? null
      : JSON.stringify(Object.fromEntries(outputs.map(([key, { output }]) => [key, output])));
  }
  const global = globalParams(workflow, run, startup);
  const params = { ...global, ...startup };
  const { value } = resolveTemplate(
    JSON.parse(workflow.output),
    { params, names: params, nodes, run },
    "output",
  );
  return JSON.stringify(value);
}

/** The error of a run that failed by its nodes, `errors` being those of the first of them. */
export function failureOf(
  workflow: Workflow,
  states: readonly NodeState[],
  errors: readonly { key: string; message: string }[],
): { message: string; type: string } {
  const failed = failuresIn(workflow, states).filter((place) => states[place] === "FAILED");
  const [first] = errors;
  const keys = failed.map((place) => `"${workflow.nodes[place]?.key}"`);
  const shown =
    keys.slice(0, TOLD).join(", ") + (keys.length > TOLD ? ` and ${keys.length - TOLD} more` : "");
  const which = keys.length === 1 ? `node ${shown} failed` : `${keys.length} nodes failed: ${shown}`;
  if (keys.length === 0) return { message: "a node was cancelled", type: "NodeCancelled" };
  return { message: first ? `${which}; ${first.key}: ${first.message}` : which, type: "NodeFailed" };
}
