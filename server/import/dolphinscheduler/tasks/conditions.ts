/** CONDITIONS tasks: a branch by how the nodes before have ended. */
import { keyOf, type NodeContext, type NodeKind, problem } from "../context.ts";
import { reference, references, word } from "../readers.ts";
import type { Fields, Members } from "../report.ts";
import { treeOf } from "../tree.ts";

const STATES = new Map([
  ["SUCCESS", "SUCCEEDED"],
  ["7", "SUCCEEDED"],
  ["FAILURE", "FAILED"],
  ["6", "FAILED"],
]);

export function conditions(context: NodeContext): NodeKind {
  const { task } = context;
  const dependence = task.params.within("dependence") ?? task.fields.within("dependence");
  const result = task.params.within("conditionResult") ?? task.fields.within("conditionResult");
  const when = dependence && treeOf(dependence, "input.when", (item) => leafOf(context, item));
  if (when === null) problem(context, "has no condition");
  const [success, failure] = [
    branchOf(context, result, "successNode", "input.success"),
    branchOf(context, result, "failedNode", "input.failure"),
  ];
  result?.leave("conditionSuccess", "what an earlier instance found", true);
  dependence?.finish();
  result?.finish();
  return { type: "conditions", input: { when: when ?? { all: [] }, success, failure }, isControl: true };
}

function leafOf(context: NodeContext, item: Fields): Members | null {
  const node = keyOf(context, reference(item, ["depTaskCode", "depTasks"], "input.when") ?? null);
  const is = word(item, "status", "input.when", STATES);
  if (node === null) return null;
  if (is === undefined)
    problem(context, `asks whether ${node} is "${String(item.peek("status"))}", which is no end of a task`);
  if (!context.after.includes(node)) problem(context, `asks about ${node}, which is not right before it`);
  return { node, is: is ?? "SUCCEEDED" };
}

/** Keys of nodes; those that are not there are a problem each. */
export function branchOf(context: NodeContext, fields: Fields | null, name: string, to: string): string[] {
  if (fields === null) return [];
  return references(fields, name, to)
    .map((each) => keyOf(context, each))
    .filter((key) => key !== null);
}
