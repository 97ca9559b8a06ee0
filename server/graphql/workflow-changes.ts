/** What people do with runs of workflows; the engine says what is allowed when. */
import { checkName } from "../core/name.ts";
import { badInput } from "../core/rejection.ts";
import { INTERNAL_COMMANDS, refuseInternal, WORKFLOW_COMMANDS } from "../core/workflow/commands.ts";
import type { StartedRun } from "../engine/engine.ts";
import { checkText } from "../store/definitions.ts";
import { builder } from "./builder.ts";
import { whoIs } from "./caller.ts";
import { type Context, present } from "./context.ts";
import { RunType, runOf } from "./run.ts";
import { answer } from "./run-changes.ts";
import { NodeScope } from "./workflow-run.ts";

const RecoverMode = builder.enumType("RecoverMode", {
  values: {
    FAILED: { description: "Its failed nodes run again, and what comes after them." },
    SUSPENDED: {
      description: "What was suspended goes on; of a cancelled run, what was stopped or never began.",
    },
  },
});

const RunCommand = builder.enumType("RunCommand", {
  description: "DolphinScheduler's commands by name. The last five are the scheduler's own, and are refused.",
  values: [...WORKFLOW_COMMANDS, ...INTERNAL_COMMANDS] as const,
});

const isInternal = (command: string): command is (typeof INTERNAL_COMMANDS)[number] =>
  (INTERNAL_COMMANDS as readonly string[]).includes(command);

const byId = builder.args((t) => ({ id: t.id({ required: true }) }));
const words = (text: string | null | undefined, field: string): string | null =>
  text == null ? null : checkText(text, field);

/** The commands that have a mutation each, once more by their names. */
async function obey(
  { engine, principal }: Context,
  id: string,
  command: (typeof WORKFLOW_COMMANDS)[number],
  { node, reason }: { node: string | null; reason: string | null },
): Promise<StartedRun | null> {
  switch (command) {
    case "SUSPEND":
      await engine.suspendRun(id, whoIs(principal), reason);
      return null;
    case "RESUME":
      await engine.resumeRun(id);
      return null;
    case "STOP":
      return await engine.cancel(id, reason);
    case "RECOVER_FAILED":
      return await engine.recover(id, "FAILED");
    case "RECOVER_SUSPENDED":
      return await engine.recover(id, "SUSPENDED");
    case "RERUN":
      return await engine.rerun(id);
    case "EXECUTE_NODE":
      if (node === null) throw badInput("node", "names the node to run once more");
      return await engine.executeNode(id, node, "ONLY");
    case "FORCE_SUCCESS":
      return await engine.forceSuccess(id, null);
  }
}

builder.mutationFields((t) => ({
  recoverRun: t.field({
    type: RunType,
    description: "A workflow goes on in the same run.",
    args: { ...byId, mode: t.arg({ type: RecoverMode, required: true }) },
    resolve: async (_root, { id, mode }, context, info) => {
      await runOf(context, id);
      return answer(context, info, await context.engine.recover(id, mode));
    },
  }),
  executeNode: t.field({
    type: RunType,
    description:
      "Runs nodes of a workflow that has ended once more, whatever comes before them; answers with its run.",
    args: {
      ...byId,
      node: t.arg.string({ required: true, description: "The node's key." }),
      scope: t.arg({ type: NodeScope, defaultValue: "ONLY" }),
    },
    resolve: async (_root, { id, node, scope }, context, info) => {
      await runOf(context, id);
      return answer(context, info, await context.engine.executeNode(id, node, scope ?? "ONLY"));
    },
  }),
  forceSuccess: t.field({
    type: RunType,
    description:
      "Calls a failure a success. If it is a node's, its workflow goes on from there, also when that has failed.",
    args: { ...byId, output: t.arg({ type: "JSON", description: "What it would have put out." }) },
    resolve: async (_root, { id, output }, context, info) => {
      await runOf(context, id);
      return answer(context, info, await context.engine.forceSuccess(id, output?.text ?? null));
    },
  }),
  signalRun: t.field({
    type: RunType,
    description:
      "Lets nodes of a workflow's run go on that wait for this signal, or will. Sent again, it changes nothing.",
    args: {
      ...byId,
      signal: t.arg.string({ required: true }),
      payload: t.arg({ type: "JSON", description: "The output of the nodes that waited." }),
    },
    resolve: async (_root, { id, signal, payload }, context) => {
      const run = await runOf(context, id);
      const by = whoIs(context.principal);
      await context.engine.signalRun(id, {
        name: checkName(signal, "signal"),
        payload: payload?.text ?? null,
        by,
      });
      return present(context.load.run(run.id));
    },
  }),
  approveRun: t.field({
    type: RunType,
    description: "Says yes to a node of type approval; `id` is its run.",
    args: { ...byId, comment: t.arg.string() },
    resolve: async (_root, { id, comment }, context) => {
      await runOf(context, id);
      const by = whoIs(context.principal);
      await context.engine.answerApproval(id, { approved: true, comment: words(comment, "comment"), by });
      return present(context.load.run(id));
    },
  }),
  rejectRun: t.field({
    type: RunType,
    description: "Says no: the node fails.",
    args: { ...byId, reason: t.arg.string() },
    resolve: async (_root, { id, reason }, context) => {
      await runOf(context, id);
      const by = whoIs(context.principal);
      await context.engine.answerApproval(id, { approved: false, comment: words(reason, "reason"), by });
      return present(context.load.run(id));
    },
  }),
  commandRun: t.field({
    type: RunType,
    description: "Gives a command by its name, for those who come from DolphinScheduler.",
    args: {
      ...byId,
      command: t.arg({ type: RunCommand, required: true }),
      node: t.arg.string({ description: "For EXECUTE_NODE." }),
      reason: t.arg.string({ description: "For SUSPEND and STOP." }),
    },
    resolve: async (_root, { id, command, node, reason }, context) => {
      await runOf(context, id);
      if (isInternal(command)) throw refuseInternal(command);
      const given = { node: node ?? null, reason: words(reason, "reason") };
      const run = await obey(context, id, command, given);
      return present(context.load.run(run?.id ?? id));
    },
  }),
}));
