/** Whether what a workflow's templates and expressions name can be there when they are read. */
import { durationMs } from "../duration.ts";
import { checkParams } from "../params/definitions.ts";
import { checkTemplate } from "../params/template.ts";
import { Rejection } from "../rejection.ts";
import type { Fault } from "./check.ts";
import { ancestry } from "./cycles.ts";
import { type Workflow, type WorkflowNode, wiringOf } from "./graph.ts";
import { readsOf } from "./reads.ts";

/** Of a workflow whose arrows are right. */
export function checkReferences(workflow: Workflow, fault: Fault): void {
  const { nodes, params, output } = workflow;
  const wiring = wiringOf(workflow);
  const { indexOf } = wiring;
  const isBefore = ancestry(wiring);
  within("", fault, () => {
    const [node] = checkParams(params, "params", "global").nodes;
    if (node)
      fault("params", `node "${node.key}" has not run when the workflow begins; refer to it in a node`);
  });
  for (const [at, node] of nodes.entries()) {
    within(`nodes[${at}]`, fault, () => {
      for (const key of readsOf(node).nodes) {
        const place = indexOf.get(key);
        if (place === undefined) fault(`nodes[${at}]`, `refers to a node "${key}", which there is not`);
        else if (!isBefore(place, at)) {
          fault(
            `nodes[${at}]`,
            `refers to node "${key}", which does not come before it: put it, or one behind it, into its after`,
          );
        }
      }
      checkWait(node);
    });
  }
  if (output === undefined) return;
  within("", fault, () => {
    const references = checkTemplate(JSON.parse(output), "output");
    for (const secret of references.secrets) {
      fault("output", `is kept in the run; refer to the secret "${secret}" in the task that uses it`);
    }
    for (const { key } of references.nodes) {
      if (!indexOf.has(key)) fault("output", `refers to a node "${key}", which there is not`);
    }
  });
}

/** A time that is written out is checked at once; one that is referred to is when the node starts. */
function checkWait({ control, input }: WorkflowNode): void {
  if (control?.kind !== "wait" || control.signal !== undefined || input === undefined || /\$[{[]/.test(input))
    return;
  const { for: length, until } = JSON.parse(input);
  if (length !== undefined) durationMs(length, "input.for");
  else if (Number.isNaN(Date.parse(until))) {
    throw new Rejection(
      "BAD_INPUT",
      `"${until}" is no date and time such as 2026-01-31T09:30:00Z`,
      "input.until",
    );
  }
}

function within(place: string, fault: Fault, check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof Rejection)) throw error;
    fault([place, error.field].filter(Boolean).join("."), error.message);
  }
}
