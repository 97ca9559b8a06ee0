/**
 * running → SUCCEEDED, the plain case and nearly all of the traffic: the run ends and nothing else has to happen in
 * the same commit. Leases with consequences (staged children, a fixed-delay trigger that waits, a request to cancel)
 * are left alone; `leave` moves those. The same guard holds: the deleted lease row.
 */
import { counted, type EngineContext, type MovedRun, runChange, textArray } from "./context.ts";
import { releaseDependents } from "./release.ts";

/** A report that a run succeeded. */
export interface Success {
  runId: string;
  secret: string;
  /** JSON text. */
  output?: string | null | undefined;
}

interface Ended extends MovedRun {
  /** Place in the list of successes, from 1. */
  n: number;
  awaited: boolean;
  gated: boolean;
}

/**
 * Ends what can be ended plainly. Returns the places in `successes` of the runs that ended; the others' leases are
 * over, or not plain.
 */
export async function succeed(context: EngineContext, successes: Success[]): Promise<number[]> {
  if (successes.length === 0) return [];
  const { sql, channel } = context;
  const outputs = successes.some((success) => success.output != null)
    ? textArray(successes.map((success) => success.output ?? null))
    : null;
  const ended = await sql<Ended[]>`
    with now as materialized (select escapement.clock() as at),
    item as (
      select * from unnest(
        ${`{${successes.map((success) => success.runId).join()}}`}::text::bigint[],
        ${`{${successes.map((success) => success.secret).join()}}`}::text::uuid[],
        ${outputs}::text::text[]
      ) with ordinality as i(run_id, lease_secret, output, n)
    ),
    gone as (
      delete from escapement.lease l using item i
      where l.id = i.run_id and l.secret = i.lease_secret and l.cancel_at is null and not l.has_staged
        -- A subquery of its own, because an "exists" would be planned as a join with all triggers.
        and (select t.blocked_by from escapement.trigger t where t.id = l.trigger_id) is distinct from l.id
      returning l.*, i.output, i.n
    ),
    archived as (
      insert into escapement.ended (id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, input, payload, tags, gates, fence, failures, lost, released, awaited, retry,
        ready_at, secret, executor_id, started_at, ended_at, state, outcome, output, progress)
      select g.id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, input, payload, tags, gates, fence, failures, lost, released, awaited, retry,
        ready_at, secret, executor_id, started_at, now.at, 'SUCCEEDED', 'SUCCEEDED', output, progress
      from gone g, now
    ),
    tallied as (${counted(sql, sql`select namespace_id, 'SUCCEEDED' as what from gone`, `${context.serverId}/succeed`)})
    select n::int, id, namespace_id as "namespaceId", job_id as "jobId", queue_id as "queueId", awaited,
      gates is not null as gated
    from gone`;
  if (ended.length === 0) return [];
  channel.publish(ended.map((run) => runChange(run, "SUCCEEDED")));
  await releaseDependents(
    context,
    ended.filter((run) => run.awaited).map((run) => run.id),
  );
  // Last, as in `leave`: the dependents stand in line by then.
  const gated = ended.filter((run) => run.gated);
  if (gated.length > 0) context.gates.soon({ left: gated.map((run) => run.id) });
  return ended.map((run) => run.n - 1);
}
