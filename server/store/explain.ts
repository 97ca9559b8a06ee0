/** What `core/explain` needs to know about a run, in a few queries of bounded cost. */
import { RHYTHM } from "../config.ts";
import { AHEAD_COUNTED, type ExecutorFacts, type PlaceFacts, type RunFacts } from "../core/explain-gate.ts";
import { GROUP_STAGE } from "../core/gate.ts";
import { isOverloaded, type Load } from "../core/placement.ts";
import type { JobVersion } from "./catalog.ts";
import type { Sql } from "./connection.ts";
import { limitedQueues } from "./groups.ts";
import { readPauses } from "./pauses.ts";
import type { Queue } from "./queues.ts";
import type { Run } from "./runs.ts";

/** Executors of a group that are looked at, those heard of last first. */
const EXECUTORS_MAX = 2_000;
/** The last runs of a job whose duration stands for the next. */
const RUNS_MEASURED = 20;
const LINKS_MAX = 10;

/** Reads the facts; they are of one moment each, not all of the same. */
export async function readExplanationFacts(
  sql: Sql,
  run: Run,
  version: JobVersion,
  queue: Queue | undefined,
): Promise<RunFacts> {
  const live = run.endedAt === null;
  const [dependencies, pauses, places, executors, ahead, [more]] = await Promise.all([
    readDependencyFacts(sql, run.id),
    readPauses(sql, [run.id]),
    live ? readPlaces(sql, run.id) : [],
    live ? readGroup(sql, run.namespaceId, version.group, queue?.requirement.executor) : [],
    run.state === "READY" ? readAhead(sql, run.id) : null,
    sql<{ trigger: string | null; meanMs: number | null }[]>`
      select (select name from escapement.trigger where id = ${run.triggerId}) as trigger, (
        select avg(extract(epoch from ended_at - started_at))::float8 * 1000 from (
          select ended_at, started_at from escapement.ended
          where job_id = ${run.jobId} order by id desc limit ${RUNS_MEASURED}
        ) as last where started_at is not null
      ) as "meanMs"`,
  ]);
  const pause = pauses.get(run.id);
  return {
    id: run.id,
    state: run.state,
    namespace: version.namespace,
    now: run.readAt.getTime(),
    job: { id: version.jobId, name: version.job },
    group: version.group,
    type: version.type,
    requirement: queue?.requirement ?? {},
    trigger:
      run.triggerId === null || more?.trigger == null ? null : { id: run.triggerId, name: more.trigger },
    scheduledAt: run.scheduledAt.getTime(),
    wakeAt: run.wakeAt?.getTime() ?? null,
    wakeKind: run.wakeKind,
    startedAt: run.startedAt?.getTime() ?? null,
    dependencies,
    pause: pause ? { kind: pause.kind, by: pause.pausedBy, reason: pause.reason } : null,
    places,
    executors,
    ahead,
    meanMs: more?.meanMs ?? null,
  };
}

async function readDependencyFacts(sql: Sql, runId: string): Promise<RunFacts["dependencies"]> {
  const [row] = await sql<RunFacts["dependencies"][]>`
    select coalesce((array_agg(on_run_id::text order by on_run_id))[1:${LINKS_MAX}], '{}') as ids, count(*)::int as count
    from escapement.dependency where run_id = ${runId} and on_run_id <> run_id`;
  return row ?? { ids: [], count: 0 };
}

