/** SUB_PROCESS tasks: another process as a node. */
import { jobOf, type NodeContext, type NodeKind } from "../context.ts";
import { reference } from "../readers.ts";
import { nodeInput } from "./sub-input.ts";

/** Names of the field in which versions name the other process. */
export const OTHER_PROCESS = ["processDefinitionCode", "workflowDefinitionCode", "processDefinitionId"];

export function subProcess(context: NodeContext): NodeKind {
  const { params } = context.task;
  const code = reference(params, OTHER_PROCESS, "job");
  const { job, process } = jobOf(context, code);
  return { type: "workflow", job, input: nodeInput(context, process), isControl: true };
}
