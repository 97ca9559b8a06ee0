/**
 * running → anywhere: the one statement by which a run leaves its lease. Settle, expiry and forced cancellation
 * decide; this writes. Deleting the lease's row is the guard: a row that is not there any more, or not as the
 * decision saw it, changes nothing.
 */
import type { AttemptOutcome } from "../core/attempt.ts";
import type { RunState } from "../core/run.ts";
import type { Change } from "../store/channel.ts";
import type { Sql } from "../store/connection.ts";
import {
  booleans,
  byteas,
  counted,
  type EngineContext,
  type MovedRun,
  runChange,
  unblocked,
} from "./context.ts";
import { releaseDependents, settleWaits } from "./release.ts";
import { decideKeys } from "./start/child-keys.ts";

/** A decided departure, with what the decision relied on. */
export interface Departure {
  runId: string;
  secret: string;
  /** The decision knew of a request to cancel; it holds only while that is so. */
  cancelSeen: boolean;
  /** Only if the lease has really expired: a heartbeat may have come in between. */
  onlyIfExpired?: boolean;
  to: Exclude<RunState, "RUNNING" | "SKIPPED">;
  outcome: Exclude<AttemptOutcome, "RUNNING">;
  /** JSON text. */
  output?: string | null;
  /** Instead of `output`. */
  outputBytes?: Buffer | undefined;
  /** JSON text of {message, type?, stack?}. */
  error?: string | null;
  /** To WAITING: the pause before the retry. */
  delayMs?: number;
  /** To FAILED: the run is kept until somebody redrives or discards it. */
  deadLetter?: boolean;
  /** JSON text for the next attempt, instead of what was saved before. */
  checkpoint?: string;
}

export interface Departed extends MovedRun {
  secret: string;
  to: RunState;
  awaited: boolean;
  /** It has gates, whose places its end frees. */
  gated: boolean;
  unblockedTrigger: number | null;
  /** Runs, besides each other, that its children wait for. */
  waitedFor: string[] | null;
  /** Children that its success brought forth. */
  children:
    | {
        id: string;
        namespaceId: number;
        jobId: number;
        queueId: number;
        gated: boolean;
        /** It waits for itself: whether it may have its key. */
        undecided: boolean;
        state: "READY" | "WAITING";
      }[]
    | null;
}

/** Restricts a statement to the leader of `epoch`; the row lock serialises it against a take-over. */
export interface LeaderGuard {
  epoch: number;
  holder: string;
  ttlMs: number;
}

/** The common table expression `lead`: one row while the caller leads, none otherwise. */
export function lead(sql: Sql, guard: LeaderGuard): ReturnType<Sql> {
  return sql`lead as materialized (
    update escapement.leader set expires_at = escapement.clock() + ${guard.ttlMs} * interval '1 millisecond'
    where id = 1 and epoch = ${guard.epoch} and holder = ${guard.holder}::uuid and expires_at > escapement.clock()
    returning epoch
  )`;
}

/** The common table expression that keeps those who failed for good; nothing while nobody did. */
function buried(sql: Sql, departures: Departure[]): ReturnType<Sql> {
  const dead = departures.filter((departure) => departure.deadLetter);
  if (dead.length === 0) return sql``;
  return sql`buried as (
      insert into escapement.dead_letter (run_id, namespace_id, job_id, error_type, died_at)
      select g.id, g.namespace_id, g.job_id, d.error_type, now.at
      from gone g join unnest(${dead.map((d) => d.runId)}::bigint[], ${dead.map((d) => errorType(d.error))}::text[])
        as d(run_id, error_type) on d.run_id = g.id, now
      where g.to_state = 'FAILED'
    ),`;
}

/** What people filter dead letters by; as long as a class name may sensibly be. */
const ERROR_TYPE_MAX = 200;

function errorType(error: string | null | undefined): string | null {
  const type: unknown = error == null ? null : JSON.parse(error).type;
  return typeof type === "string" ? type.replaceAll("\0", "").slice(0, ERROR_TYPE_MAX) || null : null;
}

