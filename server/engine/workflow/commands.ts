/** What people do with workflows' runs and with their nodes; core/workflow/commands says which of it is obeyed when. */
import { illegalState, notFound } from "../../core/rejection.ts";
import type { RunState } from "../../core/run.ts";
import { type CommandState, checkCommand, type WorkflowCommand } from "../../core/workflow/commands.ts";
import type { Workflow } from "../../core/workflow/graph.ts";
import type { Resume } from "../../core/workflow/resume.ts";
import { type NodeScope, placesIn } from "../../core/workflow/scope.ts";
import type { JobVersion } from "../../store/catalog.ts";
import { isRunId } from "../../store/page.ts";
import type { EngineContext } from "../context.ts";
import type { StartedRun } from "../engine.ts";
import { force } from "../force.ts";
import { resumeRun } from "../gates/pause.ts";
import { redriveAll } from "../redrive.ts";
import type { Conduct } from "./advance.ts";

interface Found {
  id: string;
  state: RunState;
  parentId: string | null;
  version: JobVersion;
  suspended: boolean;
  /** Its nodes are being stopped. */
  halted: boolean;
}

async function find({ sql, catalog }: EngineContext, runId: string): Promise<Found> {
  const [run] = isRunId(runId)
    ? await sql<(Omit<Found, "version"> & { versionId: number })[]>`
        select r.id, r.state, r.parent_id as "parentId", r.version_id as "versionId",
          (escapement.pause_of(r.namespace_id, r.job_id, r.queue_id, r.id)).kind is not null as suspended,
          w.halt is not null as halted
        from escapement.run r left join escapement.workflow_run w on w.run_id = r.id where r.id = ${runId}`
    : [];
  const version = run && (await catalog.versions([run.versionId])).get(run.versionId);
  if (!run || !version) throw notFound(`run "${runId}"`, "id");
  return { ...run, version };
}

/** Throws NOT_FOUND, and ILLEGAL_STATE for a run that is none of a workflow. */
async function findWorkflow(context: EngineContext, runId: string): Promise<Found & { workflow: Workflow }> {
  const run = await find(context, runId);
  const { workflow } = run.version;
  if (workflow) return { ...run, workflow };
  throw illegalState(
    run.version.node === null
      ? "the run is none of a workflow; retryRun tries a run again"
      : "the run is a node's; this is done with the workflow's run",
  );
}

const check = (command: WorkflowCommand, { state, suspended }: Found): void => {
  const open = state === "WAITING" || state === "READY" || state === "RUNNING";
  checkCommand(command, (open && suspended ? "SUSPENDED" : state) satisfies CommandState);
};

/** Resumes the failed nodes, or what was suspended or stopped. Throws NOT_FOUND, ILLEGAL_STATE. */
export async function recover(
  context: EngineContext,
  conduct: Conduct,
  runId: string,
  mode: "FAILED" | "SUSPENDED",
): Promise<StartedRun> {
  const run = await findWorkflow(context, runId);
  check(mode === "FAILED" ? "RECOVER_FAILED" : "RECOVER_SUSPENDED", run);
  if (run.state === "CANCELLED" || mode === "FAILED") return await goOn(context, run, { mode });
  await resumeRun(context, runId);
  await conduct([{ runId, memberIds: null }]);
  return { id: runId, state: run.state };
}

/** Runs nodes of an ended workflow once more, whatever comes before them. Throws NOT_FOUND, BAD_INPUT, ILLEGAL_STATE. */
export async function executeNode(
  context: EngineContext,
  runId: string,
  node: string,
  scope: NodeScope,
): Promise<StartedRun> {
  const run = await findWorkflow(context, runId);
  check("EXECUTE_NODE", run);
  const places = [...placesIn(run.workflow, [node], scope, "node")];
  return await goOn(context, run, { mode: "EXECUTE", places });
}

/**
 * Calls a failure a success, with an output if one is given: of any run, and if it is a node's, the workflow goes on
 * from there. Throws NOT_FOUND, and ILLEGAL_STATE unless the run has failed and its workflow can go on.
 */
export async function forceSuccess(
  context: EngineContext,
  conduct: Conduct,
  runId: string,
  output: string | null,
): Promise<StartedRun> {
  const run = await find(context, runId);
  if (run.version.workflow) {
    throw illegalState("the run is a workflow's; call the failures of its nodes a success, and it goes on");
  }
  const parent =
    run.version.node !== null && run.parentId !== null ? await find(context, run.parentId) : null;
  if (!parent?.version.workflow) return await force(context, runId, output);
  check("FORCE_SUCCESS", parent);
  if (parent.halted && parent.state === "RUNNING") {
    throw illegalState("its workflow is stopping; call it a success when that has ended");
  }
  const place = parent.version.workflow.nodes.findIndex(({ key }) => key === run.version.node);
  const forced = await force(context, runId, output);
  const resume: Resume = { mode: "FORCE", place };
  if (parent.state === "FAILED") await goOn(context, parent, resume);
  else {
    await context.sql`
      update escapement.workflow_run set resume = ${context.sql.json({ ...resume })}::jsonb where run_id = ${parent.id}`;
    await conduct([{ runId: parent.id, memberIds: null }]);
  }
  return forced;
}

/** The run goes on as it is told, when it is taken again. */
async function goOn(context: EngineContext, run: Found, resume: Resume): Promise<StartedRun> {
  const { sql } = context;
  const [moved] = await redriveAll(context, {
    runIds: [run.id],
    succeededToo: true,
    before: async (transaction) => {
      await transaction`
        update escapement.workflow_run set resume = ${sql.json({ ...resume })}::jsonb, fault = null where run_id = ${run.id}`;
    },
  });
  if (!moved) throw illegalState("the run has just been changed by somebody else");
  return moved;
}
