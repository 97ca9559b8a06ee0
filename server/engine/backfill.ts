/**
 * Backfills: one run for each of a set of past dates, so many at once. The dates are rows; which of them start next is
 * decided under the backfill's own lock, and each starts with a key of its own, so that no date is ever started twice.
 * backfill/advance.ts goes on with the next when a run ends.
 */
import { LIMITS } from "../config.ts";
import {
  checkDateRange,
  type DateRange,
  dailyDates,
  datesOfTrigger,
  isReprocessed,
  listedDates,
  type Reprocess,
} from "../core/backfill.ts";
import { badInput, illegalState, notFound } from "../core/rejection.ts";
import { checkZone } from "../core/schedule/zone.ts";
import { type Backfill, type BackfillDate, findBackfill, readBackfills } from "../store/backfills.ts";
import { checkInput, checkPriority, readClock } from "../store/definitions.ts";
import { findJob } from "../store/jobs.ts";
import { currentDefinition, findTrigger, type Trigger } from "../store/triggers.ts";
import { type Advance, CANCELLED, reopen } from "./backfill/advance.ts";
import { cancelThose } from "./cancel.ts";
import type { EngineContext } from "./context.ts";

/** What to run: the dates of a trigger or of a list, or the days of a range. */
export interface BackfillRequest {
  namespaceId: number;
  /** One of the two; with a trigger, the job is its. */
  job?: string | null | undefined;
  trigger?: string | null | undefined;
  /** Epoch milliseconds; `from` and `to`, or a list. */
  from?: number | null | undefined;
  to?: number | null | undefined;
  dates?: number[] | null | undefined;
  /** Of the days of a range without a trigger. */
  timeZone?: string | null | undefined;
  order?: "ASCENDING" | "DESCENDING" | null | undefined;
  maxParallel?: number | null | undefined;
  onFailure?: "CONTINUE" | "STOP" | null | undefined;
  reprocess?: Reprocess | null | undefined;
  /** JSON text; null: the trigger's or the job's. */
  input?: string | null | undefined;
  priority?: number | null | undefined;
  by: string;
  dryRun?: boolean | null | undefined;
}

/** Throws BAD_INPUT and LIMIT_EXCEEDED naming the field, NOT_FOUND for job or trigger. */
export async function createBackfill(
  context: EngineContext,
  advance: Advance,
  request: BackfillRequest,
): Promise<Backfill> {
  const { sql } = context;
  const now = (await readClock(sql)).getTime();
  const { jobId, trigger } = await subjectOf(context, request);
  const times = await datesOf(context, request, trigger, now);
  if (request.order === "DESCENDING") times.reverse();
  const draft: Backfill = {
    id: 0,
    namespaceId: request.namespaceId,
    jobId,
    triggerId: trigger?.id ?? null,
    state: "RUNNING",
    maxParallel: checkParallel(request.maxParallel ?? 1),
    onFailure: request.onFailure ?? "CONTINUE",
    reprocess: request.reprocess ?? "NONE",
    input: checkInput(request.input) ?? trigger?.input ?? null,
    priority: request.priority == null ? (trigger?.priority ?? null) : checkPriority(request.priority),
    startedBy: request.by,
    reason: null,
    createdAt: new Date(now),
    endedAt: null,
  };
  const dates = await withRuns(context, draft, times);
  if (request.dryRun) return { ...draft, dates };
  const id = await insert(context, draft, dates);
  await advance([id]);
  const backfill = await findBackfill(sql, id);
  if (!backfill) throw new Error("a backfill that was just made is not there");
  return backfill;
}

async function subjectOf(
  { sql }: EngineContext,
  { namespaceId, job, trigger: name }: BackfillRequest,
): Promise<{ jobId: number; trigger: Trigger | null }> {
  if ((job == null) === (name == null)) throw badInput("job", "give either a job or a trigger");
  if (name != null) {
    const trigger = await findTrigger(sql, namespaceId, name);
    if (!trigger) throw notFound(`trigger "${name}"`, "trigger");
    return { jobId: trigger.jobId, trigger };
  }
  const found = await findJob(sql, namespaceId, job ?? "");
  if (!found) throw notFound(`job "${job}"`, "job");
  return { jobId: found.id, trigger: null };
}

async function datesOf(
  { catalog }: EngineContext,
  { dates, from, to, timeZone }: BackfillRequest,
  trigger: Trigger | null,
  now: number,
): Promise<number[]> {
  if (dates != null) {
    if (from != null || to != null) throw badInput("dates", "give either dates or from and to");
    const ahead = dates.findIndex((at) => at > now);
    if (ahead >= 0) throw badInput(`dates[${ahead}]`, "lies ahead; a backfill is for times that have passed");
    return listedDates(dates, LIMITS.backfillDates);
  }
  if (from == null || to == null)
    throw badInput(from == null ? "from" : "to", "is missing; give from and to, or dates");
  const range: DateRange = { from, to };
  checkDateRange(range, now);
  const zone = timeZone ?? "UTC";
  checkZone(zone);
  const found = trigger
    ? datesOfTrigger(await currentDefinition(catalog, trigger), range, LIMITS.backfillDates)
    : dailyDates(zone, range, LIMITS.backfillDates);
  if (found.length === 0) throw badInput("to", "leaves no date: there is none between from and to");
  return found;
}

/** Past this many at once a job's own `maxParallel` is the better bound. */
const MAX_PARALLEL = 1_000;

function checkParallel(maxParallel: number): number {
  if (Number.isInteger(maxParallel) && maxParallel >= 1 && maxParallel <= MAX_PARALLEL) return maxParallel;
  throw badInput("maxParallel", `must be a whole number from 1 to ${MAX_PARALLEL}`);
}

