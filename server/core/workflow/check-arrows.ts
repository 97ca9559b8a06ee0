/** Whether a graph's arrows make sense: known ends, no circles, and branches that lead somewhere. */
import type { Fault } from "./check.ts";
import type { ConditionTree } from "./control.ts";
import { findCycles } from "./cycles.ts";
import { type Workflow, type WorkflowNode, wiringOf } from "./graph.ts";

export function checkArrows(workflow: Workflow, fault: Fault): void {
  const { nodes } = workflow;
  const first = new Map<string, number>();
  for (const [at, { key }] of nodes.entries()) {
    const earlier = first.get(key);
    if (earlier === undefined) first.set(key, at);
    else fault(`nodes[${at}].key`, `"${key}" is the key of nodes[${earlier}], too`);
  }
  let known = first.size === nodes.length;
  for (const [at, { key, after }] of nodes.entries()) {
    for (const [n, before] of after.entries()) {
      if (before === key) fault(`nodes[${at}].after[${n}]`, "a node cannot come after itself");
      else if (!first.has(before)) fault(`nodes[${at}].after[${n}]`, `there is no node "${before}"`);
      else continue;
      known = false;
    }
  }
  if (!known) return;
  const wiring = wiringOf(workflow);
  for (const cycle of findCycles(wiring)) {
    const path = cycle.map((place) => nodes[place]?.key).join(" → ");
    fault("nodes", `these wait for each other: ${path}`);
  }
  for (const [at, node] of nodes.entries()) checkBranches(workflow, node, at, fault);
}

/** A node that chooses names those right after it, each of them, and is told of those right before it. */
function checkBranches(
  workflow: Workflow,
  { control, after, key }: WorkflowNode,
  at: number,
  fault: Fault,
): void {
  if (control?.kind !== "switch" && control?.kind !== "conditions") return;
  const { nodes } = workflow;
  const next = (wiringOf(workflow).after[at] ?? []).map((place) => nodes[place]?.key ?? "");
  const branches =
    control.kind === "switch"
      ? [
          ...control.cases.map(({ to }, n) => ({ keys: to, place: `cases[${n}].to` })),
          { keys: control.otherwise, place: "default" },
        ]
      : [
          { keys: control.success, place: "success" },
          { keys: control.failure, place: "failure" },
        ];
  const led = new Set<string>();
  for (const { keys, place } of branches) {
    for (const name of keys) {
      led.add(name);
      if (!next.includes(name)) {
        fault(
          `nodes[${at}].input.${place}`,
          `"${name}" is not right after "${key}": put "${key}" into its after`,
        );
      }
    }
  }
  for (const name of next) {
    if (!led.has(name)) fault(`nodes[${at}].input`, `no branch leads to "${name}", which comes after it`);
  }
  if (control.kind !== "conditions") return;
  for (const name of namedIn(control.when)) {
    if (!after.includes(name)) {
      fault(`nodes[${at}].input.when`, `"${name}" is not right before it: put "${name}" into its after`);
    }
  }
}

function namedIn(tree: ConditionTree): string[] {
  if ("all" in tree) return tree.all.flatMap(namedIn);
  if ("any" in tree) return tree.any.flatMap(namedIn);
  return [tree.node];
}
