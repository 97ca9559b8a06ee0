/**
 * waiting → ready: lifts holds. Time holds when their moment has come; dependency holds after the runs waited for
 * have ended. Any server may do either: deleting the waiting row is the guard, so nothing is released twice.
 */
import { LIMITS } from "../config.ts";
import { SERVER_GROUP } from "../core/execution.ts";
import type { Sql, Transaction } from "../store/connection.ts";
import { conclude } from "./conclude.ts";
import {
  type EngineContext,
  isHeld,
  isPaused,
  isUncounted,
  type MovedRun,
  runChange,
  unblocked,
} from "./context.ts";

/** Moves runs whose time has come. Returns how many, and how long until the next in ms (null: none waits). */
export async function releaseDue(
  context: EngineContext,
): Promise<{ released: number; nextInMs: number | null }> {
  const { sql } = context;
  const rows = await sql<(MovedRun & { gated: boolean })[]>`
    with now as materialized (select escapement.clock() as at),
    due as materialized (
      select id, gates from escapement.waiting where wake_at <= (select at from now)
      order by wake_at limit ${LIMITS.releaseBatch} for update of waiting skip locked
    ),
    -- Still held by other runs or by gates: only the time hold goes.
    held as (
      select id, gates is not null as gated from due
      where gates is not null or exists (select from escapement.dependency d where d.run_id = due.id)
    ),
    lifted as (
      update escapement.waiting w set wake_at = null, wake_kind = null
      where w.id = any(array(select id from held))
    ),
    gone as (
      delete from escapement.waiting w
      where w.id = any(array(select id from due except select id from held)) returning *
    ),
    made_ready as (${madeReady(sql)})
    select id, namespace_id as "namespaceId", job_id as "jobId", queue_id as "queueId", false as gated from gone
    union all
    select id, 0, 0, 0, true from held where gated`;
  const moved = rows.filter((row) => !row.gated);
  announceReady(context, moved);
  await context.gates.work({ entering: rows.filter((row) => row.gated).map((row) => row.id) });
  if (rows.length === LIMITS.releaseBatch) return { released: moved.length, nextInMs: 0 };
  const [next] = await sql<{ ms: number | null }[]>`
    select extract(epoch from min(wake_at) - escapement.clock())::float8 * 1000 as ms
    from escapement.waiting where wake_at is not null`;
  return { released: moved.length, nextInMs: next?.ms ?? null };
}

/**
 * Lifts the dependency holds on runs that have ended, after their end has committed. A join's hold is handed on to
 * the children of the ended run in the statement that lifts it, so a join waits for all that its runs start, however
 * deep, and its place in line is never empty. A child that had ended before is next.
 */
export async function releaseDependents(context: EngineContext, endedIds: string[]): Promise<void> {
  if (endedIds.length === 0) return;
  await Promise.all([
    liftHolds(context, endedIds),
    ...[...context.followers.values()].map((follow) => follow(endedIds)),
  ]);
}

async function liftHolds(context: EngineContext, endedIds: string[]): Promise<void> {
  const waiters = new Set<string>();
  for (let ended = endedIds; ended.length > 0; ) {
    const rows = await context.sql<{ waiter: string | null; handedTo: string | null }[]>`
      with gone as (
        delete from escapement.dependency where on_run_id = any(${ended}::bigint[]) returning on_run_id, run_id, kind
      ),
      result as (
        insert into escapement.joined (join_id, run_id) select run_id, on_run_id from gone where kind = 'JOIN'
        on conflict do nothing
      ),
      handed as (
        insert into escapement.dependency as known (on_run_id, run_id, kind)
        select child.id, gone.run_id, 'JOIN'
        from gone cross join lateral (
          -- Later ids than its own: that spares the partitions of days before. The offset keeps this a look by index
          -- for each; pulled up, it would be planned as a join with all children there are.
          select r.id from escapement.run r where r.parent_id = gone.on_run_id and r.id > gone.on_run_id offset 0
        ) child
        where gone.kind <> 'AFTER' and child.id <> gone.run_id
        on conflict (on_run_id, run_id) do update set kind = excluded.kind
        returning on_run_id
      )
      select distinct run_id as waiter, null::bigint as "handedTo" from gone
      union all select null, on_run_id from handed`;
    for (const { waiter } of rows) if (waiter !== null) waiters.add(waiter);
    ended = await attend(
      context,
      rows.flatMap(({ handedTo }) => handedTo ?? []),
    );
  }
  if (waiters.size === 0) return;
  const ids = [...waiters];
  await releaseUnheld(context, ids);
}

