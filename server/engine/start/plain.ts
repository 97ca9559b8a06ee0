/**
 * – → ready, the plain case and nearly all of the traffic: runs that ask for nothing but their input and start at once.
 * What they share travels once for all of them; `insertRuns` inserts the others, and those that a parked poll takes.
 */

import type { Sql } from "../../store/connection.ts";
import { counted, list, textArray } from "../context.ts";
import type { Inserted, KeyedRuns } from "../enqueue.ts";
import { isLarge, type NewRun } from "./new-run.ts";

/** True when nothing about the requests needs more than a row in `ready`. */
export function arePlain(requests: KeyedRuns[]): boolean {
  return requests.every(({ key, runs }) => key === null && runs.every(isPlain));
}

function isPlain(run: NewRun): boolean {
  const { version, gates, runAt, delayMs, triggerId, parentId, tags, retry, bytes } = run;
  return (
    !version.paused &&
    (gates ?? runAt ?? delayMs ?? triggerId ?? parentId ?? tags ?? retry ?? bytes) === null &&
    run.skipAfterMs === null &&
    !isLarge(run)
  );
}

/** Inserts runs for which `arePlain` holds: all of them, or none because a job changed under us. */
export async function insertPlain(sql: Sql, requests: KeyedRuns[], source: string): Promise<Inserted[]> {
  const runs = requests.flatMap((request) => request.runs);
  const { kinds, kindOf } = sortOut(runs);
  const versions = [...new Set(kinds.map(({ version }) => version.id))];
  const shared = (pick: (run: NewRun) => number): string | null => list(kinds.map(pick));
  const [row] = await sql<{ ids: string | null }[]>`
    with now as materialized (select escapement.clock() as at),
    current as (
      select count(*) as versions from escapement.job
      where version_id = any(${versions}::int[]) and deleted_at is null and not paused
    ),
    kind as materialized (
      select ${shared(({ version }) => version.namespaceId)}::text::int[] as namespaces,
        ${shared(({ version }) => version.jobId)}::text::int[] as jobs,
        ${shared(({ version }) => version.id)}::text::int[] as versions,
        ${shared(({ queueId }) => queueId)}::text::int[] as queues,
        ${shared(({ priority }) => priority)}::text::smallint[] as priorities
    ),
    run as materialized (
      select escapement.next_run_id() as id, i.n, i.input, kind.namespaces[i.kind] as namespace_id, kind.jobs[i.kind] as job_id,
        kind.versions[i.kind] as version_id, kind.queues[i.kind] as queue_id, kind.priorities[i.kind] as priority, now.at as now
      from unnest(${list(kindOf)}::text::int[], ${textArray(runs.map((run) => run.input))}::text::text[])
        with ordinality as i(kind, input, n), kind, now, current
      where current.versions = ${versions.length}
    ),
    made_ready as (
      insert into escapement.ready (id, namespace_id, job_id, version_id, queue_id, priority, scheduled_at, input, ready_at)
      select id, namespace_id, job_id, version_id, queue_id, priority, now, input, now from run
    ),
    made_tally as (${counted(sql, sql`select namespace_id, 'STARTED' as what from run`, source)})
    select string_agg(id::text, ',' order by n) as ids from run`;
  const ids = row?.ids?.split(",") ?? null;
  let next = 0;
  return requests.map((request): Inserted => {
    if (ids === null) return { status: "stale" };
    const own = ids.slice(next, next + request.runs.length);
    next += own.length;
    return { status: "started", runs: own.map((id) => ({ id, state: "READY" })), births: [] };
  });
}

/** One run of each kind, and for each run which of them it is like, from 1. */
function sortOut(runs: NewRun[]): { kinds: NewRun[]; kindOf: number[] } {
  const kinds: NewRun[] = [];
  const known = new Map<string, number>();
  let last: NewRun | null = null;
  let kind = 0;
  const kindOf = runs.map((run) => {
    if (last !== null && isAlike(run, last)) return kind;
    last = run;
    const key = `${run.version.id}/${run.queueId}/${run.priority}`;
    kind = known.get(key) ?? kinds.push(run);
    known.set(key, kind);
    return kind;
  });
  return { kinds, kindOf };
}

const isAlike = (one: NewRun, other: NewRun): boolean =>
  one.version.id === other.version.id && one.queueId === other.queueId && one.priority === other.priority;
