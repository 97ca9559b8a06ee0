/** Jobs as they are read, each at its current version; job-changes.ts writes them. */
import type { Execution } from "../core/execution.ts";
import type { KeyLimit, OverlapPolicy } from "../core/gate.ts";
import type { Rate } from "../core/rate.ts";
import type { Retention } from "../core/retention.ts";
import type { RetryPolicy } from "../core/retry.ts";
import type { LatePolicy } from "../core/run.ts";
import type { Unique } from "../core/unique.ts";
import type { Workflow } from "../core/workflow/graph.ts";
import type { Sql } from "./connection.ts";
import {
  every,
  type Fragment,
  fromCursor,
  type Page,
  type PageRequest,
  pageOf,
  pageSize,
  toCursor,
} from "./page.ts";

/** A job at its current version. */
export interface Job extends JobContent {
  id: number;
  namespaceId: number;
  name: string;
  version: number;
  createdAt: Date;
  updatedAt: Date;
  namespaceRetry: RetryPolicy | null;
  /** Deleted jobs are kept for the runs that name them. */
  deletedAt: Date | null;
  /** The workflow that it is a node of, and its key there. */
  workflowId: number | null;
  node: string | null;
}

/** What a patch can change. */
export interface JobContent {
  description: string | null;
  tags: string[];
  /** Null: it is a workflow. */
  type: string | null;
  /** Of a workflow: where its nodes run that say nothing themselves; so are labels, retries and the timeout. */
  group: string;
  /** Labels its runs ask of their executor. */
  requires: Record<string, string> | null;
  /** JSON text. */
  input: string | null;
  priority: number;
  /** Null: the namespace's, else the server's. */
  retry: RetryPolicy | null;
  timeoutMs: number;
  startDeadlineMs: number;
  deadLetter: boolean;
  execution: Execution;
  overlap: OverlapPolicy;
  /** Null: no limit. */
  maxParallel: number | null;
  /** Null: no limit. */
  maxParallelPerKey: KeyLimit | null;
  /** Null: as fast as can be. */
  rate: Rate | null;
  /** Null: the namespace's. */
  retention: Retention | null;
  late: LatePolicy;
  unique: Unique | null;
  workflow: Workflow | null;
}

export async function findJob(sql: Sql, namespaceId: number, name: string): Promise<Job | null> {
  const [job] = await select(
    sql,
    sql`j.namespace_id = ${namespaceId} and j.name = ${name} and j.deleted_at is null`,
  );
  return job ?? null;
}

/** Deleted ones too. */
export function readJobs(sql: Sql, ids: number[]): Promise<Job[]> {
  return select(sql, sql`j.id = any(${ids}::int[])`);
}

export interface JobFilter {
  search?: string | null | undefined;
  /** All of them. */
  tags?: string[] | null | undefined;
  type?: string | null | undefined;
  group?: string | null | undefined;
  /** Only workflows, or only tasks. */
  workflow?: boolean | null | undefined;
}

/** By namespace, then name. Null `namespaceId`: every namespace. */
export async function listJobs(
  sql: Sql,
  namespaceId: number | null,
  filter: JobFilter,
  page: PageRequest,
): Promise<Page<Job>> {
  const after = fromCursor(page.after, "number", "name");
  const { search, tags, type, group, workflow } = filter;
  const rows = await select(
    sql,
    every(sql, [
      sql`j.deleted_at is null and j.workflow_id is null`,
      namespaceId !== null && sql`j.namespace_id = ${namespaceId}`,
      after !== null && sql`(j.namespace_id, j.name) > (${after[0] as number}, ${after[1] as string})`,
      search != null &&
        sql`position(lower(${search}) in lower(j.name || ' ' || coalesce(j.description, ''))) > 0`,
      tags != null && sql`j.tags @> ${tags}::text[]`,
      type != null && sql`q.type = ${type} and v.workflow is null`,
      group != null && sql`q."group" = ${group}`,
      workflow != null && (workflow ? sql`v.workflow is not null` : sql`v.workflow is null`),
    ]),
    sql`order by j.namespace_id, j.name limit ${pageSize(page.first) + 1}`,
  );
  return pageOf(rows, page, (job) => toCursor(job.namespaceId, job.name));
}

/** What is going on in jobs: whether a run of it is leased, and its next due trigger. One query for all. */
export interface JobActivity {
  running: boolean;
  nextFireAt: Date | null;
  lastRunId: string | null;
}

export async function readJobActivity(sql: Sql, jobIds: number[]): Promise<Map<number, JobActivity>> {
  // ready and lease have no index by job, so each is read once for all jobs; the others by one index probe per job.
  const rows = await sql<(JobActivity & { id: number })[]>`
    with wanted as (select unnest(${jobIds}::int[]) as id),
    readied as materialized (
      select job_id, max(id) as last from escapement.ready where job_id = any(${jobIds}::int[]) group by job_id
    ),
    leased as materialized (
      select job_id, max(id) as last from escapement.lease where job_id = any(${jobIds}::int[]) group by job_id
    )
    select w.id, l.last is not null as running, t.next_at as "nextFireAt",
      nullif(greatest(e.last, q.last, r.last, l.last), 0)::text as "lastRunId"
    from wanted w
    left join readied r on r.job_id = w.id
    left join leased l on l.job_id = w.id
    left join lateral (
      select id as last from escapement.ended where job_id = w.id order by id desc limit 1) e on true
    left join lateral (
      select id as last from escapement.waiting where job_id = w.id order by id desc limit 1) q on true
    left join lateral (
      select min(next_at) as next_at from escapement.trigger where job_id = w.id and state = 'NORMAL') t on true`;
  return new Map(rows.map(({ id, ...activity }) => [id, activity]));
}

async function select(sql: Sql, where: Fragment, rest: Fragment = sql``): Promise<Job[]> {
  const rows = await sql<(Omit<Job, "workflow"> & { workflow: string | null })[]>`
    select j.id, j.namespace_id as "namespaceId", j.name, j.description, j.tags, j.version, j.retention,
      j.created_at as "createdAt", j.updated_at as "updatedAt", j.deleted_at as "deletedAt",
      coalesce(v.control::jsonb->>'kind', q.type) as type, q."group", q.requirement->'labels' as requires, v.input, v.priority, v.retry, n.retry as "namespaceRetry",
      v.timeout_ms::float8 as "timeoutMs", v.start_deadline_ms::float8 as "startDeadlineMs",
      v.dead_letter as "deadLetter", v.overlap, v.max_parallel as "maxParallel",
      v.max_parallel_per_key as "maxParallelPerKey", v.rate, v.late, v."unique", v.execution,
      v.workflow, j.workflow_id as "workflowId", j.node
    from escapement.job j
    join escapement.namespace n on n.id = j.namespace_id
    join escapement.job_version v on v.id = j.version_id
    join escapement.queue q on q.id = v.queue_id
    where ${where} ${rest}`;
  return rows.map((row) =>
    row.workflow === null ? { ...row, workflow: null } : asWorkflow(row, row.workflow),
  );
}

/** Its queue is the control plane's; what its nodes are given is in the workflow. */
function asWorkflow(row: Omit<Job, "workflow">, text: string): Job {
  const workflow: Workflow = JSON.parse(text);
  const { group, requires, timeoutMs } = workflow.defaults;
  return { ...row, workflow, type: null, group, requires, timeoutMs };
}
