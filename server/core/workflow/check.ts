/** Which workflows are accepted: reads what the API was given, and says all that is wrong with it at once. */
import { durationMs } from "../duration.ts";
import { refuseNul } from "../json.ts";
import { checkName } from "../name.ts";
import { badInput, Rejection } from "../rejection.ts";
import { checkRetry, type RetryInput } from "../retry.ts";
import { checkZone } from "../schedule/zone.ts";
import { checkArrows } from "./check-arrows.ts";
import { checkReferences } from "./check-references.ts";
import { isControlType } from "./control.ts";
import { readControl } from "./control-input.ts";
import type {
  FailureStrategy,
  NodeDefaults,
  NodeFailure,
  Notification,
  TimeoutAction,
  Workflow,
  WorkflowEvent,
  WorkflowNode,
} from "./graph.ts";

type Optional<T> = { [K in keyof T]?: T[K] | null | undefined };

/** The API's words: durations are ISO 8601 text, what is JSON is JSON text. What is absent or null takes its default. */
export type WorkflowInput = { nodes: NodeInput[] } & Optional<{
  failureStrategy: FailureStrategy;
  params: string;
  timeout: string;
  onTimeout: TimeoutAction;
  output: string;
  timeZone: string;
  notify: Notification[];
  layout: string;
}>;

export type NodeInput = { key: string } & Optional<{
  after: string[];
  type: string;
  job: string;
  description: string;
  input: string;
  params: string;
  group: string;
  priority: number;
  retry: RetryInput;
  timeout: string;
  onTimeout: TimeoutAction;
  delay: string;
  forbidden: boolean;
  onFailure: NodeFailure;
  cache: boolean;
}>;

/** More than anybody draws; a graph is looked at as a whole when one of its nodes ends. */
export const NODES_MAX = 2_000;
/** What a server keeps in memory of a definition, and sends to an editor. */
const WORKFLOW_BYTES = 2_000_000;
const LAYOUT_BYTES = 200_000;
const NOTIFY_MAX = 20;
/** Past this, the rest is more of the same. */
const FAULTS_SHOWN = 50;

const KEY = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/;
const PRIORITY = { min: 1, even: 5, max: 9 };

/** What is wrong, by its place below the workflow. */
export type Fault = (field: string, message: string) => void;

/** Throws BAD_INPUT with all faults; the first one's field is the rejection's. */
export function checkWorkflow(input: WorkflowInput, defaults: NodeDefaults, field = "workflow"): Workflow {
  const faults: { field: string; message: string }[] = [];
  const fault: Fault = (place, message) =>
    faults.push({ field: place === "" ? field : `${field}.${place}`, message });
  const workflow = read(input, defaults, fault);
  // Arrows are only worth a look when the names are right, and references when the arrows are.
  if (faults.length === 0) checkArrows(workflow, fault);
  if (faults.length === 0) checkReferences(workflow, fault);
  if (faults.length > 0) throw refusal(faults);
  return workflow;
}

function refusal(faults: { field: string; message: string }[]): Rejection {
  const [first] = faults;
  const shown = faults.slice(0, FAULTS_SHOWN);
  const message =
    faults.length === 1
      ? (first?.message ?? "")
      : `${faults.length} faults:\n${shown.map((one) => `- ${one.field}: ${one.message}`).join("\n")}`;
  return new Rejection("BAD_INPUT", message, first?.field, shown);
}

function read(input: WorkflowInput, defaults: NodeDefaults, fault: Fault): Workflow {
  if (input.nodes.length === 0) fault("nodes", "a workflow has at least one node");
  if (input.nodes.length > NODES_MAX)
    fault("nodes", `${input.nodes.length} are too many; at most ${NODES_MAX} are allowed`);
  if (Buffer.byteLength(JSON.stringify(input)) > WORKFLOW_BYTES) {
    fault("", `is larger than ${WORKFLOW_BYTES} bytes: put large inputs into files or tables and name them`);
  }
  const attempt = <T>(place: string, check: () => T): T | undefined => tried(place, fault, check);
  const nodes = input.nodes.slice(0, NODES_MAX).map((node, at) => readNode(node, `nodes[${at}]`, fault));
  const { timeout, notify, layout, output, params } = input;
  if (layout != null && layout.length > LAYOUT_BYTES)
    fault("layout", `is larger than ${LAYOUT_BYTES} characters`);
  if ((notify?.length ?? 0) > NOTIFY_MAX) fault("notify", `at most ${NOTIFY_MAX} are allowed`);
  for (const [at, { job }] of (notify ?? []).entries()) attempt(`notify[${at}]`, () => checkName(job, "job"));
  const timeZone = input.timeZone ?? "UTC";
  attempt("", () => checkZone(timeZone));
  const workflow: Workflow = {
    nodes,
    failureStrategy: input.failureStrategy ?? "CONTINUE",
    params: params == null ? {} : (attempt("", () => objectOf(params, "params")) ?? {}),
    timeZone,
    notify: (notify ?? []).map(({ on, job }) => ({ on: [...new Set<WorkflowEvent>(on)], job })),
    onTimeout: input.onTimeout ?? "FAIL",
    defaults,
  };
  if (output != null && attempt("output", () => refuseNul(output, "")) === undefined)
    workflow.output = output;
  if (layout != null) workflow.layout = layout;
  if (timeout != null) workflow.timeoutMs = attempt("", () => positiveMs(timeout, "timeout")) ?? 0;
  return workflow;
}

