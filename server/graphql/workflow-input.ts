/** Workflows as they are given, and as a job gives them back: the same members by the same names. */
import type { NodeInput as NodeWords, WorkflowInput as WorkflowWords } from "../core/workflow/check.ts";
import type {
  TimeoutAction as Action,
  WorkflowEvent as Event,
  NodeFailure as Failure,
  Notification,
  FailureStrategy as Strategy,
  Workflow,
  WorkflowNode,
} from "../core/workflow/graph.ts";
import { builder } from "./builder.ts";
import { textOf } from "./json.ts";
import { Retry, RetryInput } from "./retry.ts";

export const FailureStrategy = builder.enumType("FailureStrategy", {
  description: "What a failed node means to the nodes that it does not lead to.",
  values: {
    CONTINUE: { description: "They run; the workflow fails when they have ended." },
    END: { description: "What runs is cancelled, and nothing more starts." },
  } satisfies Record<Strategy, object>,
});

const TimeoutAction = builder.enumType("TimeoutAction", {
  description: "What happens when a time is over.",
  values: {
    FAIL: { description: "The attempt fails; of a workflow, all of it." },
    WARN: { description: "Whoever wants to know is told (TIMEOUT), and it goes on." },
    BOTH: { description: "Both." },
  } satisfies Record<Action, object>,
});

const NodeFailure = builder.enumType("NodeFailure", {
  description: "What a node's failure means, when its retries are used up.",
  values: {
    FAIL: { description: "What comes after it does not run." },
    IGNORE: { description: "It counts as passed." },
  } satisfies Record<Failure, object>,
});

const WorkflowEvent = builder.enumType("WorkflowEvent", {
  values: {
    STARTED: {},
    SUCCEEDED: {},
    FAILED: {},
    CANCELLED: {},
    SUSPENDED: {},
    TIMEOUT: { description: "It, or a node of it, runs for longer than its timeout." },
    NODE_FAILED: {},
  } satisfies Record<Event, object>,
});

const NotifyInput = builder.inputType("NotifyInput", {
  description: "A job that is started to tell of events; its input says which.",
  fields: (t) => ({
    on: t.field({ type: [WorkflowEvent], required: true }),
    job: t.string({ required: true, description: "Of the same namespace." }),
  }),
});

const NodeInput = builder.inputType("NodeInput", {
  fields: (t) => ({
    key: t.string({ required: true }),
    after: t.stringList({ defaultValue: [], description: "Keys of the nodes right before it." }),
    type: t.string({
      description:
        "The task type of a worker, or one of the control plane's own: workflow, dependent, conditions, switch, dynamic, join, wait, approval.",
    }),
    job: t.string({ description: "For workflow and dynamic: the job to run." }),
    description: t.string(),
    input: t.field({
      type: "JSON",
      description:
        "${params.x}, ${nodes.key.output.y} and the time placeholders are substituted; of the control plane's own types, what they do.",
    }),
    params: t.field({ type: "JSON", description: "Local parameters, an object." }),
    group: t.string({ description: "Unset: the workflow's." }),
    priority: t.int({
      defaultValue: 5,
      description: "1 to 9: among nodes that could start at the same moment, higher starts first.",
    }),
    retry: t.field({ type: RetryInput, description: "Unset: the workflow's job's." }),
    timeout: t.field({ type: "Duration", description: "Of one attempt. Unset: the workflow's job's." }),
    onTimeout: t.field({ type: TimeoutAction, defaultValue: "FAIL" }),
    delay: t.field({ type: "Duration", description: "From the moment it could start." }),
    forbidden: t.boolean({ defaultValue: false, description: "It is not run, and counts as passed." }),
    onFailure: t.field({ type: NodeFailure, defaultValue: "FAIL" }),
    cache: t.boolean({
      defaultValue: false,
      description: "An equal input is answered with what it led to before, as long as the node is the same.",
    }),
  }),
});

