/** Where the runs of a workflow and of its nodes queue, and what each attempt of a node is given. */
import type { Requirement } from "../placement.ts";
import type { RetryPolicy } from "../retry.ts";
import type { Workflow, WorkflowNode } from "./graph.ts";

/** No executor can name it: queues of this group hold what the control plane runs itself. */
export const WORKFLOW_GROUP = ":workflow";

/** The type of those queues, of which each namespace has one. */
export const WORKFLOW_TYPE = "workflow";

/** A node's job: what each of its runs is made from. */
export interface NodeJob {
  group: string;
  type: string;
  requirement: Requirement;
  retry: RetryPolicy | null;
  /** Null: it may take as long as it takes. */
  timeoutMs: number | null;
  /** Null: nobody is told that it takes long. */
  warnMs: number | null;
}

export function nodeJob({ defaults }: Workflow, node: WorkflowNode): NodeJob {
  const own = node.control !== undefined;
  const timeoutMs = node.timeoutMs ?? (own ? null : defaults.timeoutMs);
  return {
    group: own ? WORKFLOW_GROUP : (node.group ?? defaults.group),
    type: own ? WORKFLOW_TYPE : node.type,
    requirement: own || defaults.requires === null ? {} : { labels: defaults.requires },
    retry: own ? { kind: "off" } : (node.retry ?? defaults.retry),
    timeoutMs: node.onTimeout === "WARN" ? null : timeoutMs,
    warnMs: node.onTimeout === "WARN" || node.onTimeout === "BOTH" ? timeoutMs : null,
  };
}

/** The same of the workflow's own run. */
export function workflowTimeout({
  timeoutMs: given,
  onTimeout,
}: Workflow): Pick<NodeJob, "timeoutMs" | "warnMs"> {
  const timeoutMs = given ?? null;
  return {
    timeoutMs: onTimeout === "WARN" ? null : timeoutMs,
    warnMs: onTimeout === "FAIL" ? null : timeoutMs,
  };
}

/** A node's job is named after both; no other job can have such a name. */
export const nodeJobName = (workflow: string, key: string): string => `${workflow}#${key}`;
