/**
 * What the run of a node is given when it starts: its input with the references in it resolved; and of a node that
 * decides something, the decision, because all that it depends on is over by then.
 */
import { durationMs } from "../duration.ts";
import { evaluateCondition } from "../expression/expression.ts";
import { resolveParams } from "../params/definitions.ts";
import { effectiveParams, type UpstreamOutput } from "../params/precedence.ts";
import type { Members, NodeResult, RunFacts, TemplateScope } from "../params/scope.ts";
import { resolveTemplate, sealed } from "../params/template.ts";
import { badInput } from "../rejection.ts";
import type { ConditionTree, Control } from "./control.ts";
import { combinations } from "./dynamic.ts";
import { type Workflow, type WorkflowNode, wiringOf } from "./graph.ts";
import { hasTemplate, workflowReads } from "./reads.ts";
import { hasFailed, hasPassed, type NodeState } from "./state.ts";

export interface NodeFacts {
  run: RunFacts;
  /** Epoch milliseconds. */
  now: number;
  /** The start's input, if it is an object. */
  startup: Members;
  states: readonly NodeState[];
  /** Of the nodes it names that have ended. */
  nodes: Readonly<Record<string, NodeResult>>;
  /** What those before it have put out and handed on. */
  upstream: readonly UpstreamOutput[];
}

export interface NodeStart {
  /** JSON text; null: none. */
  input: string | null;
  /** From the moment it could start. */
  delayMs: number;
  /** JSON text of what it hands on from those before it; null: nothing. */
  handedOn: string | null;
}

/** Throws BAD_INPUT and LIMIT_EXCEEDED for what has no value, naming the place in the node. */
export function beginNode(workflow: Workflow, place: number, facts: NodeFacts): NodeStart {
  const node = workflow.nodes[place] as WorkflowNode;
  const delayMs = node.delayMs ?? 0;
  const start = { delayMs, handedOn: handedOn(workflow, facts.upstream) };
  const { control } = node;
  if (control?.kind === "switch") {
    const scope = scopeOf(workflow, node, facts);
    const at = control.cases.findIndex(({ when }, n) =>
      evaluateCondition(when, { ...scope, params: scope.names }, `input.cases[${n}].when`),
    );
    const to = control.cases[at]?.to ?? control.otherwise;
    return { ...start, input: JSON.stringify({ case: at < 0 ? "default" : at, to }) };
  }
  if (control?.kind === "conditions") {
    const holds = conditionHolds(workflow, control.when, facts.states);
    return { ...start, input: JSON.stringify({ holds, to: holds ? control.success : control.failure }) };
  }
  const input = node.input === undefined ? null : inputOf(workflow, node, facts);
  if (control?.kind === "dynamic")
    return { ...start, input: dynamicInput(workflow, node, control, input, facts) };
  if (control?.kind === "wait") return { ...start, input, delayMs: delayMs + waitMs(control, input, facts) };
  return { ...start, input };
}

function inputOf(workflow: Workflow, node: WorkflowNode, facts: NodeFacts): string | null {
  const { input = "null" } = node;
  if (!hasTemplate(node) || !(input.includes("${") || input.includes("$["))) return input;
  const resolved = resolveTemplate(JSON.parse(input), scopeOf(workflow, node, facts), "input");
  // What the control plane reads itself is claimed by nobody.
  return node.control ? JSON.stringify(resolved.value) : sealed(resolved);
}

/** Where the node's references and expressions look. */
function scopeOf(workflow: Workflow, node: WorkflowNode, facts: NodeFacts): TemplateScope {
  const { run, startup, nodes, upstream } = facts;
  const global = globalParams(workflow, run, startup);
  const params = { ...global, ...startup };
  const around = { params, nodes, run, node: { key: node.key } };
  const names = effectiveParams({ startup, upstream, global }).values;
  if (node.params === undefined) return { ...around, names };
  const local = resolveParams(JSON.parse(node.params), { ...around, names }, "local", startup, "params");
  return { ...around, names: effectiveParams({ startup, local, upstream, global }).values };
}

/** The workflow's own parameters, which may refer to each other and to the times of the run. */
export function globalParams({ params }: Workflow, run: RunFacts, startup: Members): Record<string, unknown> {
  return resolveParams(
    params,
    { params: {}, names: {}, nodes: {}, run },
    "global",
    startup,
    "workflow.params",
  );
}

/** Of what nodes have put out, only what some node looks up is handed on; the order of precedence is that among upstreams. */
function handedOn(workflow: Workflow, upstream: readonly UpstreamOutput[]): string | null {
  if (upstream.length === 0) return null;
  const { names } = workflowReads(workflow);
  const { values } = effectiveParams({ upstream });
  const kept = Object.entries(values).filter(([name]) => names.has(name));
  return kept.length === 0 ? null : JSON.stringify(Object.fromEntries(kept));
}

/** What a node before another one gives it: its own output's members, and what it was handed. */
export function upstreamOutput(
  workflow: Workflow,
  {
    key,
    endedAt,
    handedOn,
    output,
  }: { key: string; endedAt: number; handedOn: string | null; output: unknown },
): UpstreamOutput {
  const { names } = workflowReads(workflow);
  const own =
    typeof output === "object" && output !== null && !Array.isArray(output) ? Object.entries(output) : [];
  const inherited: Members = handedOn === null ? {} : JSON.parse(handedOn);
  return {
    node: key,
    endedAt,
    output: { ...inherited, ...Object.fromEntries(own.filter(([name]) => names.has(name))) },
  };
}

function conditionHolds(workflow: Workflow, tree: ConditionTree, states: readonly NodeState[]): boolean {
  if ("all" in tree) return tree.all.every((one) => conditionHolds(workflow, one, states));
  if ("any" in tree) return tree.any.some((one) => conditionHolds(workflow, one, states));
  const state = states[wiringOf(workflow).indexOf.get(tree.node) ?? -1] ?? "PENDING";
  if (tree.is === "SKIPPED") return state === "SKIPPED";
  return tree.is === "SUCCEEDED" ? hasPassed(state) : hasFailed(state);
}

function dynamicInput(
  workflow: Workflow,
  node: WorkflowNode,
  control: Extract<Control, { kind: "dynamic" }>,
  resolved: string | null,
  facts: NodeFacts,
): string {
  const { over, input = {} } = JSON.parse(resolved ?? "{}");
  const scope = scopeOf(workflow, node, facts);
  const { filter, max, maxParallel } = control;
  const keeps = (dynParams: Members): boolean =>
    filter === undefined ||
    evaluateCondition(filter, { ...scope, params: { ...scope.names, ...dynParams } }, "input.filter");
  return JSON.stringify({ runs: combinations(over, keeps, max), input, maxParallel });
}

/** Throws BAD_INPUT for what is neither a duration nor a time. */
function waitMs(
  { signal }: Extract<Control, { kind: "wait" }>,
  resolved: string | null,
  { now }: NodeFacts,
): number {
  if (signal !== undefined) return 0;
  const { for: length, until } = JSON.parse(resolved ?? "{}");
  if (length !== undefined) return durationMs(String(length), "input.for");
  const at = typeof until === "number" ? until : Date.parse(String(until));
  if (Number.isNaN(at))
    throw badInput("input.until", `"${until}" is no date and time such as 2026-01-31T09:30:00Z`);
  return Math.max(0, at - now);
}
