/**
 * Definitions that the hot path needs, kept in memory: namespaces, queues, jobs by name and job versions.
 * Versions never change, so they are never stale; a job's current version is checked again by the statement
 * that uses it, and `forget` drops what another server changed. A version's retry policy is resolved when it is read
 * (the job's, else its namespace's, else the server's), so that nobody does it again on the hot path.
 */
import type { Execution } from "../core/execution.ts";
import type { JobGate } from "../core/gate.ts";
import type { Requirement } from "../core/placement.ts";
import { badInput, notFound } from "../core/rejection.ts";
import { DEFAULT_RETRY, type RetryPolicy } from "../core/retry.ts";
import type { LatePolicy } from "../core/run.ts";
import type { Unique } from "../core/unique.ts";
import type { Control } from "../core/workflow/control.ts";
import type { Workflow } from "../core/workflow/graph.ts";
import { createCalendarVersions } from "./calendar-versions.ts";
import type { Sql } from "./connection.ts";
import { createQueues } from "./queues.ts";

/** A job at one version, with what a lease or a settle needs of it. */
export interface JobVersion {
  id: number;
  jobId: number;
  namespaceId: number;
  namespace: string;
  job: string;
  version: number;
  queueId: number;
  group: string;
  type: string;
  /** What its runs ask of their executor, unless they say more. */
  requirement: Requirement;
  /** JSON text. */
  input: string | null;
  priority: number;
  /** Resolved: what runs without a policy of their own follow. */
  retry: RetryPolicy;
  timeoutMs: number | null;
  startDeadlineMs: number;
  /** Runs that fail for good are kept. */
  deadLetter: boolean;
  execution: Execution;
  /** What its runs have to pass. */
  gates: JobGate[];
  /** Its group, its namespace or itself is, or its group has a limit: as it was last read. */
  paused: boolean;
  late: LatePolicy;
  /** Null: every start makes a run of its own. */
  unique: Unique | null;
  /** Its runs are of a workflow, whose nodes have jobs of their own. */
  workflow: Workflow | null;
  /** It is a node of the workflow with this number, */
  workflowId: number | null;
  /** by this key, */
  node: string | null;
  /** and no worker's, if this is set. */
  control: Control | null;
}

/** Versions kept; the least recently added goes first. A fleet's worth of jobs, some 500 bytes each. */
const VERSIONS_KEPT = 50_000;
/** Of how many versions of workflows it is known which those of their nodes are. */
const WORKFLOWS_KEPT = 5_000;

export type Catalog = ReturnType<typeof createCatalog>;

