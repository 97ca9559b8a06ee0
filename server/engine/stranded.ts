/**
 * ready → failed: parts of a broadcast whose executor left or fell silent before it took them. Nobody else may run
 * them, so waiting would keep the reduce from ever starting: they fail, and it is told so (PowerJob P4).
 */
import { LIMITS, RHYTHM } from "../config.ts";
import { counted, type EngineContext, type MovedRun, runChange } from "./context.ts";
import { type LeaderGuard, lead } from "./leave.ts";
import { releaseDependents } from "./release.ts";

const ERROR = JSON.stringify({
  message: "its executor is gone, and this part of a broadcast was for that one alone",
  type: "ExecutorGone",
});

/** One batch; returns how many. It starts from the queues of those who are gone: few, however many runs are ready. */
export async function failStranded(context: EngineContext, guard: LeaderGuard): Promise<number> {
  const { sql, channel, serverId } = context;
  const failed = await sql<(MovedRun & { awaited: boolean })[]>`
    with now as materialized (select escapement.clock() as at),
    ${lead(sql, guard)},
    stranded as materialized (
      select r.id
      from lead, now, escapement.executor e
      join escapement.queue q on q.namespace_id = e.namespace_id and q.requirement ->> 'executor' = e.name
      cross join lateral (
        select ready.id, ready.version_id from escapement.ready where ready.queue_id = q.id
        limit ${LIMITS.expireBatch} for update skip locked
      ) r
      join escapement.job_version v on v.id = r.version_id and v.execution = 'BROADCAST'
      where e.left_at is not null
        or e.last_heartbeat_at <= now.at - ${RHYTHM.executorOfflineMs} * interval '1 millisecond'
      limit ${LIMITS.expireBatch}
    ),
    gone as (delete from escapement.ready r using stranded s where r.id = s.id returning r.*),
    archived as (
      insert into escapement.ended (id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, input, payload, tags, gates, fence, failures, lost, released, awaited, retry, checkpoint,
        ready_at, ended_at, state, error)
      select g.id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, input, payload, tags, gates, fence, failures, lost, released, awaited, retry, checkpoint,
        ready_at, now.at, 'FAILED', ${ERROR}
      from gone g, now
    ),
    buried as (
      insert into escapement.dead_letter (run_id, namespace_id, job_id, error_type, died_at)
      select g.id, g.namespace_id, g.job_id, 'ExecutorGone', now.at
      from gone g join escapement.job_version v on v.id = g.version_id and v.dead_letter, now
    ),
    tallied as (${counted(sql, sql`select namespace_id, 'FAILED' as what from gone`, `${serverId}/stranded`)})
    select id, namespace_id as "namespaceId", job_id as "jobId", queue_id as "queueId", awaited from gone`;
  if (failed.length === 0) return 0;
  channel.publish(failed.map((run) => runChange(run, "FAILED")));
  await releaseDependents(
    context,
    failed.filter(({ awaited }) => awaited).map(({ id }) => id),
  );
  // Last, as in `leave`: the dependents stand in line by then.
  context.gates.soon({ left: failed.map(({ id }) => id) });
  return failed.length;
}
