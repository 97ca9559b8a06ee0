/**
 * The next dates of a backfill: notes how the runs of its dates ended, and starts as many as there are places. Under the
 * backfill's lock, dates are marked as started; their runs are started afterwards by a key of each date, so that whoever
 * finds a mark without a run, after a crash, starts that same run.
 */
import { LIMITS } from "../../config.ts";
import type { BackfillState } from "../../core/backfill.ts";
import { Rejection } from "../../core/rejection.ts";
import type { BackfillDate } from "../../store/backfills.ts";
import type { Sql } from "../../store/connection.ts";
import { cancelThose } from "../cancel.ts";
import type { EngineContext } from "../context.ts";
import type { Engine, StartItem } from "../engine.ts";
import { settleWaits } from "../release.ts";

/** Goes on with backfills as far as they can go. */
export type Advance = (backfillIds: number[]) => Promise<void>;

export function createAdvance(context: EngineContext, start: Engine["start"]): Advance {
  /** Those under way; true: something has happened since, so it looks once more. */
  const busy = new Map<number, boolean>();
  return async (backfillIds) => {
    for (const id of backfillIds) {
      if (busy.has(id)) {
        busy.set(id, true);
        continue;
      }
      busy.set(id, false);
      try {
        // What it starts may end at once, and makes room for the next then.
        while ((await step(context, start, id)) || busy.get(id)) busy.set(id, false);
      } finally {
        busy.delete(id);
      }
    }
  };
}

/** Told of every run that somebody waits for when it has ended. */
export async function followBackfills(
  { sql }: EngineContext,
  advance: Advance,
  endedIds: string[],
): Promise<void> {
  const ids = await noteEnds(sql, endedIds);
  if (ids.length > 0) await advance(ids);
}

/** The repair: what a crash left, of all backfills that go on. */
export async function repairBackfills({ sql }: EngineContext, advance: Advance): Promise<void> {
  const open = await sql<{ id: number; runIds: string[] | null }[]>`
    select b.id, (
      select array_agg(d.run_id) from escapement.backfill_date d join escapement.ended e on e.id = d.run_id
      where d.backfill_id = b.id and d.state = 'STARTED'
    ) as "runIds"
    from escapement.backfill b where b.ended_at is null`;
  await noteEnds(
    sql,
    open.flatMap(({ runIds }) => runIds ?? []),
  );
  await advance(open.map(({ id }) => id));
}

/** RUNNING again after a pause or a stop: what failed is behind it. */
export async function reopen(sql: Sql, id: number): Promise<void> {
  await sql`
    update escapement.backfill set state = 'RUNNING', reason = null, ended_at = null,
      -- Failures that are known do not stop it once more.
      forgiven = (select count(*) from escapement.backfill_date d where d.backfill_id = ${id} and d.state = 'FAILED')
    where id = ${id} and state in ('PAUSED', 'STOPPED')`;
}

/** Writes into their dates how runs ended; returns the backfills that they are of. */
async function noteEnds(sql: Sql, runIds: string[]): Promise<number[]> {
  if (runIds.length === 0) return [];
  const rows = await sql<{ id: number }[]>`
    with noted as (
      update escapement.backfill_date d set state = e.state from escapement.ended e
      where d.run_id = any(${runIds}::bigint[]) and d.state <> 'KEPT' and e.id = d.run_id
      returning d.backfill_id
    )
    select distinct backfill_id as id from noted`;
  return rows.map(({ id }) => id);
}

interface Started extends Pick<BackfillDate, "position" | "scheduledAt"> {
  namespace: string;
  job: string;
  deleted: boolean;
  triggerId: number | null;
  input: string | null;
  priority: number | null;
}

