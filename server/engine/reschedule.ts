/**
 * waiting | ready → waiting: other times for runs that have not been taken yet, such as all those of a job whose
 * service asked to be left alone for a while (DTF T6). A ready run gets a time hold; what else holds a run still does.
 */
import { LIMITS } from "../config.ts";
import { formatDuration } from "../core/duration.ts";
import { badInput, illegalState, notFound } from "../core/rejection.ts";
import { nextState, type RunState } from "../core/run.ts";
import { liveRuns } from "../store/live-runs.ts";
import { isRunId } from "../store/page.ts";
import { inBulk } from "./bulk.ts";
import { type EngineContext, type MovedRun, runChange } from "./context.ts";
import type { BulkChange, BulkPage, LiveScope, NewTime, SpreadTime, StartedRun } from "./engine.ts";
import { releaseDue } from "./release.ts";
import { checkRunAt } from "./start/new-run.ts";

/** A run moves from table to table; so often it would have to do so just under our looks. */
const LOOKS = 5;

/** Throws NOT_FOUND, BAD_INPUT, and ILLEGAL_STATE for a run that an executor has or that has ended. */
export async function reschedule(context: EngineContext, runId: string, time: NewTime): Promise<StartedRun> {
  checkTime(time);
  if (!isRunId(runId)) throw notFound(`run "${runId}"`, "id");
  for (let look = 1; ; look++) {
    const [moved] = await move(context, [runId], time);
    // A time that is over is no hold: nobody should see the run wait for it.
    if (moved) await releaseDue(context);
    const [run] = await context.sql<StartedRun[]>`select id, state from escapement.run where id = ${runId}`;
    if (!run) throw notFound(`run "${runId}"`, "id");
    if (moved) return run;
    const refused = whyNot(run.state);
    if (refused !== null) throw illegalState(refused);
    if (look === LOOKS) throw illegalState("the run keeps changing; retry in a moment");
  }
}

function whyNot(state: RunState): string | null {
  const transition = nextState(state, "hold");
  return "illegal" in transition ? transition.illegal : null;
}

/** What a filter finds, in the order of the ids. Throws BAD_INPUT for states other than WAITING and READY. */
export async function rescheduleRuns(
  context: EngineContext,
  { namespaceId, filter }: LiveScope,
  time: SpreadTime,
  page: BulkPage,
): Promise<BulkChange> {
  checkTime(time);
  checkSpread(time.spreadMs);
  const states = filter.states ?? ["WAITING", "READY"];
  if (states.some((state) => whyNot(state) !== null)) {
    throw badInput("filter.states", "must be of WAITING and READY; the others have begun or are over");
  }
  const runs = await liveRuns(context.sql, namespaceId, { ...filter, states });
  return inBulk(page, {
    count: runs.count,
    next: runs.next,
    change: async (runIds) => (await move(context, runIds, time)).length,
  });
}

function checkTime({ runAt, delayMs }: NewTime): void {
  if ((runAt == null) === (delayMs == null)) throw badInput("delay", "give either runAt or delay");
  if (runAt != null) checkRunAt(runAt, "runAt");
}

function checkSpread(spreadMs: number | null | undefined): void {
  if (spreadMs == null || (spreadMs > 0 && spreadMs <= LIMITS.spreadMs)) return;
  throw badInput("spread", `must be longer than zero and at most ${formatDuration(LIMITS.spreadMs)}`);
}

interface Rescheduled extends MovedRun {
  gated: boolean;
}

/**
 * Those that have never started and that no trigger made are scheduled for the new time; the others keep their
 * nominal time. The start deadline counts from the new time for all.
 */
async function move(context: EngineContext, runIds: string[], time: SpreadTime): Promise<Rescheduled[]> {
  const { sql, channel, gates } = context;
  // By its id, not by chance: whoever repeats the call finds each run at its place again, not a new crowd.
  const at = time.spreadMs
    ? sql`(due.at + (hashint8(r.id)::float8 + 2147483648) / 4294967296 * ${time.spreadMs}::float8 * interval '1 millisecond')`
    : sql`due.at`;
  const fields = sql`${at} as wake_at,
    case when r.fence = 0 and r.trigger_id is null then ${at} else r.scheduled_at end as scheduled_at,
    case when r.skip_at is not null then ${at} + (
      select v.start_deadline_ms from escapement.job_version v where v.id = r.version_id
    ) * interval '1 millisecond' end as skip_at`;
  const runs = await sql<Rescheduled[]>`
    with due as materialized (
      -- Stored to the millisecond, now might be rounded into the future: the one before is over.
      select greatest(escapement.clock() - interval '1 ms', coalesce(to_timestamp(${time.runAt ?? null}::float8 / 1000),
        escapement.clock() + ${time.delayMs || -1}::float8 * interval '1 millisecond')) as at
    ),
    waits as (
      update escapement.waiting w set
        wake_at = n.wake_at, wake_kind = coalesce(w.wake_kind, 'TIME'), scheduled_at = n.scheduled_at, skip_at = n.skip_at
      from (
        select r.id, ${fields} from escapement.waiting r, due
        where r.id = any(${runIds}::bigint[]) for update of r
      ) n
      where w.id = n.id returning w.*
    ),
    was_ready as (
      delete from escapement.ready where id = any(${runIds}::bigint[]) returning *
    ),
    held as (
      insert into escapement.waiting (id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        input, payload, tags, gates, fence, failures, lost, released, awaited, retry, checkpoint, wake_kind,
        wake_at, scheduled_at, skip_at)
      select id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        input, payload, tags, gates, fence, failures, lost, released, awaited, retry, checkpoint, 'TIME', ${fields}
      from was_ready r, due
      returning *
    )
    select id, namespace_id as "namespaceId", job_id as "jobId", queue_id as "queueId", gates is not null as gated
    from (select * from waits union all select * from held) as moved`;
  if (runs.length === 0) return runs;
  channel.publish(runs.map((run) => runChange(run, "WAITING")));
  // As for a retry: places that count runs are free meanwhile, a turn in a row of others is kept.
  const gated = runs.flatMap((run) => (run.gated ? [run.id] : []));
  if (gated.length > 0) gates.soon({ retrying: gated });
  channel.publishDue();
  return runs;
}