function readNode(given: NodeInput, place: string, fault: Fault): WorkflowNode {
  const attempt = <T>(check: () => T): T | undefined => tried(place, fault, check);
  const wrong: Fault = (field, message) => fault(`${place}.${field}`, message);
  const { key, input, params, timeout, delay, priority, retry, description, group, job } = given;
  if (!KEY.test(key)) {
    wrong(
      "key",
      `"${key.slice(0, 80)}" may hold 1 to 64 letters, digits and . _ - and must not start with . or -`,
    );
  }
  const node: WorkflowNode = { key, after: [...new Set(given.after ?? [])], type: given.type ?? "" };
  if (given.type == null) wrong("type", "names the task type, or one of the control plane's own");
  else if (isControlType(given.type)) {
    const value = input == null ? undefined : attempt(() => parsed(input, "input"));
    const read = readControl(given.type, job ?? undefined, value);
    if ("control" in read) node.control = read.control;
    else for (const { path, message } of read.faults) wrong(path, message);
    const idle = (["group", "retry", "cache"] as const).filter(
      (field) => given[field] != null && given[field] !== false,
    );
    for (const field of idle)
      wrong(field, "is for tasks; no worker runs this node, and it is never tried again");
  } else {
    attempt(() => checkName(given.type ?? "", "type"));
    if (job != null) wrong("job", "is for nodes of type workflow and dynamic");
  }
  if (input != null && attempt(() => parsed(input, "input")) !== undefined) node.input = input;
  if (params != null && attempt(() => objectOf(params, "params")) !== undefined) node.params = params;
  if (description != null) node.description = description.slice(0, 2_000);
  if (group != null) node.group = attempt(() => checkName(group, "group")) ?? "";
  if (priority != null && priority !== PRIORITY.even) {
    node.priority = priority;
    if (!(Number.isInteger(priority) && priority >= PRIORITY.min && priority <= PRIORITY.max)) {
      wrong(
        "priority",
        `must be a whole number from ${PRIORITY.min} to ${PRIORITY.max}; ${PRIORITY.even} is even`,
      );
    }
  }
  const policy = attempt(() => checkRetry(retry));
  if (policy != null) node.retry = policy;
  if (timeout != null) node.timeoutMs = attempt(() => positiveMs(timeout, "timeout")) ?? 0;
  if (given.onTimeout != null && given.onTimeout !== "FAIL") node.onTimeout = given.onTimeout;
  if (delay != null) node.delayMs = attempt(() => durationMs(delay, "delay")) ?? 0;
  if (given.forbidden) node.forbidden = true;
  if (given.onFailure === "IGNORE") node.onFailure = "IGNORE";
  if (given.cache) node.cache = true;
  return node;
}

/** What a check says, with its place; undefined when it refuses. */
function tried<T>(place: string, fault: Fault, check: () => T): T | undefined {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof Rejection)) throw error;
    fault([place, error.field].filter(Boolean).join("."), error.message);
    return undefined;
  }
}

function positiveMs(text: string, field: string): number {
  const ms = durationMs(text, field);
  if (ms <= 0) throw badInput(field, "must be longer than zero");
  return ms;
}

function parsed(json: string, field: string): unknown {
  refuseNul(json, field);
  return JSON.parse(json);
}

function objectOf(json: string, field: string): Record<string, unknown> {
  const value = parsed(json, field);
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw badInput(field, "must be an object");
}
