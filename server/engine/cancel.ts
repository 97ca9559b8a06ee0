/**
 * any → cancelled: waiting and ready runs end at once; a running one gets a flag that its executor sees in the next
 * heartbeat's answer, and loses its lease when it does not stop within the grace time.
 */

import { illegalState, notFound, unavailable } from "../core/rejection.ts";
import { nextState, type RunState } from "../core/run.ts";
import { liveRuns } from "../store/live-runs.ts";
import { isRunId } from "../store/page.ts";
import { inBulk } from "./bulk.ts";
import { counted, type EngineContext, type MovedRun, runChange, unblocked } from "./context.ts";
import type { BulkChange, BulkPage, LiveScope } from "./engine.ts";
import { releaseDependents } from "./release.ts";
import { cancelledError } from "./settle.ts";

/** A run moves from table to table; so often it would have to do so just under our looks. */
const LOOKS = 5;

interface Cancelled extends MovedRun {
  state: RunState;
  awaited: boolean;
  gated: boolean;
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
    const [cancelled] = await write(context, [runId], reason);
    if (cancelled) {
      await announce(context, [cancelled]);
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
    change: async (runIds) => {
      let open = runIds;
      // A run that moved on just under our look is found at its next place; one that ended is found nowhere.
      for (let look = 0; look < LOOKS && open.length > 0; look++) {
        const cancelled = await write(context, open, reason);
        await announce(context, cancelled);
        const done = new Set(cancelled.map((run) => run.id));
        open = open.filter((id) => !done.has(id));
      }
      return runIds.length - open.length;
    },
  });
}

async function write({ sql, serverId }: EngineContext, runIds: string[], reason: string | null) {
  return sql<Cancelled[]>`
    with now as materialized (select escapement.clock() as at),
    flagged as (
      update escapement.lease set cancel_at = coalesce(cancel_at, now.at), cancel_reason = coalesce(cancel_reason, ${reason}::text)
      from now where id = any(${runIds}::bigint[])
      returning id, namespace_id, job_id, queue_id
    ),
    was_waiting as (delete from escapement.waiting where id = any(${runIds}::bigint[]) returning *),
    was_ready as (delete from escapement.ready where id = any(${runIds}::bigint[]) returning *),
    unqueued as (
      select id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id, scheduled_at, input,
        payload, tags, gates, fence, failures, lost, released, awaited, null::timestamptz as ready_at from was_waiting
      union all
      select id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id, scheduled_at, input,
        payload, tags, gates, fence, failures, lost, released, awaited, ready_at from was_ready
    ),
    archived as (
      insert into escapement.ended (id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, input, payload, tags, gates, fence, failures, lost, released, awaited, ready_at, ended_at, state, error)
      select u.*, now.at, 'CANCELLED', ${cancelledError(reason)} from unqueued u, now
    ),
    unneeded as (delete from escapement.dependency where run_id = any(${runIds}::bigint[])),
    unblocked as (${unblocked(sql, sql`select id, trigger_id from unqueued`)}),
    tallied as (${counted(sql, sql`select namespace_id, 'CANCELLED' as what from unqueued`, `${serverId}/cancel`)})
    select id, namespace_id as "namespaceId", job_id as "jobId", queue_id as "queueId", 'RUNNING' as state,
      false as awaited, false as gated, null::int as "unblockedTrigger" from flagged
    union all
    select id, namespace_id, job_id, queue_id, 'CANCELLED', awaited, gates is not null,
      (select u.id from unblocked u where u.id = unqueued.trigger_id) from unqueued`;
}

async function announce(context: EngineContext, runs: Cancelled[]): Promise<void> {
  const { channel } = context;
  channel.publish(runs.map((run) => runChange(run, run.state)));
  const freed = runs.flatMap(({ unblockedTrigger, namespaceId }) =>
    unblockedTrigger === null ? [] : [{ kind: "trigger" as const, id: unblockedTrigger, namespaceId }],
  );
  if (freed.length > 0) {
    channel.publish(freed);
    channel.publishDue();
  }
  const gated = runs.filter((run) => run.gated).map((run) => run.id);
  if (gated.length > 0) context.gates.soon({ left: gated });
  const awaited = runs.filter((run) => run.awaited).map((run) => run.id);
  if (awaited.length > 0) await releaseDependents(context, awaited);
}
