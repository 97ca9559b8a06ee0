/** Runs of workflows and of their nodes: how far they are. */

import type { Workflow, WorkflowNode } from "../core/workflow/graph.ts";
import type { RunOptions } from "../core/workflow/scope.ts";
import { NODE_SCOPES } from "../core/workflow/scope.ts";
import type { NodeState as State } from "../core/workflow/state.ts";
import type { WorkflowRun } from "../store/workflow-runs.ts";
import { builder } from "./builder.ts";
import { present, visible } from "./context.ts";
import { RunType } from "./run.ts";
import { FailureStrategy, WorkflowNodeType, WorkflowType } from "./workflow-input.ts";

export const NodeScope = builder.enumType("NodeScope", {
  description:
    "ONLY the named nodes, with all that come after them (FORWARD), or with all that come before (BACKWARD).",
  values: NODE_SCOPES,
});

const NodeState = builder.enumType("NodeState", {
  values: {
    PENDING: { description: "Not decided yet." },
    STARTED: { description: "It has a run that has not ended." },
    SUCCEEDED: {},
    FAILED: {},
    IGNORED: { description: "It failed, which its onFailure ignores." },
    FORCED: { description: "A person called its failure a success." },
    SKIPPED: { description: "No branch led to it." },
    PASSED: {
      description: "It was not to be run and counts as passed: forbidden, or left out by the start.",
    },
    CANCELLED: {},
    BLOCKED: { description: "Something before it failed." },
  } satisfies Record<State, object>,
});

/** Nothing has been decided of a run that waits. */
interface Progress {
  workflow: Workflow;
  run: WorkflowRun | null;
}

interface NodeProgress {
  node: WorkflowNode;
  state: State;
  runId: string | null;
}

const NodeProgressType = builder.objectRef<NodeProgress>("NodeProgress").implement({
  fields: (t) => ({
    key: t.string({ resolve: ({ node }) => node.key }),
    state: t.expose("state", { type: NodeState }),
    node: t.expose("node", { type: WorkflowNodeType }),
    run: t.field({
      type: RunType,
      nullable: true,
      description: "The newest, if it was run several times.",
      resolve: async ({ runId }, _args, context) =>
        runId === null ? null : visible(context, await context.load.run(runId)),
    }),
  }),
});

/** A graph of 2,000 nodes, each with its run: asked for by one run's page, not by every line of a list. */
const NODES_COST = 50;

const optionsOf = ({ run }: Progress): RunOptions => run?.options ?? {};

const ProgressType = builder.objectRef<Progress>("WorkflowProgress").implement({
  description: "How far a workflow's run is.",
  fields: (t) => ({
    workflow: t.expose("workflow", {
      type: WorkflowType,
      description: "As it was when the run was started.",
    }),
    nodes: t.field({
      type: [NodeProgressType],
      complexity: { field: 1, multiplier: NODES_COST },
      resolve: ({ workflow, run }) =>
        workflow.nodes.map((node, place) => ({
          node,
          state: run?.states[place] ?? "PENDING",
          runId: run?.members.get(place) ?? null,
        })),
    }),
    failureStrategy: t.field({
      type: FailureStrategy,
      resolve: (progress) => optionsOf(progress).failureStrategy ?? progress.workflow.failureStrategy,
    }),
    dryRun: t.boolean({
      description: "Its nodes are walked through, and none is run.",
      resolve: (progress) => optionsOf(progress).dryRun ?? false,
    }),
    startNodes: t.stringList({
      nullable: true,
      description: "Where it was started; null: everywhere.",
      resolve: (progress) => optionsOf(progress).nodes,
    }),
    nodeScope: t.field({
      type: NodeScope,
      nullable: true,
      resolve: (progress) => optionsOf(progress).nodeScope,
    }),
    stopping: t.boolean({
      description: "What runs of it has been told to stop.",
      resolve: ({ run }) => run?.halt != null,
    }),
    signals: t.stringList({
      description: "Names of the signals it was sent.",
      resolve: ({ run }) => run?.signals ?? [],
    }),
  }),
});

builder.objectFields(RunType, (t) => ({
  nodeKey: t.string({
    nullable: true,
    description: "Of a node's run: the node's key in the workflow of its parent.",
    resolve: async ({ jobId }, _args, { load }) => (await present(load.job(jobId))).node,
  }),
  workflow: t.field({
    type: ProgressType,
    nullable: true,
    description: "Of a workflow's run: its graph, and the states of its nodes.",
    resolve: async ({ id, versionId }, _args, { catalog, load }) => {
      const workflow = (await catalog.versions([versionId])).get(versionId)?.workflow;
      return workflow ? { workflow, run: await load.workflowRun(id) } : null;
    },
  }),
}));
