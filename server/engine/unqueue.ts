/**
 * waiting | ready → ended: the part of a statement by which runs leave the queue without starting. Somebody cancelled
 * them, or they are not wanted any more.
 */
import type { Sql } from "../store/connection.ts";
import { counted, type EngineContext, type MovedRun, runChange, unblocked } from "./context.ts";
import { releaseDependents } from "./release.ts";

export interface Unqueued extends MovedRun {
  awaited: boolean;
  /** Its places at gates are free now. */
  gated: boolean;
  unblockedTrigger: number | null;
}

/** The columns of `Unqueued`, to be selected from `unqueued`. */
export function unqueuedColumns(sql: Sql): ReturnType<Sql> {
  return sql`id, namespace_id as "namespaceId", job_id as "jobId", queue_id as "queueId", awaited,
    gates is not null as gated, (select t.id from unblocked t where t.id = trigger_id) as "unblockedTrigger"`;
}

/**
 * Common table expressions, last of them `unqueued`, that end the waiting and ready runs for which `wanted` holds.
 * They need `now`. `error` is JSON text.
 */
export function unqueue(
  sql: Sql,
  wanted: ReturnType<Sql>,
  { state, error, source }: { state: "CANCELLED" | "SKIPPED"; error: string; source: string },
): ReturnType<Sql> {
  return sql`
    was_waiting as (delete from escapement.waiting where ${wanted} returning *),
    was_ready as (delete from escapement.ready where ${wanted} returning *),
    unqueued as (
      select id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id, scheduled_at, input,
        payload, tags, gates, fence, failures, lost, released, awaited, retry, checkpoint, null::timestamptz as ready_at
      from was_waiting
      union all
      select id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id, scheduled_at, input,
        payload, tags, gates, fence, failures, lost, released, awaited, retry, checkpoint, ready_at
      from was_ready
    ),
    archived as (
      insert into escapement.ended (id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, input, payload, tags, gates, fence, failures, lost, released, awaited, retry, checkpoint, ready_at,
        ended_at, state, error)
      select u.*, now.at, ${state}, ${error} from unqueued u, now
    ),
    unneeded as (delete from escapement.dependency where run_id in (select id from unqueued)),
    unblocked as (${unblocked(sql, sql`select id, trigger_id from unqueued`)}),
    tallied as (${counted(sql, sql`select namespace_id, ${state}::text as what from unqueued`, source)})`;
}

/** Tells everybody, and lifts the holds of those who waited for these runs. After the commit. */
export async function announceUnqueued(
  context: EngineContext,
  runs: Unqueued[],
  state: "CANCELLED" | "SKIPPED",
): Promise<void> {
  const { channel } = context;
  const freed = runs.flatMap(({ unblockedTrigger, namespaceId }) =>
    unblockedTrigger === null ? [] : [{ kind: "trigger" as const, id: unblockedTrigger, namespaceId }],
  );
  channel.publish([...runs.map((run) => runChange(run, state)), ...freed]);
  if (freed.length > 0) channel.publishDue();
  await releaseDependents(
    context,
    runs.flatMap((run) => (run.awaited ? [run.id] : [])),
  );
  // Last, as in `leave`: the dependents stand in line by then.
  const gated = runs.flatMap((run) => (run.gated ? [run.id] : []));
  if (gated.length > 0) context.gates.soon({ left: gated });
}
