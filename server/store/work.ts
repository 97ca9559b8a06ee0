/** Small reads for the worker protocol: where there is work, whose run it is, what became of it. */
import type { RunState } from "../core/run.ts";
import { SECRET_OPENING } from "../core/secret-reference.ts";
import type { Sql } from "./connection.ts";

/** Queues that hold ready runs. One index look per such queue, however many runs and queues there are. */
export async function queuesWithWork(sql: Sql): Promise<number[]> {
  const rows = await sql<{ id: number }[]>`
    with recursive queue(id) as (
      (select queue_id from escapement.ready order by queue_id limit 1)
      union all
      select (select r.queue_id from escapement.ready r where r.queue_id > queue.id order by r.queue_id limit 1)
      from queue where queue.id is not null
    )
    select id from queue where id is not null`;
  return rows.map((row) => row.id);
}

/** Those of the queues with a requirement that hold ready runs: one index look per such queue. */
export async function askingQueuesWithWork(sql: Sql): Promise<number[]> {
  const rows = await sql<{ id: number }[]>`
    select q.id from escapement.queue q
    where q.requirement <> '{}' and exists (select from escapement.ready r where r.queue_id = q.id)`;
  return rows.map((row) => row.id);
}

/** Where a run belongs. */
export interface RunScope {
  namespaceId: number;
  group: string;
  /** Of the executor that holds it, which may work for several. */
  executorNamespaceId?: number | null;
}

/** Those of `runIds` that exist. */
export async function readScopes(sql: Sql, runIds: string[]): Promise<Map<string, RunScope>> {
  const rows = await sql<(RunScope & { id: string })[]>`
    select r.id, r.namespace_id as "namespaceId", q."group", e.namespace_id as "executorNamespaceId"
    from unnest(${runIds}::bigint[]) as w(id)
    cross join lateral (select id, namespace_id, queue_id, executor_id from escapement.run where run.id = w.id) as r
    join escapement.queue q on q.id = r.queue_id
    left join escapement.executor e on e.id = r.executor_id`;
  return new Map(rows.map(({ id, ...scope }) => [id, scope]));
}

/** What a lease's id says about it; `held` is false when the lease is over or never was. */
export interface LeaseFacts extends RunScope {
  runId: string;
  held: boolean;
  attempt: number;
  jobId: number;
}

/** Null when there is no such run. */
export async function readLease(sql: Sql, runId: string, secret: string): Promise<LeaseFacts | null> {
  const [row] = await sql<LeaseFacts[]>`
    select r.id as "runId", r.namespace_id as "namespaceId", q."group",
      (select e.namespace_id from escapement.executor e where e.id = r.executor_id) as "executorNamespaceId", r.fence - r.released as attempt, r.job_id as "jobId",
      (r.state = 'RUNNING' and r.secret = ${secret}::uuid) is true as held
    from escapement.run r join escapement.queue q on q.id = r.queue_id
    where r.id = ${runId}`;
  return row ?? null;
}

/** The input of a running run, if secrets have been put into it; null for every other one. */
export async function readSecretiveInput(sql: Sql, runId: string): Promise<string | null> {
  const [row] = await sql<{ input: string }[]>`
    select i.input from escapement.lease l join escapement.job_version v on v.id = l.version_id
    cross join lateral (
      select case when l.payload = 0 then coalesce(l.input, v.input)
        else (select p.json from escapement.payload p where p.run_id = l.id) end as input
    ) i
    where l.id = ${runId} and position(${SECRET_OPENING} in i.input) > 0`;
  return row?.input ?? null;
}

/** A run as producers see it. */
export interface RunResult extends RunScope {
  id: string;
  state: RunState;
  /** JSON text. */
  output: string | null;
  /** Instead of `output`. */
  outputBytes: Buffer | null;
  /** JSON text of {message, type?, stack?}. */
  error: string | null;
}

/** Those of `runIds` that exist, in no order. */
export async function readResults(sql: Sql, runIds: string[]): Promise<RunResult[]> {
  return await sql<RunResult[]>`
    select r.id, r.namespace_id as "namespaceId", q."group", r.state, r.output, r.error,
      b.bytes as "outputBytes"
    from unnest(${runIds}::bigint[]) as w(id)
    cross join lateral (
      select id, namespace_id, queue_id, state, output, error from escapement.run where run.id = w.id
    ) as r
    join escapement.queue q on q.id = r.queue_id
    left join escapement.output_bytes b on b.run_id = r.id`;
}
