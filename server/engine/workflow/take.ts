/**
 * ready → running, of the control plane's own runs: workflows, and nodes that no worker runs. Any server takes them; they
 * have a lease without an executor, which does not expire, and go on from there by what happens.
 */
import { LIMITS } from "../../config.ts";
import { WORKFLOW_GROUP } from "../../core/workflow/placement.ts";
import { firstStates, type RunOptions } from "../../core/workflow/scope.ts";
import { NODE_STATES } from "../../core/workflow/state.ts";
import type { JobVersion } from "../../store/catalog.ts";
import { guarded, type Transaction } from "../../store/connection.ts";
import { type EngineContext, runChange } from "../context.ts";

/** A run that this server has just taken. */
export interface Taken {
  id: string;
  namespaceId: number;
  jobId: number;
  queueId: number;
  version: JobVersion;
  secret: string;
  parentId: string | null;
  fence: number;
  /** Epoch milliseconds. */
  scheduledAt: number;
  /** JSON text. */
  input: string | null;
}

/** One batch, oldest and most important first. */
export async function takeOwn(context: EngineContext): Promise<Taken[]> {
  const { sql, catalog, channel } = context;
  const [any] = await sql`
    select from escapement.ready
    where queue_id = any(array(select id from escapement.queue where "group" = ${WORKFLOW_GROUP})) limit 1`;
  if (!any) return [];
  const taken = await guarded(sql, async (transaction) => {
    const rows = await transaction<(Omit<Taken, "version"> & { versionId: number })[]>`
      with now as materialized (select escapement.clock() as at),
      gone as (
        delete from escapement.ready where id = any(array(
          select id from escapement.ready
          where queue_id = any(array(select id from escapement.queue where "group" = ${WORKFLOW_GROUP}))
            and (skip_at is null or skip_at > escapement.clock())
          order by turn, id limit ${LIMITS.workflowBatch} for update skip locked
        )) returning *
      ),
      lent as (select gone.*, gen_random_uuid() as secret from gone),
      made as (
        insert into escapement.lease (id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
          scheduled_at, input, payload, tags, gates, fence, failures, lost, released, awaited, retry, checkpoint,
          ready_at, secret, executor_id, started_at, expires_at)
        select id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
          scheduled_at, input, payload, tags, gates, fence + 1, failures, lost, released, awaited, retry, checkpoint,
          ready_at, secret, null, now.at, 'infinity'
        from lent, now
      )
      select l.id, l.namespace_id as "namespaceId", l.job_id as "jobId", l.queue_id as "queueId",
        l.version_id as "versionId", l.secret, l.parent_id as "parentId", l.fence + 1 as fence,
        date_part('epoch', l.scheduled_at)::float8 * 1000 as "scheduledAt",
        case when l.payload = 0 then l.input else (select p.json from escapement.payload p where p.run_id = l.id) end as input
      from lent l order by l.turn, l.id`;
    const versions = await catalog.versions(rows.map(({ versionId }) => versionId));
    const taken = rows.map(({ versionId, ...row }) => ({
      ...row,
      version: versions.get(versionId) as JobVersion,
    }));
    await openAll(transaction, taken);
    return taken;
  });
  channel.publish(taken.map((run) => runChange(run, "RUNNING")));
  return taken;
}

interface Opened {
  id: string;
  fence: number;
  states: string;
  members: string | null;
}

/** The rows of those that have members. One that was there before goes on with what failed, unless it is said how. */
async function openAll(transaction: Transaction, taken: Taken[]): Promise<void> {
  const opened = taken.flatMap(({ id, version, fence, input }): Opened[] => {
    const { workflow, control } = version;
    if (workflow) return [{ id, fence, states: firstStates(workflow, {}), members: null }];
    if (control?.kind !== "workflow" && control?.kind !== "dynamic") return [];
    const members = memberInputs(control.kind, input);
    return [
      { id, fence, states: NODE_STATES.PENDING.repeat(members.length), members: JSON.stringify(members) },
    ];
  });
  if (opened.length === 0) return;
  await transaction`
    insert into escapement.workflow_run as known (run_id, states, members)
    select * from unnest(${opened.map(({ id }) => id)}::bigint[], ${opened.map(({ states }) => states)}::text[],
      ${opened.map(({ members }) => members)}::text[])
    on conflict (run_id) do update set resume = coalesce(known.resume, '{"mode": "FAILED"}')
    where known.run_id = any(${opened.flatMap(({ id, fence }) => (fence > 1 ? [id] : []))}::bigint[])`;
}

/** What each run of a node that runs jobs is started with. */
function memberInputs(kind: "workflow" | "dynamic", input: string | null): unknown[] {
  const value = input === null ? null : JSON.parse(input);
  if (kind === "workflow") return [value];
  const { runs, input: shared } = value;
  return runs.map((combination: object) => ({ ...shared, ...combination }));
}

/** Writes what starts say beside their inputs, in the transaction that makes the runs. */
export async function noteOptions(
  transaction: Transaction,
  starts: { runId: string; version: JobVersion; options: RunOptions }[],
): Promise<void> {
  if (starts.length === 0) return;
  const states = starts.map(({ version, options }) =>
    version.workflow ? firstStates(version.workflow, options) : "",
  );
  await transaction`
    insert into escapement.workflow_run (run_id, states, options)
    select r.run_id, r.states, r.options::jsonb
    from unnest(${starts.map(({ runId }) => runId)}::bigint[], ${states}::text[],
      ${starts.map(({ options }) => JSON.stringify(options))}::text[]) as r(run_id, states, options)`;
}