/** `defaultRetry` is the policy of jobs that have none, in namespaces that have none. */
export function createCatalog(sql: Sql, defaultRetry: RetryPolicy = DEFAULT_RETRY) {
  const namespaces = new Map<string, { id: number; name: string }>();
  const namespaceNames = new Map<number, string>();
  const namespaceWeights = new Map<number, number>();
  const affinityGates = new Map<number, number>();
  const currentVersions = new Map<string, number>();
  const versions = new Map<number, JobVersion>();
  /** Numbers of the versions of a workflow's nodes, in their order, by that of its own. */
  const nodeVersions = new Map<number, number[]>();
  /** Grows when the namespaces' settings change: what was read before may not be kept. */
  let settings = 0;

  const readVersions = async (where: ReturnType<Sql>): Promise<JobVersion[]> => {
    const readAt = settings;
    const read: JobVersion[] = [];
    const rows = await sql<(JobVersion & { workflowText: string | null; controlText: string | null })[]>`
      select v.id, v.job_id as "jobId", j.namespace_id as "namespaceId", n.name as namespace, j.name as job,
        v.version, v.queue_id as "queueId", q."group", q.type, q.requirement, v.input, v.priority,
        coalesce(v.retry, n.retry) as retry, v.timeout_ms::float8 as "timeoutMs",
        v.start_deadline_ms::float8 as "startDeadlineMs", v.dead_letter as "deadLetter", v.late, v."unique", v.execution,
        coalesce((
          select json_agg(json_build_object('id', g.id, 'kind', g.kind, 'policy', g.policy,
            'keyPath', case g.kind when 'KEY_CONCURRENCY' then v.max_parallel_per_key ->> 'key'
              when 'RATE' then v.rate ->> 'key' end))
          from escapement.gate g
          where g.job_id = j.id and case g.kind when 'OVERLAP' then v.overlap <> 'PARALLEL'
            when 'CONCURRENCY' then v.max_parallel is not null
            when 'KEY_CONCURRENCY' then v.max_parallel_per_key is not null
            when 'RATE' then v.rate is not null end
        ), '[]') as gates, j.paused, j.workflow_id as "workflowId", j.node,
        v.workflow as "workflowText", v.control as "controlText"
      from escapement.job_version v
      join escapement.job j on j.id = v.job_id
      join escapement.namespace n on n.id = j.namespace_id
      join escapement.queue q on q.id = v.queue_id
      where ${where}`;
    for (const row of rows) {
      const { workflowText, controlText, ...version } = row;
      version.retry ??= defaultRetry;
      version.workflow = workflowText === null ? null : JSON.parse(workflowText);
      version.control = controlText === null ? null : JSON.parse(controlText);
      read.push(version);
      if (readAt !== settings) continue;
      versions.set(version.id, version);
      if (versions.size > VERSIONS_KEPT) versions.delete(versions.keys().next().value as number);
    }
    return read;
  };

  const catalog = {
    ...createQueues(sql),
    ...createCalendarVersions(sql),

    /** @throws NOT_FOUND */
    async namespaceId(name: string, field = "namespace"): Promise<number> {
      const known = namespaces.get(name);
      if (known) return known.id;
      const [row] = await sql<{ id: number; name: string }[]>`
        select id, name from escapement.namespace where name = ${name}`;
      if (!row) throw notFound(`namespace "${name}"`, field);
      namespaces.set(name, row);
      namespaceNames.set(row.id, row.name);
      return row.id;
    },

    async namespaceName(id: number): Promise<string> {
      const known = namespaceNames.get(id);
      if (known !== undefined) return known;
      const [row] = await sql<{ name: string }[]>`select name from escapement.namespace where id = ${id}`;
      if (!row) throw badInput("namespace", `no namespace has the number ${id}`);
      namespaceNames.set(id, row.name);
      return row.name;
    },

    /** What each of these namespaces gets of executors that work for several, in their order. */
    async namespaceWeights(ids: readonly number[]): Promise<number[]> {
      if (ids.some((id) => !namespaceWeights.has(id))) {
        const readAt = settings;
        const rows = await sql<{ id: number; weight: number }[]>`
          select id, weight from escapement.namespace where id = any(${[...ids]}::int[])`;
        const read = new Map(rows.map(({ id, weight }) => [id, weight]));
        if (readAt === settings) for (const [id, weight] of read) namespaceWeights.set(id, weight);
        return ids.map((id) => read.get(id) ?? 1);
      }
      return ids.map((id) => namespaceWeights.get(id) ?? 1);
    },

    /** The gate that keeps runs with equal affinity apart: one for the whole namespace. */
    async affinityGate(namespaceId: number): Promise<number> {
      const known = affinityGates.get(namespaceId);
      if (known !== undefined) return known;
      const [row] = await sql<{ id: number }[]>`
        insert into escapement.gate (namespace_id, name, kind, capacity) values (${namespaceId}, 'affinity', 'AFFINITY', 1)
        on conflict (namespace_id, name) do update set capacity = 1 returning id`;
      const { id } = row as { id: number };
      affinityGates.set(namespaceId, id);
      return id;
    },

    /** The current version of a job as this server knows it. @throws NOT_FOUND */
    async currentVersion(namespaceId: number, job: string, field = "job"): Promise<JobVersion> {
      const key = `${namespaceId}/${job}`;
      const knownId = currentVersions.get(key);
      const known = knownId === undefined ? undefined : versions.get(knownId);
      if (known) return known;
      const [row] = await readVersions(
        sql`j.namespace_id = ${namespaceId} and j.name = ${job} and j.deleted_at is null and v.id = j.version_id
          and j.workflow_id is null`,
      );
      if (!row) {
        const namespace = await catalog.namespaceName(namespaceId);
        throw notFound(`job "${job}" in namespace "${namespace}"`, field);
      }
      currentVersions.set(key, row.id);
      return row;
    },

    /** Versions by id, from memory or in one query. */
    async versions(ids: Iterable<number>): Promise<Map<number, JobVersion>> {
      const found = new Map<number, JobVersion>();
      const missing: number[] = [];
      for (const id of new Set(ids)) {
        const known = versions.get(id);
        if (known) found.set(id, known);
        else missing.push(id);
      }
      if (missing.length > 0) {
        for (const version of await readVersions(sql`v.id = any(${missing}::int[])`)) {
          found.set(version.id, version);
        }
      }
      return found;
    },

    /** The version of a workflow's node, as it was when the workflow was this version. */
    async nodeVersion({ id, jobId, version, workflow }: JobVersion, place: number): Promise<JobVersion> {
      let ids = nodeVersions.get(id);
      if (!ids) {
        const rows = await sql<{ id: number; node: string }[]>`
          select v.id, j.node from escapement.job j join escapement.job_version v on v.job_id = j.id
          where j.workflow_id = ${jobId} and v.version = ${version}`;
        const byKey = new Map(rows.map((row) => [row.node, row.id]));
        ids = workflow?.nodes.map(({ key }) => byKey.get(key) as number) ?? [];
        nodeVersions.set(id, ids);
        if (nodeVersions.size > WORKFLOWS_KEPT)
          nodeVersions.delete(nodeVersions.keys().next().value as number);
        // All of them in one query; what is asked for one by one is in memory then.
        await catalog.versions(ids);
      }
      const wanted = ids[place] as number;
      return (await catalog.versions([wanted])).get(wanted) as JobVersion;
    },

    /** Drops which versions are current, after a change here or elsewhere. */
    forget(): void {
      currentVersions.clear();
    },

    /** Drops what the namespaces' settings went into, after one of them changed here or elsewhere. */
    forgetSettings(): void {
      settings += 1;
      namespaceWeights.clear();
      versions.clear();
      currentVersions.clear();
    },

    /** The server's policy. */
    defaultRetry,
  };
  return catalog;
}
