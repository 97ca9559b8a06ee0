/**
 * Tells of what happens to workflows by starting jobs: whatever can send a mail or a message is a task like any other
 * (DolphinScheduler's alerts). Each event has a key of its own, so it is told of once, however often it is found.
 */
import { Rejection } from "../../core/rejection.ts";
import type { WorkflowEvent } from "../../core/workflow/graph.ts";
import type { EngineContext } from "../context.ts";
import type { Engine, StartItem } from "../engine.ts";
import type { Moving } from "./nodes.ts";
import type { OpenRun } from "./open.ts";

export interface Notice {
  run: Pick<OpenRun, "id" | "fence" | "version"> & { scheduledAt: number };
  event: WorkflowEvent;
  /** Key of the node it is about. */
  node?: string;
}

/** What the last steps of runs give to tell. */
export function notifications(all: Moving[]): Notice[] {
  return all.flatMap(({ run: { id, fence, version, halt, facts }, workflow, failed, step }) => {
    const run = { id, fence, version, scheduledAt: facts.scheduledAt };
    const end = halt === "TIMED_OUT" && step.end !== null ? "FAILED" : step.end;
    return [
      ...failed.map(
        (place): Notice => ({ run, event: "NODE_FAILED", node: workflow.nodes[place]?.key ?? "" }),
      ),
      ...(end === null ? [] : [{ run, event: end }]),
    ];
  });
}

/** Starts the jobs that want to be told; one that cannot be started is left out, because the workflow goes on without it. */
export async function notify(
  { report }: EngineContext,
  start: Engine["start"],
  notices: Notice[],
): Promise<void> {
  const items = notices.flatMap(({ run, event, node }) =>
    (run.version.workflow?.notify ?? []).flatMap(({ on, job }, at): StartItem[] =>
      on.includes(event)
        ? [
            {
              namespace: run.version.namespace,
              job,
              input: JSON.stringify({
                event,
                run: run.id,
                workflow: run.version.job,
                namespace: run.version.namespace,
                scheduledAt: new Date(run.scheduledAt).toISOString(),
                ...(node === undefined ? {} : { node }),
              }),
              idempotencyKey: `escapement:notify/${run.id}/${run.fence}/${at}/${event}/${node ?? ""}`,
            },
          ]
        : [],
    ),
  );
  for (const item of items) {
    try {
      await start([item]);
    } catch (error) {
      if (!(error instanceof Rejection) || error.code === "UNAVAILABLE") throw error;
      report(error);
    }
  }
}
