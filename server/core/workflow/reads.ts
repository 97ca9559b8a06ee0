/** What a node reads of the nodes before it, so that only that is looked up when it starts. */
import { checkExpression } from "../expression/expression.ts";
import { checkParams } from "../params/definitions.ts";
import { checkTemplate } from "../params/template.ts";
import { badInput } from "../rejection.ts";
import { type Workflow, type WorkflowNode, wiringOf } from "./graph.ts";
import { isOver, type NodeState, wasRun } from "./state.ts";

export interface Reads {
  /** Keys of the nodes whose state or output it names. */
  nodes: ReadonlySet<string>;
  /** An expression walks over all nodes there are. */
  allNodes: boolean;
  /** Names that it looks up by precedence, and so perhaps in what nodes before it have put out. */
  names: ReadonlySet<string>;
}

const NOTHING: Reads = { nodes: new Set(), allNodes: false, names: new Set() };

/** Nodes whose input is a template; that of the others says what they are. */
export const hasTemplate = ({ control }: WorkflowNode): boolean =>
  control === undefined || ["workflow", "dynamic", "wait", "approval"].includes(control.kind);

/** Texts without these are no templates. */
const mayRefer = (json: string): boolean => json.includes("${") || json.includes("$[");

/** Throws BAD_INPUT for what is no reference or expression, with its place in the node as field. */
export function readsOf({ input, params, control, ...node }: WorkflowNode): Reads {
  const nodes = new Set<string>();
  const names = new Set<string>();
  let allNodes = false;
  const add = (keys: readonly { key: string }[], words: readonly string[]): void => {
    for (const { key } of keys) nodes.add(key);
    for (const word of words) names.add(word);
  };
  if (input !== undefined && hasTemplate({ ...node, ...(control ? { control } : {}) }) && mayRefer(input)) {
    const references = checkTemplate(JSON.parse(input), "input");
    const [secret] = references.secrets;
    if (secret !== undefined && control) {
      throw badInput("input", `secrets go to workers; refer to "${secret}" in the task that uses it`);
    }
    add(references.nodes, references.names);
  }
  if (params !== undefined && mayRefer(params)) {
    const references = checkParams(JSON.parse(params), "params", "local");
    add(references.nodes, references.names);
  }
  const expressions =
    control?.kind === "switch"
      ? control.cases.map(({ when }, n) => ({ text: when, field: `input.cases[${n}].when` }))
      : control?.kind === "dynamic" && control.filter !== undefined
        ? [{ text: control.filter, field: "input.filter" }]
        : [];
  for (const { text, field } of expressions) {
    const references = checkExpression(text, field);
    add(references.nodes, references.params);
    allNodes ||= references.allNodes;
  }
  return nodes.size + names.size === 0 && !allNodes ? NOTHING : { nodes, allNodes, names };
}

interface WorkflowReads {
  byPlace: Reads[];
  /** All names that any node looks up: what nodes hand on. */
  names: ReadonlySet<string>;
}

const known = new WeakMap<Workflow, WorkflowReads>();

/** Of an accepted workflow; kept with the object. */
export function workflowReads(workflow: Workflow): WorkflowReads {
  const before = known.get(workflow);
  if (before) return before;
  const byPlace = workflow.nodes.map(readsOf);
  const reads = { byPlace, names: new Set(byPlace.flatMap(({ names }) => [...names])) };
  known.set(workflow, reads);
  return reads;
}

/** Whether any node looks a name up, so that what nodes put out is handed on. */
export const handsOn = (workflow: Workflow): boolean => workflowReads(workflow).names.size > 0;

/** Places whose runs have to be looked at before the node at `place` can start. */
export interface LookedAt {
  /** Of the nodes it names. */
  named: number[];
  /** Of those right before it, for what they hand on; one that was not run stands for those before it. */
  upstream: number[];
}

export function lookedAt(workflow: Workflow, place: number, states: readonly NodeState[]): LookedAt {
  const { indexOf, before } = wiringOf(workflow);
  const { nodes, allNodes } = workflowReads(workflow).byPlace[place] ?? NOTHING;
  const named = allNodes
    ? states.flatMap((state, at) => (isOver(state) ? [at] : []))
    : [...nodes].flatMap((key) => indexOf.get(key) ?? []);
  if (!handsOn(workflow)) return { named, upstream: [] };
  const ran = (at: number): boolean => wasRun(states[at] ?? "PENDING");
  const reached = new Set(before[place] ?? []);
  for (const one of reached) if (!ran(one)) for (const earlier of before[one] ?? []) reached.add(earlier);
  return { named, upstream: [...reached].filter(ran) };
}
