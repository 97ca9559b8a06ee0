/**
 * any → cancelled: waiting and ready runs end at once; a running one gets a flag that its executor sees in the next
 * heartbeat's answer, and loses its lease when it does not stop within the grace time.
 */

import { illegalState, notFound, unavailable } from "../core/rejection.ts";
import { nextState, type RunState } from "../core/run.ts";
import { isRunId } from "../store/page.ts";
import { counted, type EngineContext, type MovedRun, runChange, unblocked } from "./context.ts";
import { releaseDependents } from "./release.ts";
import { cancelledError } from "./settle.ts";

/** A run moves from table to table; so often it would have to do so just under our looks. */
const LOOKS = 5;

interface Cancelled extends MovedRun {
  state: RunState;
  awaited: boolean;
  unblockedTrigger: number | null;
}

/** Throws NOT_FOUND, and ILLEGAL_STATE when the run has ended. Cancelling a running run twice is fine. */
export async function cancel(
  context: EngineContext,
  runId: string,
  reason: string | null,
): Promise<{ id: string; state: RunState }> {
  if (!isRunId(runId)) throw notFound(`run "${runId}"`, "id");
  for (let look = 0; look < LOOKS; look++) {
    const cancelled = await write(context, runId, reason);
    if (cancelled) {
      await announce(context, cancelled);
      return { id: runId, state: cancelled.state };
    }
    const [run] = await context.sql<{ state: RunState }[]>`
      select state from escapement.run where id = ${runId}`;
    if (!run) throw notFound(`run "${runId}"`, "id");
    const transition = nextState(run.state, "cancel");
    if ("illegal" in transition) throw illegalState(transition.illegal);
  }
  throw unavailable("the run keeps changing; retry in a moment");
}

async function write({ sql, serverId }: EngineContext, runId: string, reason: string | null) {
  const [cancelled] = await sql<Cancelled[]>`
    with now as materialized (select escapement.clock() as at),
    flagged as (
      update escapement.lease set cancel_at = coalesce(cancel_at, now.at), cancel_reason = coalesce(cancel_reason, ${reason}::text)
      from now where id = ${runId}
      returning id, namespace_id, job_id, queue_id
    ),
    was_waiting as (delete from escapement.waiting where id = ${runId} returning *),
    was_ready as (delete from escapement.ready where id = ${runId} returning *),
    unqueued as (
      select id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id, scheduled_at, input,
        payload, tags, fence, failures, lost, released, awaited, null::timestamptz as ready_at from was_waiting
      union all
      select id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id, scheduled_at, input,
        payload, tags, fence, failures, lost, released, awaited, ready_at from was_ready
    ),
    archived as (
      insert into escapement.ended (id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, input, payload, tags, fence, failures, lost, released, awaited, ready_at, ended_at, state, error)
      select u.*, now.at, 'CANCELLED', ${cancelledError(reason)} from unqueued u, now
    ),
    unneeded as (delete from escapement.dependency where run_id = ${runId}),
    unblocked as (${unblocked(sql, sql`select id, trigger_id from unqueued`)}),
    tallied as (${counted(sql, sql`select namespace_id, 'CANCELLED' as what from unqueued`, `${serverId}/cancel`)})
    select id, namespace_id as "namespaceId", job_id as "jobId", queue_id as "queueId", 'RUNNING' as state,
      false as awaited, null::int as "unblockedTrigger" from flagged
    union all
    select id, namespace_id, job_id, queue_id, 'CANCELLED', awaited, (select id from unblocked) from unqueued`;
  return cancelled;
}

async function announce(context: EngineContext, run: Cancelled): Promise<void> {
  const { channel } = context;
  channel.publish([runChange(run, run.state)]);
  if (run.unblockedTrigger !== null) {
    channel.publish([{ kind: "trigger", id: run.unblockedTrigger, namespaceId: run.namespaceId }]);
    channel.publishDue();
  }
  if (run.awaited) await releaseDependents(context, [run.id]);
}