/** Each date with the newest run that it has had, by the ledger or by a backfill before, and whether that is enough. */
async function withRuns({ sql }: EngineContext, draft: Backfill, times: number[]): Promise<BackfillDate[]> {
  const rows = await sql<{ scheduledAt: Date; runId: string | null; state: string }[]>`
    select distinct on (w.at) w.at as "scheduledAt", known.run_id as "runId", coalesce(r.state, known.state) as state
    from (select to_timestamp(ms / 1000)::timestamptz(3) as at from unnest(${times}::float8[]) as ms) as w
    cross join lateral (
      select run_id, 'SUCCEEDED' as state from escapement.occurrence
      where trigger_id = ${draft.triggerId}::int and scheduled_at = w.at and run_id is not null
      union all
      select d.run_id, d.state from escapement.backfill_date d join escapement.backfill b on b.id = d.backfill_id
      where b.job_id = ${draft.jobId} and b.trigger_id is not distinct from ${draft.triggerId}::int
        and d.scheduled_at = w.at and d.state <> 'KEPT' and d.run_id is not null
    ) known
    -- A run that is no longer kept has ended as the ledger's does, or as the backfill remembers.
    left join escapement.run r on r.id = known.run_id
    order by w.at, known.run_id desc`;
  const known = new Map(rows.map((row) => [row.scheduledAt.getTime(), row]));
  return times.map((at, position): BackfillDate => {
    const before = known.get(at);
    const again = isReprocessed(draft.reprocess, before?.state ?? null);
    return {
      position,
      scheduledAt: new Date(at),
      state: again ? "PENDING" : "KEPT",
      runId: again ? null : (before?.runId ?? null),
    };
  });
}

async function insert({ sql }: EngineContext, draft: Backfill, dates: BackfillDate[]): Promise<number> {
  const [made] = await sql<{ id: number }[]>`
    with made as (
      insert into escapement.backfill (namespace_id, job_id, trigger_id, state, max_parallel, on_failure, reprocess, input,
        priority, started_by, created_at)
      values (${draft.namespaceId}, ${draft.jobId}, ${draft.triggerId}, 'RUNNING', ${draft.maxParallel}, ${draft.onFailure},
        ${draft.reprocess}, ${draft.input}, ${draft.priority}, ${draft.startedBy}, ${draft.createdAt})
      returning id
    ),
    dated as (
      insert into escapement.backfill_date (backfill_id, position, scheduled_at, state, run_id)
      select made.id, d.position, to_timestamp(d.at / 1000), d.state, d.run_id
      from made, unnest(${dates.map(({ position }) => position)}::int[],
        ${dates.map(({ scheduledAt }) => scheduledAt.getTime())}::float8[], ${dates.map(({ state }) => state)}::text[],
        ${dates.map(({ runId }) => runId)}::bigint[]) as d(position, at, state, run_id)
    )
    select id from made`;
  return (made as { id: number }).id;
}

/** No further date starts; what runs goes on. Throws NOT_FOUND, and ILLEGAL_STATE once it is over. */
export async function pauseBackfill(
  { sql }: EngineContext,
  id: number,
  reason: string | null,
): Promise<Backfill> {
  await sql`
    update escapement.backfill set state = 'PAUSED', reason = ${reason} where id = ${id} and state in ('RUNNING', 'PAUSED')`;
  return stateOrRefuse(sql, id, ["PAUSED"], "paused");
}

/** Goes on, also after a failure that stopped it. Throws NOT_FOUND, ILLEGAL_STATE. */
export async function resumeBackfill(
  context: EngineContext,
  advance: Advance,
  id: number,
): Promise<Backfill> {
  const { sql } = context;
  await reopen(sql, id);
  await stateOrRefuse(sql, id, ["RUNNING"], "resumed");
  await advance([id]);
  return stateOrRefuse(sql, id, ["RUNNING", "STOPPED", "COMPLETE"], "resumed");
}

/** No further date starts, and those that run are cancelled. Throws NOT_FOUND, ILLEGAL_STATE. */
export async function cancelBackfill(
  context: EngineContext,
  id: number,
  reason: string | null,
): Promise<Backfill> {
  const { sql } = context;
  const running = await sql<{ runId: string | null }[]>`
    with gone as (
      update escapement.backfill set state = 'CANCELLED', reason = ${reason}, ended_at = escapement.clock()
      where id = ${id} and state in ('RUNNING', 'PAUSED', 'STOPPED') returning id
    ),
    dropped as (
      update escapement.backfill_date set state = 'CANCELLED'
      where backfill_id in (select id from gone) and state = 'PENDING'
    )
    select run_id as "runId" from escapement.backfill_date
    where backfill_id in (select id from gone) and state = 'STARTED'`;
  const backfill = await stateOrRefuse(sql, id, ["CANCELLED"], "cancelled");
  const runIds = running.flatMap(({ runId }) => runId ?? []);
  if (runIds.length > 0) await cancelThose(context, runIds, reason ?? CANCELLED);
  return backfill;
}

async function stateOrRefuse(
  sql: EngineContext["sql"],
  id: number,
  states: Backfill["state"][],
  done: string,
): Promise<Backfill> {
  const [backfill] = await readBackfills(sql, [id]);
  if (!backfill) throw notFound(`backfill ${id}`, "id");
  if (states.includes(backfill.state)) return backfill;
  throw illegalState(`the backfill is ${backfill.state}; it cannot be ${done}`);
}
