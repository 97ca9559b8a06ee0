/**
 * ready → ended: the reduce of a MAP, which is no executor's but the server's own. It is ready when all that its root
 * started has ended; the map has succeeded if every part has (PowerJob P4). Put back into the queue, say because parts
 * were redriven meanwhile, it looks at them anew.
 */
import { LIMITS } from "../config.ts";
import { SERVER_GROUP } from "../core/execution.ts";
import { counted, type EngineContext, type MovedRun, runChange } from "./context.ts";

interface Concluded extends MovedRun {
  awaited: boolean;
  state: "SUCCEEDED" | "FAILED";
}

/** One batch. The holds of those who wait for the awaited ones are the caller's to lift, after the commit. */
export async function conclude({ sql, channel, serverId }: EngineContext): Promise<Concluded[]> {
  const concluded = await sql<Concluded[]>`
    with now as materialized (select escapement.clock() as at),
    gone as (
      delete from escapement.ready r where r.id = any(array(
        select id from escapement.ready
        where queue_id = any(array(select id from escapement.queue where "group" = ${SERVER_GROUP}))
        limit ${LIMITS.concludeBatch} for update skip locked
      )) returning *
    ),
    verdict as materialized (
      select g.id, count(part.succeeded)::int as parts, count(*) filter (where not part.succeeded)::int as failed
      from gone g left join lateral (
        select (select e.state from escapement.ended e where e.id = j.run_id) is not distinct from 'SUCCEEDED' as succeeded
        from escapement.joined j
        where j.join_id = g.id and (select p.step from escapement.part p where p.run_id = j.run_id) = 'PART' offset 0
      ) part on true
      group by g.id
    ),
    archived as (
      insert into escapement.ended (id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, input, payload, tags, gates, fence, failures, lost, released, awaited, retry, checkpoint,
        ready_at, secret, started_at, ended_at, state, outcome, output, error)
      select g.id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, input, payload, tags, gates, fence, failures, lost, released, awaited, retry, checkpoint,
        -- A success has had an attempt; a failure is nobody's attempt that could be looked up.
        ready_at, case when failed = 0 then gen_random_uuid() end, case when failed = 0 then now.at end, now.at,
        v.state, case when failed = 0 then v.state end,
        case when failed = 0 then json_build_object('parts', parts)::text end,
        case when failed > 0 then json_build_object('type', 'PartsFailed',
          'message', format('%s of %s parts did not succeed', failed, parts))::text end
      from gone g join (
        select *, case when failed = 0 then 'SUCCEEDED' else 'FAILED' end as state from verdict
      ) v on v.id = g.id, now
      returning id, namespace_id, job_id, queue_id, awaited, state
    ),
    tallied as (${counted(sql, sql`select namespace_id, state as what from archived`, `${serverId}/conclude`)})
    select id, namespace_id as "namespaceId", job_id as "jobId", queue_id as "queueId", awaited, state from archived`;
  if (concluded.length > 0) channel.publish(concluded.map((run) => runChange(run, run.state)));
  return concluded;
}