export const WorkflowInput = builder.inputType("WorkflowInput", {
  description: "A graph of nodes.",
  fields: (t) => ({
    nodes: t.field({ type: [NodeInput], required: true }),
    failureStrategy: t.field({ type: FailureStrategy, defaultValue: "CONTINUE" }),
    params: t.field({
      type: "JSON",
      description:
        "Global parameters, an object; a start's input, an object, takes their place name by name.",
    }),
    timeout: t.field({ type: "Duration", description: "Of the whole. Unset: none." }),
    onTimeout: t.field({ type: TimeoutAction, defaultValue: "FAIL" }),
    output: t.field({
      type: "JSON",
      description: "Of the whole, with references. Unset: the outputs of its last nodes, by key.",
    }),
    timeZone: t.string({
      defaultValue: "UTC",
      description: "Of time placeholders and date cycles, unless its trigger's schedule has one.",
    }),
    notify: t.field({ type: [NotifyInput] }),
    layout: t.field({ type: "JSON", description: "Where an editor has drawn the nodes." }),
  }),
});

/** As the check in core reads it. */
export function readWorkflow(input: typeof WorkflowInput.$inferInput): WorkflowWords;
export function readWorkflow(input: null | undefined): null | undefined;
export function readWorkflow(
  input: typeof WorkflowInput.$inferInput | null | undefined,
): WorkflowWords | null | undefined;
export function readWorkflow(
  input: typeof WorkflowInput.$inferInput | null | undefined,
): WorkflowWords | null | undefined {
  if (input == null) return input;
  return {
    ...input,
    nodes: input.nodes.map(
      (node): NodeWords => ({ ...node, input: textOf(node.input), params: textOf(node.params) }),
    ),
    params: textOf(input.params),
    output: textOf(input.output),
    layout: textOf(input.layout),
  };
}

const Notify = builder.objectRef<Notification>("Notify").implement({
  fields: (t) => ({
    on: t.expose("on", { type: [WorkflowEvent] }),
    job: t.exposeString("job"),
  }),
});

export const WorkflowNodeType = builder.objectRef<WorkflowNode>("WorkflowNode").implement({
  fields: (t) => ({
    key: t.exposeString("key"),
    after: t.exposeStringList("after"),
    type: t.exposeString("type"),
    job: t.string({
      nullable: true,
      resolve: ({ control }) =>
        control?.kind === "workflow" || control?.kind === "dynamic" ? control.job : null,
    }),
    description: t.string({ nullable: true, resolve: ({ description }) => description }),
    input: t.field({ type: "JSON", nullable: true, resolve: ({ input }) => input }),
    params: t.field({ type: "JSON", nullable: true, resolve: ({ params }) => params }),
    group: t.string({ nullable: true, description: "Null: the workflow's.", resolve: ({ group }) => group }),
    priority: t.int({ resolve: ({ priority }) => priority ?? 5 }),
    retry: t.field({
      type: Retry,
      nullable: true,
      description: "Null: the workflow's job's.",
      resolve: ({ retry }) => retry,
    }),
    timeout: t.field({ type: "Duration", nullable: true, resolve: ({ timeoutMs }) => timeoutMs }),
    onTimeout: t.field({ type: TimeoutAction, resolve: ({ onTimeout }) => onTimeout ?? "FAIL" }),
    delay: t.field({ type: "Duration", nullable: true, resolve: ({ delayMs }) => delayMs }),
    forbidden: t.boolean({ resolve: ({ forbidden }) => forbidden ?? false }),
    onFailure: t.field({ type: NodeFailure, resolve: ({ onFailure }) => onFailure ?? "FAIL" }),
    cache: t.boolean({ resolve: ({ cache }) => cache ?? false }),
  }),
});

export const WorkflowType = builder.objectRef<Workflow>("Workflow").implement({
  fields: (t) => ({
    nodes: t.expose("nodes", { type: [WorkflowNodeType] }),
    failureStrategy: t.expose("failureStrategy", { type: FailureStrategy }),
    params: t.field({ type: "JSON", resolve: ({ params }) => JSON.stringify(params) }),
    timeout: t.field({ type: "Duration", nullable: true, resolve: ({ timeoutMs }) => timeoutMs }),
    onTimeout: t.expose("onTimeout", { type: TimeoutAction }),
    output: t.field({ type: "JSON", nullable: true, resolve: ({ output }) => output }),
    timeZone: t.exposeString("timeZone"),
    notify: t.expose("notify", { type: [Notify] }),
    layout: t.field({ type: "JSON", nullable: true, resolve: ({ layout }) => layout }),
  }),
});
