/**
 * ready → waiting and back, by a person: a run, a job, a group or a namespace is paused, and what it holds may not
 * start. Running runs go on. A paused run keeps its place in every line by age, and the places for affinity and overlap
 * that it has; those that count attempts it gives back. limit-group.ts holds the runs of a group in the same way.
 */
import { LIMITS } from "../../config.ts";
import { illegalState, notFound } from "../../core/rejection.ts";
import { isEnded, type RunState } from "../../core/run.ts";
import type { Sql } from "../../store/connection.ts";
import { limitedQueues } from "../../store/groups.ts";
import { isRunId } from "../../store/page.ts";
import type { PauseScope } from "../../store/pauses.ts";
import { type EngineContext, isUncounted, type MovedRun, runChange } from "../context.ts";

/** Pausing what is paused keeps who did it first. */
export async function pause(
  context: EngineContext,
  scope: PauseScope,
  by: string,
  reason: string | null,
): Promise<void> {
  const { sql } = context;
  await sql`
    insert into escapement.pause (namespace_id, kind, target, paused_by, reason)
    values (${scope.namespaceId}, ${scope.kind}, ${scope.target}, ${by}, ${reason})
    on conflict (namespace_id, kind, target) do nothing`;
  await markJobs(context, scope);
  await makeAsk(context, scope, ["waiting", "lease", "staged"]);
  await inPages(context, scope, "ready", sql`true`, (ids) => hold(context, ids));
  await inPages(context, scope, "waiting", sql`r.gates <> '[]'`, (ids) =>
    context.gates.work({ retrying: ids }),
  );
}

/** Resuming what is not paused changes nothing. */
export async function resume(context: EngineContext, scope: PauseScope): Promise<void> {
  const { sql } = context;
  await sql`
    delete from escapement.pause
    where namespace_id = ${scope.namespaceId} and kind = ${scope.kind} and target = ${scope.target}`;
  await markJobs(context, scope);
  await inPages(context, scope, "waiting", sql`r.gates is not null and r.wake_at is null`, (ids) =>
    context.gates.work({ entering: ids }),
  );
}

/** Throws NOT_FOUND, and ILLEGAL_STATE when the run has ended. A running run goes on; its next attempt is held. */
export async function suspendRun(
  context: EngineContext,
  runId: string,
  by: string,
  reason: string | null,
): Promise<void> {
  const run = await find(context.sql, runId);
  if (isEnded(run.state)) throw illegalState("the run has ended; there is nothing to suspend");
  await pause(context, { namespaceId: run.namespaceId, kind: "RUN", target: runId }, by, reason);
}

/** Returns the namespace it is in. Throws NOT_FOUND. */
export async function resumeRun(context: EngineContext, runId: string): Promise<number> {
  const { namespaceId } = await find(context.sql, runId);
  await resume(context, { namespaceId, kind: "RUN", target: runId });
  return namespaceId;
}

async function find(sql: Sql, runId: string): Promise<{ namespaceId: number; state: RunState }> {
  if (!isRunId(runId)) throw notFound(`run "${runId}"`, "id");
  const [run] = await sql<{ namespaceId: number; state: RunState }[]>`
    select namespace_id as "namespaceId", state from escapement.run where id = ${runId}`;
  if (!run) throw notFound(`run "${runId}"`, "id");
  return run;
}

/** Says on every job of the namespace whether its runs have to ask; each change of what they ask says it after its commit. */
export async function markJobs({ sql, catalog, channel }: EngineContext, { namespaceId, kind }: PauseScope) {
  if (kind === "RUN") return;
  const changed = await sql<{ id: number }[]>`
    update escapement.job j set paused = not j.paused
    from escapement.job_version v
    where j.namespace_id = ${namespaceId} and v.id = j.version_id
      and j.paused <> ((escapement.pause_of(j.namespace_id, j.id, v.queue_id, null)).kind is not null
        or v.queue_id in (select l.queue_id from (${limitedQueues(sql)}) l))
    returning j.id`;
  catalog.forgetSettings();
  channel.publish(changed.map(({ id }) => ({ kind: "job" as const, id, namespaceId })));
}

