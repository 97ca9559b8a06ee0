/**
 * any → cancelled: waiting and ready runs end at once; a running one gets a flag that its executor sees in the next
 * heartbeat's answer, and loses its lease when it does not stop within the grace time.
 */

import { illegalState, notFound, unavailable } from "../core/rejection.ts";
import { nextState, type RunState } from "../core/run.ts";
import { liveRuns } from "../store/live-runs.ts";
import { isRunId } from "../store/page.ts";
import { inBulk } from "./bulk.ts";
import { type EngineContext, runChange } from "./context.ts";
import type { BulkChange, BulkPage, LiveScope } from "./engine.ts";
import { cancelledError } from "./settle.ts";
import { announceUnqueued, type Unqueued, unqueue, unqueuedColumns } from "./unqueue.ts";

/** A run moves from table to table; so often it would have to do so just under our looks. */
const LOOKS = 5;

interface Cancelled extends Unqueued {
  state: "CANCELLED" | "RUNNING";
}

/** Throws NOT_FOUND, and ILLEGAL_STATE when the run has ended. Cancelling a running run twice is fine. */
export async function cancel(
  context: EngineContext,
  runId: string,
  reason: string | null,
): Promise<{ id: string; state: RunState }> {
  if (!isRunId(runId)) throw notFound(`run "${runId}"`, "id");
  for (let look = 0; look < LOOKS; look++) {
    const [state] = (await write(context, [runId], reason)).values();
    if (state !== undefined) return { id: runId, state };
    const [run] = await context.sql<{ state: RunState }[]>`
      select state from escapement.run where id = ${runId}`;
    if (!run) throw notFound(`run "${runId}"`, "id");
    const transition = nextState(run.state, "cancel");
    if ("illegal" in transition) throw illegalState(transition.illegal);
  }
  throw unavailable("the run keeps changing; retry in a moment");
}

/** Cancels what a filter finds, in the order of the ids. Throws BAD_INPUT for states that have ended. */
export async function cancelRuns(
  context: EngineContext,
  { namespaceId, filter }: LiveScope,
  reason: string | null,
  page: BulkPage,
): Promise<BulkChange> {
  const runs = await liveRuns(context.sql, namespaceId, filter);
  return inBulk(page, {
    count: runs.count,
    next: runs.next,
    change: (runIds) => cancelThose(context, runIds, reason),
  });
}

/** Cancels those of the runs that have not ended, and returns how many these are. */
export async function cancelThose(
  context: EngineContext,
  runIds: string[],
  reason: string | null,
): Promise<number> {
  let open = runIds;
  // A run that moved on just under our look is found at its next place; one that ended is found nowhere.
  for (let look = 0; look < LOOKS && open.length > 0; look++) {
    const done = await write(context, open, reason);
    open = open.filter((id) => !done.has(id));
  }
  return runIds.length - open.length;
}

/** The new states, by run. */
async function write(
  context: EngineContext,
  runIds: string[],
  reason: string | null,
): Promise<Map<string, RunState>> {
  const { sql, serverId, channel } = context;
  const runs = await sql<Cancelled[]>`
    with now as materialized (select escapement.clock() as at),
    flagged as (
      update escapement.lease set cancel_at = coalesce(cancel_at, now.at), cancel_reason = coalesce(cancel_reason, ${reason}::text)
      from now where id = any(${runIds}::bigint[])
      returning id, namespace_id, job_id, queue_id
    ),
    ${unqueue(sql, sql`id = any(${runIds}::bigint[])`, {
      state: "CANCELLED",
      error: cancelledError(reason),
      source: `${serverId}/cancel`,
    })}
    select ${unqueuedColumns(sql)}, 'CANCELLED' as state from unqueued
    union all
    select id, namespace_id, job_id, queue_id, false, false, null, 'RUNNING' from flagged`;
  const flagged = runs.filter((run) => run.state === "RUNNING");
  channel.publish(flagged.map((run) => runChange(run, "RUNNING")));
  await announceUnqueued(
    context,
    runs.filter((run) => run.state === "CANCELLED"),
    "CANCELLED",
  );
  return new Map(runs.map((run) => [run.id, run.state]));
}
