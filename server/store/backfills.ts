/** Backfills as they are read; engine/backfill.ts makes and moves them. */
import type { BackfillState, DateState, Reprocess } from "../core/backfill.ts";
import type { Sql } from "./connection.ts";
import {
  every,
  type Fragment,
  fromCursor,
  type Page,
  type PageRequest,
  pageOf,
  pageSize,
  toCursor,
} from "./page.ts";

export interface Backfill {
  id: number;
  namespaceId: number;
  jobId: number;
  /** Whose times the dates are; null: those of a list, or daily. */
  triggerId: number | null;
  state: BackfillState;
  maxParallel: number;
  onFailure: "CONTINUE" | "STOP";
  reprocess: Reprocess;
  /** JSON text; null: the trigger's or the job's. */
  input: string | null;
  priority: number | null;
  startedBy: string;
  reason: string | null;
  createdAt: Date;
  endedAt: Date | null;
  /** Of a dry run, which is not stored: what it would do. */
  dates?: BackfillDate[];
}

export interface BackfillDate {
  position: number;
  scheduledAt: Date;
  state: DateState;
  runId: string | null;
}

export type Progress = Record<DateState, number>;

export async function findBackfill(sql: Sql, id: number): Promise<Backfill | null> {
  const [backfill] = await readBackfills(sql, [id]);
  return backfill ?? null;
}

export function readBackfills(sql: Sql, ids: number[]): Promise<Backfill[]> {
  return select(sql, sql`b.id = any(${ids}::int[])`);
}

export interface BackfillFilter {
  /** The job's name. */
  job?: string | null | undefined;
  /** The trigger's name. */
  trigger?: string | null | undefined;
  states?: readonly BackfillState[] | null | undefined;
}

/** Newest first. Null `namespaceId`: of every namespace. */
export async function listBackfills(
  sql: Sql,
  namespaceId: number | null,
  { job, trigger, states }: BackfillFilter,
  page: PageRequest,
): Promise<Page<Backfill>> {
  const after = fromCursor(page.after, "number");
  const rows = await select(
    sql,
    every(sql, [
      namespaceId !== null && sql`b.namespace_id = ${namespaceId}`,
      after !== null && sql`b.id < ${after[0] as number}`,
      job != null && sql`b.job_id in (select id from escapement.job where name = ${job})`,
      trigger != null && sql`b.trigger_id in (select id from escapement.trigger where name = ${trigger})`,
      states != null && sql`b.state = any(${[...states]}::text[])`,
    ]),
    sql`order by b.id desc limit ${pageSize(page.first) + 1}`,
  );
  return pageOf(rows, page, ({ id }) => toCursor(id));
}

function select(sql: Sql, where: Fragment, rest: Fragment = sql``): Promise<Backfill[]> {
  return sql<Backfill[]>`
    select b.id, b.namespace_id as "namespaceId", b.job_id as "jobId", b.trigger_id as "triggerId", b.state,
      b.max_parallel as "maxParallel", b.on_failure as "onFailure", b.reprocess, b.input, b.priority,
      b.started_by as "startedBy", b.reason, b.created_at as "createdAt", b.ended_at as "endedAt"
    from escapement.backfill b where ${where} ${rest}`;
}

/** How many dates of each backfill are in which state. */
export async function readProgress(sql: Sql, ids: number[]): Promise<Map<number, Progress>> {
  const rows = await sql<{ id: number; state: DateState; count: number }[]>`
    select backfill_id as id, state, count(*)::int as count
    from escapement.backfill_date where backfill_id = any(${ids}::int[]) group by 1, 2`;
  const found = new Map<number, Progress>(ids.map((id) => [id, noProgress()]));
  for (const { id, state, count } of rows) {
    const progress = found.get(id);
    if (progress) progress[state] = count;
  }
  return found;
}

export const noProgress = (): Progress => ({
  PENDING: 0,
  STARTED: 0,
  SUCCEEDED: 0,
  FAILED: 0,
  CANCELLED: 0,
  SKIPPED: 0,
  KEPT: 0,
});

/** In the order in which they start. */
export async function listBackfillDates(
  sql: Sql,
  { id, dates }: Backfill,
  states: readonly DateState[] | null | undefined,
  page: PageRequest,
): Promise<Page<BackfillDate>> {
  const after = fromCursor(page.after, "number");
  const first = after === null ? 0 : (after[0] as number) + 1;
  const limit = pageSize(page.first) + 1;
  const wanted = ({ position, state }: BackfillDate) =>
    position >= first && (states?.includes(state) ?? true);
  const rows =
    dates?.filter(wanted).slice(0, limit) ??
    (await sql<BackfillDate[]>`
      select position, scheduled_at as "scheduledAt", state, run_id as "runId"
      from escapement.backfill_date
      where ${every(sql, [
        sql`backfill_id = ${id} and position >= ${first}`,
        states != null && sql`state = any(${[...states]}::text[])`,
      ])}
      order by position limit ${limit}`);
  return pageOf(rows, page, ({ position }) => toCursor(position));
}

/** The backfill that started each run. */
export async function readBackfillsOfRuns(sql: Sql, runIds: string[]): Promise<Map<string, number>> {
  const rows = await sql<{ runId: string; id: number }[]>`
    select run_id as "runId", backfill_id as id from escapement.backfill_date
    where run_id = any(${runIds}::bigint[]) and state <> 'KEPT'`;
  return new Map(rows.map(({ runId, id }) => [runId, id]));
}
