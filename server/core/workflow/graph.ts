/** A workflow's graph as it is stored, and the order of its nodes. check.ts says which graphs are accepted. */
import type { RetryPolicy } from "../retry.ts";
import type { Control } from "./control.ts";

export interface Workflow {
  nodes: WorkflowNode[];
  failureStrategy: FailureStrategy;
  /** Global parameters, a JSON object. */
  params: Record<string, unknown>;
  /** What the workflow's run answers with, JSON text of a template; absent: the outputs of the nodes that end it. */
  output?: string;
  /** Of time placeholders and date cycles, unless the run comes from a schedule that has one. */
  timeZone: string;
  /** Runs that tell of it: `job` is started with what happened as its input. */
  notify: Notification[];
  timeoutMs?: number;
  onTimeout: TimeoutAction;
  /** JSON text of where the editor has drawn the nodes. */
  layout?: string;
  /** What task nodes have that say nothing themselves: the job's own. */
  defaults: NodeDefaults;
}

export interface NodeDefaults {
  group: string;
  /** Labels of their executors. */
  requires: Record<string, string> | null;
  /** Null: the namespace's, else the server's. */
  retry: RetryPolicy | null;
  timeoutMs: number;
}

/** END cancels what runs when a node has failed; CONTINUE runs what does not depend on it (DolphinScheduler D2). */
export type FailureStrategy = "CONTINUE" | "END";

/** WARN only tells, FAIL ends the attempt as timed out, BOTH does both (D2). */
export type TimeoutAction = "FAIL" | "WARN" | "BOTH";

export type WorkflowEvent =
  | "STARTED"
  | "SUCCEEDED"
  | "FAILED"
  | "CANCELLED"
  | "SUSPENDED"
  | "TIMEOUT"
  | "NODE_FAILED";

export interface Notification {
  on: WorkflowEvent[];
  /** A job of the namespace. */
  job: string;
}

export interface WorkflowNode {
  key: string;
  /** Keys of the nodes before it. */
  after: string[];
  /** A worker's task type, or one of the control plane's own (control.ts). */
  type: string;
  /** What a node of the control plane's own does; absent for tasks. */
  control?: Control;
  description?: string;
  /** JSON text of a template; absent: no input. */
  input?: string;
  /** JSON text of an object: local parameters, a template each. */
  params?: string;
  /** Tasks only: where it runs; absent: the workflow's. */
  group?: string;
  /** Points above or below the others: 5 is even. */
  priority?: number;
  retry?: RetryPolicy;
  timeoutMs?: number;
  onTimeout?: TimeoutAction;
  /** So long after it could start. */
  delayMs?: number;
  /** It is not run, and counts as passed (D2). */
  forbidden?: boolean;
  onFailure?: NodeFailure;
  /** Tasks only: an equal input to an equal node is answered with what it led to before (D2). */
  cache?: boolean;
}

/** IGNORE: a failure counts as passed. */
export type NodeFailure = "FAIL" | "IGNORE";

/** A graph with its arrows both ways; nodes by their place. */
export interface Wiring {
  indexOf: ReadonlyMap<string, number>;
  /** Places of the nodes before each. */
  before: readonly (readonly number[])[];
  /** Places of the nodes after each. */
  after: readonly (readonly number[])[];
  /** The branches of each node that chooses: where it may go on; absent for others. */
  branches: readonly (readonly number[] | undefined)[];
}

const wirings = new WeakMap<Workflow, Wiring>();

/** Of an accepted workflow; kept with the object. */
export function wiringOf(workflow: Workflow): Wiring {
  const known = wirings.get(workflow);
  if (known) return known;
  const { nodes } = workflow;
  const indexOf = new Map(nodes.map(({ key }, index) => [key, index]));
  const place = (key: string): number => indexOf.get(key) ?? -1;
  const before = nodes.map(({ after }) => after.map(place));
  const after: number[][] = nodes.map(() => []);
  for (const [index, places] of before.entries()) for (const at of places) after[at]?.push(index);
  const branches = nodes.map(({ control }) => {
    if (control?.kind === "switch") {
      return [...control.cases.flatMap(({ to }) => to), ...control.otherwise].map(place);
    }
    return control?.kind === "conditions" ? [...control.success, ...control.failure].map(place) : undefined;
  });
  const wiring = { indexOf, before, after, branches };
  wirings.set(workflow, wiring);
  return wiring;
}