/** For holds that are in place: lifts at once those on runs that have ended, and makes sure of the others' ends. */
export async function settleWaits(context: EngineContext, onRunIds: string[]): Promise<void> {
  await releaseDependents(context, await attend(context, onRunIds));
}

/** A worker's own transaction may be completing a run for long: then its end is left to the repair to notice. */
const PATIENCE_MS = 250;
const LOCK_NOT_AVAILABLE = "55P03";

/** Marks runs, so that whoever ends them looks for waiters; returns those that have ended already. */
async function attend({ sql }: EngineContext, runIds: string[]): Promise<string[]> {
  const ended: string[] = [];
  for (let open = runIds; open.length > 0; ) {
    const rows = await sql<{ id: string; over: boolean }[]>`
      select r.id, r.over from unnest(${open}::bigint[]) as w(id) cross join lateral (
        select id, ended_at is not null as over from escapement.run
        where run.id = w.id and (ended_at is not null or not awaited) offset 0
      ) r`;
    ended.push(...rows.filter(({ over }) => over).map(({ id }) => id));
    // Once marked, it is looked at again: it may have moved on, or ended, before the mark.
    open = rows.filter(({ over }) => !over).map(({ id }) => id);
    for (const table of ["waiting", "ready", "lease"]) {
      if (open.length === 0) break;
      const marked = await sql`
        with patience as materialized (select set_config('lock_timeout', ${String(PATIENCE_MS)}, true))
        update escapement.${sql(table)} set awaited = true from patience where id = any(${open}::bigint[])`.then(
        () => true,
        (error: { code?: string }) => {
          if (error.code === LOCK_NOT_AVAILABLE) return false;
          throw error;
        },
      );
      if (!marked) return ended;
    }
  }
  return ended;
}

/**
 * Moves those of `ids` that no run and no time holds any more; those with gates stand in line now. Its own statement,
 * after the holds' removal has committed: of two that remove the last two holds at once, the later one sees both gone.
 */
export async function releaseUnheld(context: EngineContext, ids: string[]): Promise<void> {
  if (ids.length === 0) return;
  const rows = await context.sql<(MovedRun & { gated: boolean })[]>`
    with now as materialized (select escapement.clock() as at),
    gone as (
      delete from escapement.waiting w
      where w.id = any(${ids}::bigint[]) and w.wake_at is null and w.gates is null
        and not ${isHeld(context.sql)}
      returning *
    ),
    made_ready as (${madeReady(context.sql)})
    select id, namespace_id as "namespaceId", job_id as "jobId", queue_id as "queueId", false as gated from gone
    union all
    select w.id, 0, 0, 0, true from escapement.waiting w where w.id = any(${ids}::bigint[]) and w.gates is not null`;
  const moved = rows.filter((row) => !row.gated);
  announceReady(context, moved);
  const groups = moved.map(({ queueId }) => context.catalog.queue(queueId)?.group);
  // A queue that is not known here may be the server's, too: another server's root has made it.
  if (groups.some((group) => group === undefined || group === SERVER_GROUP)) await concludeReady(context);
  // Not waited for: the gates themselves may have ended what was waited for, and would wait for themselves.
  context.gates.soon({ entering: rows.filter((row) => row.gated).map((row) => row.id) });
}

/** Ends the reduces that are the server's own and ready. */
async function concludeReady(context: EngineContext): Promise<void> {
  for (;;) {
    const concluded = await conclude(context);
    await releaseDependents(
      context,
      concluded.filter(({ awaited }) => awaited).map(({ id }) => id),
    );
    if (concluded.length < LIMITS.concludeBatch) return;
  }
}