/** Returns whether there may be more to do at once. */
async function step(context: EngineContext, start: Engine["start"], id: number): Promise<boolean> {
  const { sql } = context;
  const dates = await sql<Started[]>`
    with locked as materialized (
      select * from escapement.backfill where id = ${id} and state = 'RUNNING' for update
    ),
    counted as materialized (
      select count(*) filter (where d.state = 'STARTED') as live, count(*) filter (where d.state = 'PENDING') as pending,
        count(*) filter (where d.state = 'FAILED') as failed
      from escapement.backfill_date d where d.backfill_id = (select id from locked)
    ),
    decided as (
      select l.*, l.on_failure = 'STOP' and c.failed > l.forgiven as stops,
        c.live, case when l.on_failure = 'STOP' and c.failed > l.forgiven then 0 else c.pending end as left_over
      from locked l, counted c
    ),
    chosen as (
      select d.position from escapement.backfill_date d, decided
      where d.backfill_id = decided.id and d.state = 'PENDING' and not decided.stops
      order by d.position
      limit greatest(0, least(${LIMITS.backfillBatch}, (select max_parallel - live from decided)))
    ),
    marked as (
      update escapement.backfill_date d set state = 'STARTED' from chosen
      where d.backfill_id = ${id} and d.position = chosen.position
      returning d.position, d.scheduled_at
    ),
    over as (
      update escapement.backfill b set state = case when decided.stops then 'STOPPED' else 'COMPLETE' end,
        ended_at = escapement.clock(), reason = case when decided.stops then 'a date failed' end
      from decided where b.id = decided.id and decided.live = 0 and decided.left_over = 0
    )
    select s.position, s.scheduled_at as "scheduledAt", n.name as namespace, j.name as job,
      j.deleted_at is not null as deleted, d.trigger_id as "triggerId", d.input, d.priority
    from decided d
    join escapement.job j on j.id = d.job_id join escapement.namespace n on n.id = d.namespace_id
    join (
      select position, scheduled_at from marked
      union all
      select position, scheduled_at from escapement.backfill_date
      where backfill_id = ${id} and state = 'STARTED' and run_id is null
    ) s on true
    order by s.position`;
  if (dates.length === 0) return false;
  const runIds = await startDates(start, id, dates);
  if (runIds === null) await refuse(sql, id, dates);
  else if ((await link(sql, id, dates, runIds)) === "CANCELLED")
    await cancelThose(context, runIds, CANCELLED);
  // From here on their ends are told of; those that have ended already are noted by that, too.
  if (runIds !== null) await settleWaits(context, runIds);
  return true;
}

/** What the runs of a cancelled backfill say. */
export const CANCELLED = "its backfill was cancelled";

/** Null: the job cannot be started so, and will not. */
async function startDates(start: Engine["start"], id: number, dates: Started[]): Promise<string[] | null> {
  if (dates.some(({ deleted }) => deleted)) return null;
  const items = dates.map(
    ({ namespace, job, position, scheduledAt, triggerId, input, priority }): StartItem => ({
      namespace,
      job,
      input,
      priority,
      triggerId,
      nominalAt: scheduledAt.getTime(),
      idempotencyKey: `escapement:backfill/${id}/${position}`,
    }),
  );
  try {
    return (await start(items)).map((run) => run.id);
  } catch (error) {
    if (error instanceof Rejection && error.code !== "UNAVAILABLE") return null;
    throw error;
  }
}

/** Returns the backfill's state: it may have been cancelled meanwhile. */
async function link(sql: Sql, id: number, dates: Started[], runIds: string[]): Promise<BackfillState> {
  const [row] = await sql<{ state: BackfillState }[]>`
    with linked as (
      update escapement.backfill_date d set run_id = i.run_id
      from unnest(${dates.map(({ position }) => position)}::int[], ${runIds}::bigint[]) as i(position, run_id)
      where d.backfill_id = ${id} and d.position = i.position and d.run_id is null
    )
    select state from escapement.backfill where id = ${id}`;
  return row?.state ?? "CANCELLED";
}

async function refuse(sql: Sql, id: number, dates: Started[]): Promise<void> {
  await sql`
    update escapement.backfill_date set state = 'FAILED'
    where backfill_id = ${id} and position = any(${dates.map(({ position }) => position)}::int[]) and run_id is null`;
}
