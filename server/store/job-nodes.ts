/** The queues of a job, and the jobs of a workflow's nodes: what each statement that changes a job carries along. */

import { UNLIMITED } from "../core/gate.ts";
import { requirementText } from "../core/placement.ts";
import { nodeJob, nodeJobName, WORKFLOW_GROUP, WORKFLOW_TYPE } from "../core/workflow/placement.ts";
import type { Sql } from "./connection.ts";
import type { JobContent } from "./jobs.ts";
import type { Fragment } from "./page.ts";

/** Where its runs queue. A workflow's own run is the control plane's. */
export function queueOf({ group, type, requires }: JobContent): {
  group: string;
  type: string;
  requirement: string;
} {
  if (type === null) return { group: WORKFLOW_GROUP, type: WORKFLOW_TYPE, requirement: requirementText({}) };
  return { group, type, requirement: requirementText(requires ? { labels: requires } : {}) };
}

/** The queues of the job and of its nodes, whether they were there or not. */
export function queuesOf(sql: Sql, namespaceId: number, content: JobContent): Fragment {
  const nodes = nodeRows(content);
  const own = queueOf(content);
  return sql`
    insert into escapement.queue (namespace_id, "group", type, requirement)
    select distinct ${namespaceId}::int, q."group", q.type, q.requirement::jsonb
    from unnest(${[own.group, ...nodes.map(({ group }) => group)]}::text[],
      ${[own.type, ...nodes.map(({ type }) => type)]}::text[],
      ${[own.requirement, ...nodes.map(({ requirement }) => requirement)]}::text[]) as q("group", type, requirement)
    on conflict (namespace_id, "group", type, requirement) do update set type = excluded.type
    returning id, "group", type, requirement`;
}

interface NodeRow {
  key: string;
  group: string;
  type: string;
  requirement: string;
  retry: string | null;
  timeoutMs: number | null;
  warnMs: number | null;
  control: string | null;
}

function nodeRows({ workflow }: JobContent): NodeRow[] {
  if (workflow === null) return [];
  return workflow.nodes.map((node) => {
    const { group, type, requirement, retry, timeoutMs, warnMs } = nodeJob(workflow, node);
    return {
      key: node.key,
      group,
      type,
      requirement: requirementText(requirement),
      retry: retry && JSON.stringify(retry),
      timeoutMs,
      warnMs,
      control: node.control ? JSON.stringify(node.control) : null,
    };
  });
}

/**
 * The jobs of a workflow's nodes, last of the statement's common table expressions: each gets a version of the workflow's
 * own number, and those of nodes that are not there any more are deleted.
 */
export function nodesOf(sql: Sql, namespaceId: number, name: string, content: JobContent): Fragment {
  const rows = nodeRows(content);
  const column = <T>(pick: (row: NodeRow) => T): T[] => rows.map(pick);
  const left = sql`
    left_out as (
      update escapement.job j set deleted_at = escapement.clock() from job
      where j.workflow_id = job.id and j.deleted_at is null and j.node <> all(${column(({ key }) => key)}::text[])
    )`;
  if (rows.length === 0) return left;
  return sql`
    node as materialized (
      select n.*, ${pausedIn(sql, namespaceId, sql`n."group"`, null)} as paused
      from unnest(${column(({ key }) => key)}::text[], ${column(({ group }) => group)}::text[],
        ${column(({ type }) => type)}::text[], ${column(({ requirement }) => requirement)}::text[],
        ${column(({ retry }) => retry)}::text[], ${column(({ timeoutMs }) => timeoutMs)}::bigint[],
        ${column(({ warnMs }) => warnMs)}::bigint[], ${column(({ control }) => control)}::text[]
      ) as n(key, "group", type, requirement, retry, timeout_ms, warn_ms, control)
    ),
    node_job as (
      insert into escapement.job as known (namespace_id, name, paused, version_id, version, workflow_id, node)
      select ${namespaceId}, ${nodeJobName(name, "")} || node.key, node.paused,
        nextval('escapement.job_version_id_seq'), job.version, job.id, node.key
      from node cross join job
      on conflict (namespace_id, name) where deleted_at is null do update set paused = excluded.paused,
        version_id = excluded.version_id, version = excluded.version, updated_at = escapement.clock()
      returning id, version_id, version, node
    ),
    node_version as (
      insert into escapement.job_version (id, job_id, version, queue_id, priority, retry, timeout_ms, warn_ms,
        start_deadline_ms, dead_letter, control)
      overriding system value
      select j.version_id, j.id, j.version, q.id, ${content.priority}::smallint, node.retry::jsonb, node.timeout_ms,
        node.warn_ms, ${content.startDeadlineMs}::bigint, false, node.control
      from node_job j join node on node.key = j.node
      join queue q on q."group" = node."group" and q.type = node.type and q.requirement = node.requirement::jsonb
    ),
    ${left}`;
}

/** Whether its namespace, its group or the job itself is paused, or its group has a limit. */
export function pausedIn(
  sql: Sql,
  namespaceId: number,
  group: string | Fragment,
  jobId: number | null,
): Fragment {
  return sql`exists (
    select from escapement.pause p where p.namespace_id = ${namespaceId} and (
      p.kind = 'NAMESPACE' or p.kind = 'GROUP' and p.target = ${group} or p.kind = 'JOB' and p.target = ${jobId}::int::text)
  ) or exists (
    select from escapement.gate g
    where g.namespace_id = ${namespaceId} and g."group" = ${group} and g.capacity < ${UNLIMITED}
  )`;
}