/** The rows of `gone` into the priority table, as of `now`. */
function madeReady(sql: Sql): ReturnType<Sql> {
  return sql`
    insert into escapement.ready (id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
      scheduled_at, input, payload, tags, gates, fence, failures, lost, released, awaited, retry, checkpoint,
      skip_at, ready_at)
    select id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
      scheduled_at, input, payload, tags, gates, fence, failures, lost, released, awaited, retry, checkpoint,
      skip_at, now.at
    from gone, now`;
}

/** waiting → ready for those of `ids` that have all their places and no other hold. */
export async function releaseThrough(transaction: Transaction, ids: string[]): Promise<MovedRun[]> {
  if (ids.length === 0) return [];
  const s = transaction as unknown as Sql;
  return await s<MovedRun[]>`
    with now as materialized (select escapement.clock() as at),
    gone as (
      delete from escapement.waiting w
      where w.id = any(${ids}::bigint[]) and w.gates is not null and w.wake_at is null
        and not ${isPaused(s)}
        -- What only a pause held has no gates; who has some and no place yet has not stood in line.
        and (w.gates = '[]' or exists (select from escapement.place p where p.run_id = w.id))
        and not exists (select from escapement.place p where p.run_id = w.id and p.state <> 'TAKEN')
        and not ${isUncounted(s, "w")}
        and not ${isHeld(s)}
      returning *
    ),
    made_ready as (${madeReady(s)})
    select id, namespace_id as "namespaceId", job_id as "jobId", queue_id as "queueId" from gone`;
}

/**
 * The repair: re-derives every dependency hold, so that a crash between an end and the lifting of its dependents'
 * holds delays them by one sweep and never for good. The leader calls it.
 */
export async function repairHolds(context: EngineContext): Promise<void> {
  const { sql } = context;
  const stale = await sql<{ id: string }[]>`
    select distinct d.on_run_id as id from escapement.dependency d
    where not exists (select from escapement.waiting w where w.id = d.on_run_id)
      and not exists (select from escapement.ready r where r.id = d.on_run_id)
      and not exists (select from escapement.lease l where l.id = d.on_run_id)
    limit ${LIMITS.releaseBatch}`;
  await releaseDependents(
    context,
    stale.map((row) => row.id),
  );
  const unheld = await sql<{ id: string }[]>`
    select w.id from escapement.waiting w
    where w.wake_at is null and w.gates is null
      and not exists (select from escapement.dependency d where d.run_id = w.id)
    limit ${LIMITS.releaseBatch}`;
  await releaseUnheld(
    context,
    unheld.map((row) => row.id),
  );
  await concludeReady(context);
  // Staged while the lease was being taken away: those runs will never be.
  await sql`
    delete from escapement.staged s
    where not exists (select from escapement.lease l where l.id = s.parent_id and l.secret = s.secret)`;
  await repairTriggers(context);
}

/** Fixed-delay triggers that wait for a run which has ended: a change of the trigger may have raced the run's end. */
async function repairTriggers({ sql, channel }: EngineContext): Promise<void> {
  const freed = await sql<{ id: number }[]>`
    with now as materialized (select escapement.clock() as at)
    ${unblocked(
      sql,
      sql`select blocked_by as id, id as trigger_id from escapement.trigger
        where blocked_by is not null
          and not exists (select from escapement.waiting w where w.id = blocked_by)
          and not exists (select from escapement.ready r where r.id = blocked_by)
          and not exists (select from escapement.lease l where l.id = blocked_by)`,
    )}`;
  if (freed.length > 0) channel.publishDue();
}

function announceReady({ channel }: EngineContext, moved: MovedRun[]): void {
  if (moved.length === 0) return;
  channel.publishReady([...new Set(moved.map((run) => run.queueId))]);
  channel.publish(moved.map((run) => runChange(run, "READY")));
}