/** Makes runs that had no gates ask at them before they become ready, or ready again. */
export async function makeAsk(context: EngineContext, scope: PauseScope, tables: readonly AskingTable[]) {
  const { sql } = context;
  for (const table of tables) {
    await inPages(context, scope, table, sql`r.gates is null`, async (ids) => {
      await sql`update escapement.${sql(table)} set gates = '[]' where id = any(${ids}::bigint[]) and gates is null`;
    });
  }
}

/** Where runs are that may become ready without asking; `staged`: children of running leases. */
type AskingTable = "waiting" | "lease" | "staged";

export async function inPages(
  { sql }: EngineContext,
  { namespaceId, kind, target }: PauseScope,
  table: AskingTable | "ready",
  also: ReturnType<Sql>,
  change: (ids: string[]) => Promise<void>,
): Promise<void> {
  const within = {
    NAMESPACE: () => sql`true`,
    GROUP: () => sql`r.queue_id = any(array(
      select q.id from escapement.queue q where q.namespace_id = ${namespaceId} and q."group" = ${target}))`,
    JOB: () => sql`r.job_id = ${Number(target)}`,
    RUN: () => sql`r.id = ${target}`,
  }[kind];
  for (let after = "0"; ; ) {
    const rows = await sql<{ id: string }[]>`
      select r.id from escapement.${sql(table)} r
      where r.id > ${after} and r.namespace_id = ${namespaceId} and ${within()} and ${also}
      order by r.id limit ${LIMITS.bulkBatch}`;
    if (rows.length > 0) await change(rows.map((row) => row.id));
    if (rows.length < LIMITS.bulkBatch) return;
    after = rows.at(-1)?.id ?? after;
  }
}

/** Whether the run `r` may not be ready: it is paused, or it has no place at the gate of its group. */
const mustWait = (sql: Sql) => sql`(
  (escapement.pause_of(r.namespace_id, r.job_id, r.queue_id, r.id)).kind is not null or ${isUncounted(sql, "r")}
)`;

/** ready → waiting for those of `ids` that must wait. */
export async function hold({ sql, channel, gates }: EngineContext, ids: string[]): Promise<void> {
  const held = await sql<MovedRun[]>`
    with gone as (
      delete from escapement.ready r
      where r.id = any(${ids}::bigint[]) and ${mustWait(sql)}
      returning *
    ),
    made_waiting as (
      insert into escapement.waiting (id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, input, payload, tags, gates, fence, failures, lost, released, awaited, retry, checkpoint, skip_at)
      select id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, input, payload, tags, coalesce(gates, '[]'), fence, failures, lost, released, awaited, retry,
        checkpoint, skip_at
      from gone
    )
    select id, namespace_id as "namespaceId", job_id as "jobId", queue_id as "queueId" from gone`;
  if (held.length === 0) return;
  channel.publish(held.map((run) => runChange(run, "WAITING")));
  const heldIds = held.map((run) => run.id);
  // Paused runs give places back and do not enter; the others the other way round.
  await gates.work({ retrying: heldIds, entering: heldIds });
}

/**
 * The repair: holds what became ready under a pause or past the limit of its group (started, given back or released in
 * the moment of the change), and forgets the pauses of runs that have ended. It looks at a page of `ready` at a time.
 */
export function createPauseRepair(context: EngineContext) {
  const { sql } = context;
  let readyFrom = "0";
  return async (): Promise<void> => {
    const [any] = await sql`
      select from escapement.pause union all (select from (${limitedQueues(sql)}) l limit 1) limit 1`;
    if (!any) return;
    await sql`
      delete from escapement.pause p where p.kind = 'RUN'
        and exists (select from escapement.ended e where e.id = p.target::bigint)`;
    const page = await sql<{ id: string; waits: boolean }[]>`
      with page as materialized (
        select * from escapement.ready where id > ${readyFrom} order by id limit ${LIMITS.repairPage}
      )
      select r.id, ${mustWait(sql)} as waits
      from page r order by r.id`;
    readyFrom = page.length === LIMITS.repairPage ? (page.at(-1)?.id ?? "0") : "0";
    const waiting = page.filter((run) => run.waits).map((run) => run.id);
    if (waiting.length > 0) await hold(context, waiting);
  };
}