/** Its gates in the order of passing; a gate it has not come to yet has no place or one that is AHEAD. */
async function readPlaces(sql: Sql, runId: string): Promise<PlaceFacts[]> {
  return await sql<PlaceFacts[]>`
    select g.kind, g.policy, g.capacity, r.key, p.state, line.n as ahead, g.every_ms::float8 as "everyMs",
      case when g.kind = 'RATE' then counted.n else taken.n end as taken,
      case when g.kind = 'RATE' then '{}' else taken.ids end as "heldBy",
      date_part('epoch', opens.at) * 1000 as "opensAt"
    from (
      select gates, queue_id, priority from escapement.waiting where id = ${runId}
      union all select gates, queue_id, priority from escapement.ready where id = ${runId}
      union all select gates, queue_id, priority from escapement.lease where id = ${runId}
    ) as run
    cross join lateral (
      select * from rows from (jsonb_to_recordset(run.gates::jsonb) as (gate int, key text, rank smallint))
        with ordinality as r(gate, key, rank, stage)
      union all
      select l.gate_id, '', -run.priority, ${GROUP_STAGE} from (${limitedQueues(sql)}) l where l.queue_id = run.queue_id
    ) r
    join escapement.gate g on g.id = r.gate
    left join escapement.place p on p.run_id = ${runId} and p.stage = r.stage
    cross join lateral (
      select count(*)::int as n, coalesce((array_agg(t.run_id::text order by t.run_id))[1:${LINKS_MAX}], '{}') as ids
      from escapement.place t where t.gate_id = r.gate and t.key = r.key and t.state = 'TAKEN'
    ) taken
    cross join lateral (
      select count(*)::int as n from (
        select from escapement.place l
        where l.gate_id = r.gate and l.key = r.key and l.state = 'LINE'
          and (escapement.line_turn(l.run_id, l.rank), l.run_id) < (escapement.line_turn(${runId}::bigint, r.rank), ${runId}::bigint)
        limit ${AHEAD_COUNTED + 1}
      ) before
    ) line
    cross join lateral (
      select count(*)::int as n from escapement.recent_start t
      where g.kind = 'RATE' and t.gate_id = r.gate and t.key = r.key
        and t.started_at > escapement.clock() - g.every_ms * interval '1 millisecond'
    ) counted
    -- Each \`capacity\` runs before it are one interval more; of those that count, so many have to be over by then.
    cross join lateral (select greatest(0, ceil((line.n - g.capacity + 1)::float8 / g.capacity)::int) as more) turn
    left join lateral (
      select least(t.started_at, escapement.clock()) + (1 + turn.more) * g.every_ms * interval '1 millisecond' as at
      from escapement.recent_start t
      where g.kind = 'RATE' and p.state is distinct from 'TAKEN' and counted.n + line.n >= g.capacity
        and t.gate_id = r.gate and t.key = r.key
        and t.started_at > escapement.clock() - g.every_ms * interval '1 millisecond'
      order by t.started_at offset greatest(0, counted.n + line.n - g.capacity - turn.more * g.capacity) limit 1
    ) opens on true
    order by r.stage`;
}

/** Executors of other namespaces count if they claim for this one; a name is never one of theirs. */
async function readGroup(
  sql: Sql,
  namespaceId: number,
  group: string,
  name: string | undefined,
): Promise<ExecutorFacts[]> {
  const rows = await sql<
    (Omit<ExecutorFacts, "labels" | "overloaded"> & {
      labels: Record<string, string> | null;
      load: Load | null;
      maxLoad: Load | null;
      loadCounts: boolean;
    })[]
  >`
    select e.id, e.name, e.labels, e.types, e.capacity, e.draining_at is not null as draining,
      e.left_at is null
        and e.last_heartbeat_at > escapement.clock() - ${RHYTHM.executorOfflineMs} * interval '1 millisecond' as live,
      e.load, e.max_load as "maxLoad",
      e.load_at > escapement.clock() - ${RHYTHM.loadMs} * interval '1 millisecond' is true as "loadCounts",
      (select count(*)::int from escapement.lease l where l.executor_id = e.id) as running
    from (
      select * from escapement.executor where (namespace_id = ${namespaceId} or ${name === undefined} and serves @> array[${namespaceId}::int])
        and groups @> array[${group}::text]
      order by last_heartbeat_at desc limit ${EXECUTORS_MAX}
    ) e`;
  return rows.map(({ labels, load, maxLoad, loadCounts, ...executor }) => ({
    ...executor,
    labels: labels ?? {},
    overloaded: loadCounts && isOverloaded(load, maxLoad),
  }));
}

/** By the claim's own order. Null when the run has just been claimed. */
async function readAhead(sql: Sql, runId: string): Promise<number | null> {
  const [row] = await sql<{ ahead: number }[]>`
    select (
      select count(*)::int from (
        select from escapement.ready r
        where r.queue_id = own.queue_id and (r.turn, r.id) < (own.turn, own.id)
        limit ${AHEAD_COUNTED + 1}
      ) before
    ) as ahead
    from escapement.ready own where own.id = ${runId}`;
  return row?.ahead ?? null;
}