/** Writes departures; returns those that held, in no order. The others' leases are over or have changed. */
export async function leave(
  context: EngineContext,
  departures: Departure[],
  source: string,
  guard?: LeaderGuard,
): Promise<Departed[]> {
  if (departures.length === 0) return [];
  const { sql } = context;
  const column = <T>(pick: (departure: Departure) => T): T[] => departures.map(pick);
  const saving = departures.some(({ checkpoint }) => checkpoint !== undefined);
  const saved = saving ? sql`nullif(coalesce(new_checkpoint, checkpoint), 'null')` : sql`checkpoint`;
  const departed = await sql<Departed[]>`
    with now as materialized (select escapement.clock() as at),
    ${guard ? sql`${lead(sql, guard)},` : sql``}
    item as (
      select * from unnest(
        ${column((d) => d.runId)}::bigint[],
        ${column((d) => d.secret)}::uuid[],
        ${booleans(column((d) => d.cancelSeen))}::text[]::boolean[],
        ${booleans(column((d) => d.onlyIfExpired ?? false))}::text[]::boolean[],
        ${column((d) => d.to)}::text[],
        ${column((d) => d.outcome)}::text[],
        ${column((d) => d.output ?? null)}::text[],
        ${column((d) => d.error ?? null)}::text[],
        ${column((d) => d.delayMs ?? null)}::float8[]
        ${saving ? sql`, ${column((d) => d.checkpoint ?? null)}::text[]` : sql``}
      ) as i(run_id, lease_secret, cancel_seen, only_if_expired, to_state, outcome, output, error, delay_ms
        ${saving ? sql`, new_checkpoint` : sql``})
    ),
    ${
      // A worker's own transaction may be completing one of them: nobody waits for it with the leader's row locked.
      guard
        ? sql`free as materialized (
      select l.id from lead, item i join escapement.lease l on l.id = i.run_id for update of l skip locked
    ),`
        : sql``
    }
    gone as (
      delete from escapement.lease l using item i ${guard ? sql`, free` : sql``}
      where l.id = i.run_id and l.secret = i.lease_secret and (l.cancel_at is not null) = i.cancel_seen
        ${guard ? sql`and l.id = free.id` : sql``}
        and (not i.only_if_expired or l.expires_at <= escapement.clock())
      returning l.*, i.to_state, i.outcome, i.output, i.error, i.delay_ms ${saving ? sql`, i.new_checkpoint` : sql``}
    ),
    archived as (
      insert into escapement.ended (id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, input, payload, tags, gates, fence, failures, lost, released, awaited, retry, checkpoint,
        ready_at, secret, executor_id, started_at, ended_at, state, outcome, output, error, progress)
      select g.id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, input, payload, tags, gates, fence, failures + (outcome in ('FAILED', 'TIMED_OUT'))::int,
        lost + (outcome = 'LOST')::int, released, awaited, retry, case when to_state <> 'SUCCEEDED' then ${saved} end,
        ready_at, secret, executor_id, started_at, now.at, to_state, outcome, output, error, progress
      from gone g, now where to_state in ('SUCCEEDED', 'FAILED', 'CANCELLED')
    ),
    ${withOutputBytes(sql, departures)}
    ${buried(sql, departures)}
    retried as (
      insert into escapement.waiting (id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, input, payload, tags, gates, fence, failures, lost, released, awaited, retry, checkpoint,
        wake_at, wake_kind)
      select id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, input, payload, tags, gates, fence, failures + 1, lost, released, awaited, retry, ${saved},
        now.at + delay_ms * interval '1 millisecond', 'RETRY'
      from gone, now where to_state = 'WAITING'
    ),
    returned as (
      insert into escapement.ready (id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, input, payload, tags, gates, fence, failures, lost, released, awaited, retry, checkpoint,
        ready_at)
      select id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, input, payload, tags, gates, fence, failures, lost + (outcome = 'LOST')::int,
        released + (outcome = 'RELEASED')::int, awaited, retry, ${saved}, ready_at
      from gone where to_state = 'READY'
    ),
    remembered as (
      insert into escapement.attempt (run_id, fence, number, secret, executor_id, started_at, ended_at, outcome, error,
        state, retry_ms)
      select id, fence, fence - released, secret, executor_id, started_at, now.at, outcome, error, to_state, delay_ms
      from gone, now where to_state in ('WAITING', 'READY')
    ),
    unstaged as (
      delete from escapement.staged s using gone g where s.parent_id = g.id and s.secret = g.secret
      returning s.*, g.to_state, g.awaited as parent_awaited
    ),
    child as (
      select u.*, greatest(u.scheduled_at, now.at) as born_at, coalesce(u.joins <> 0, false) or u.after_ids is not null or u.join_ids is not null as depends,
        case when u.wake_at > now.at then u.wake_at end as wakes, now.at as now
      from unstaged u, now where u.to_state = 'SUCCEEDED'
    ),
    child_ready as (
      insert into escapement.ready (id, namespace_id, job_id, version_id, queue_id, priority, parent_id,
        scheduled_at, input, payload, tags, awaited, retry, skip_at, ready_at)
      select id, namespace_id, job_id, version_id, queue_id, priority, parent_id,
        born_at, input, payload, tags, awaited or parent_awaited, retry, skip_at + (born_at - scheduled_at), now
      from child where not depends and wakes is null and gates is null
    ),
    child_waiting as (
      insert into escapement.waiting (id, namespace_id, job_id, version_id, queue_id, priority, parent_id,
        scheduled_at, input, payload, tags, gates, awaited, retry, skip_at, wake_at, wake_kind)
      select id, namespace_id, job_id, version_id, queue_id, priority, parent_id,
        born_at, input, payload, tags, gates, awaited or parent_awaited, retry, skip_at + (born_at - scheduled_at), wakes,
        case when wakes is not null then 'TIME' end
      from child where depends or wakes is not null or gates is not null
    ),
    child_dependency as (
      insert into escapement.dependency (on_run_id, run_id, kind)
      select c.id, j.id, 'JOIN'
      from child j join child c on c.parent_id = j.parent_id and c.call = j.call and c.joins is null
      where j.joins > 0
      -- It waits for all that its parent starts, which the parent's end hands on to it.
      union all select parent_id, id, 'LINE' from child where joins < 0
      union all select w.id, j.id, 'AFTER' from child j cross join unnest(j.after_ids) as w(id)
      union all select w.id, j.id, 'JOIN' from child j cross join unnest(j.join_ids) as w(id)
    ),
    unblocked as (${unblocked(sql, sql`select id, trigger_id from gone where to_state in ('SUCCEEDED', 'FAILED', 'CANCELLED')`)}),
    tallied as (${counted(
      sql,
      sql`select namespace_id, to_state as what from gone where to_state in ('SUCCEEDED', 'FAILED', 'CANCELLED')
        union all select namespace_id, 'STARTED' from child`,
      source,
    )})
    select g.id, g.secret, g.namespace_id as "namespaceId", g.job_id as "jobId", g.queue_id as "queueId",
      g.to_state as "to", g.awaited, g.gates is not null as gated,
      (select json_agg(json_build_object('id', c.id::text, 'namespaceId', c.namespace_id, 'jobId', c.job_id,
          'queueId', c.queue_id, 'gated', c.gates is not null,
          'undecided', coalesce(c.id = any(c.after_ids), false),
          'state', case when c.depends or c.wakes is not null or c.gates is not null then 'WAITING' else 'READY' end))
        from child c where c.parent_id = g.id) as children,
      (select array_agg(distinct w.id) from child c cross join unnest(c.after_ids || c.join_ids) as w(id)
        where c.parent_id = g.id and w.id <> c.id) as "waitedFor",
      (select u.id from unblocked u where u.id = g.trigger_id) as "unblockedTrigger"
    from gone g`;
  await announce(context, departed);
  return departed;
}

/** Outputs in bytes have a table of their own, and a batch without any does not hear of it. */
function withOutputBytes(sql: Sql, departures: Departure[]): ReturnType<Sql> {
  const binary = departures.filter(({ outputBytes }) => outputBytes !== undefined);
  if (binary.length === 0) return sql``;
  return sql`
    output_in_bytes as (
      insert into escapement.output_bytes (run_id, bytes)
      select g.id, b.bytes from gone g
      join unnest(
        ${binary.map(({ runId }) => runId)}::bigint[],
        ${byteas(binary.map(({ outputBytes }) => outputBytes ?? null))}::text[]::bytea[]
      ) as b(run_id, bytes) on b.run_id = g.id
      where g.to_state = 'SUCCEEDED'
    ),`;
}

async function announce(context: EngineContext, departed: Departed[]): Promise<void> {
  const { channel } = context;
  const queues = new Set<number>();
  const changes: Change[] = [];
  let due = false;
  for (const run of departed) {
    changes.push(runChange(run, run.to));
    if (run.to === "READY") {
      queues.add(run.queueId);
      context.floors.lower(run.queueId);
    }
    if (run.to === "WAITING") due = true;
    for (const child of run.children ?? []) {
      changes.push(runChange(child, child.state));
      if (child.state === "READY") queues.add(child.queueId);
      else due = true;
    }
    if (run.unblockedTrigger !== null) {
      changes.push({ kind: "trigger", id: run.unblockedTrigger, namespaceId: run.namespaceId });
      due = true;
    }
  }
  if (queues.size > 0) channel.publishReady([...queues]);
  if (changes.length > 0) channel.publish(changes);
  if (due) channel.publishDue();
  const awaited = departed.filter((run) => run.awaited && run.to !== "WAITING" && run.to !== "READY");
  await releaseDependents(
    context,
    awaited.map((run) => run.id),
  );
  const children = departed.flatMap((run) => run.children ?? []);
  await decideKeys(
    context,
    children.flatMap(({ id, undecided }) => (undecided ? [id] : [])),
  );
  const waitedFor = departed.flatMap((run) => (run.waitedFor ?? []).map(String));
  if (waitedFor.length > 0) await settleWaits(context, waitedFor);
  // Last: who waited for one of them stands in line by then, and gets its place when it is the first there.
  handOn(context, departed);
}

/** Frees the places of runs that had some, and lets children with gates stand in line. */
function handOn({ gates }: EngineContext, departed: Departed[]): void {
  const gated = departed.filter((run) => run.gated);
  const entering = departed.flatMap((run) => run.children ?? []).filter((child) => child.gated);
  if (gated.length + entering.length === 0) return;
  gates.soon({
    left: gated.filter((run) => run.to !== "WAITING" && run.to !== "READY").map((run) => run.id),
    retrying: gated.filter((run) => run.to === "WAITING").map((run) => run.id),
    entering: entering.map((child) => child.id),
  });
}
