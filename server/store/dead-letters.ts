/** Dead letters as they are found: lists, counts, and what they have in common. A dead letter is a run. */
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
import { type Run, selectRuns } from "./runs.ts";

export interface DeadLetterFilter {
  /** Only these runs. */
  ids?: string[] | null | undefined;
  /** The job's name; dead letters of deleted jobs of that name too. */
  job?: string | null | undefined;
  /** The `type` of the error; empty: errors without one. */
  errorType?: string | null | undefined;
  /** Epoch milliseconds, inclusive. */
  failedAfter?: number | null | undefined;
  /** Epoch milliseconds, exclusive. */
  failedBefore?: number | null | undefined;
}

/** Last failure first. Null `namespaceId`: every namespace. */
export async function listDeadLetters(
  sql: Sql,
  namespaceId: number | null,
  filter: DeadLetterFilter,
  page: PageRequest,
): Promise<Page<Run>> {
  const after = fromCursor(page.after, "time", "run");
  const beyond =
    after !== null &&
    sql`(d.died_at, d.run_id) < (${new Date(after[0] as number)}::timestamptz, ${after[1] as string}::bigint)`;
  const rows = await selectRuns(
    sql,
    sql`wanted as materialized (
      select d.run_id as id from escapement.dead_letter d
      where ${condition(sql, namespaceId, filter)} and ${every(sql, [beyond])}
      order by d.died_at desc, d.run_id desc limit ${pageSize(page.first) + 1}
    )`,
    sql`order by r.ended_at desc, r.id desc`,
  );
  return pageOf(rows, page, (run) => toCursor(run.endedAt?.getTime() ?? 0, run.id));
}

/** Those with greater ids than `after`. */
export async function countDeadLetters(
  sql: Sql,
  namespaceId: number | null,
  filter: DeadLetterFilter,
  after = "0",
): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::int as count from escapement.dead_letter d
    where ${condition(sql, namespaceId, filter)} and d.run_id > ${after}`;
  return row?.count ?? 0;
}

/** The next with greater ids than `after`, ascending. */
export async function deadLetterIds(
  sql: Sql,
  namespaceId: number | null,
  filter: DeadLetterFilter,
  after: string,
  limit: number,
): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    select d.run_id as id from escapement.dead_letter d
    where ${condition(sql, namespaceId, filter)} and d.run_id > ${after}
    order by d.run_id limit ${limit}`;
  return rows.map(({ id }) => id);
}

/** Dead letters that died of the same thing. */
export interface DeadLetterGroup {
  jobId: number;
  errorType: string | null;
  count: number;
  firstAt: Date;
  lastAt: Date;
}

/** The largest groups first, at most `limit`. */
export function groupDeadLetters(
  sql: Sql,
  namespaceId: number | null,
  filter: DeadLetterFilter,
  limit: number,
): Promise<DeadLetterGroup[]> {
  return sql<DeadLetterGroup[]>`
    select d.job_id as "jobId", d.error_type as "errorType", count(*)::int as count,
      min(d.died_at) as "firstAt", max(d.died_at) as "lastAt"
    from escapement.dead_letter d where ${condition(sql, namespaceId, filter)}
    group by 1, 2 order by 3 desc, 1, 2 limit ${limit}`;
}

/** Those of `runIds` that are dead letters. */
export async function readDead(sql: Sql, runIds: string[]): Promise<Map<string, true>> {
  const rows = await sql<{ id: string }[]>`
    select run_id as id from escapement.dead_letter where run_id = any(${runIds}::bigint[])`;
  return new Map(rows.map(({ id }) => [id, true]));
}

function condition(sql: Sql, namespaceId: number | null, filter: DeadLetterFilter): Fragment {
  const { ids, job, errorType, failedAfter, failedBefore } = filter;
  return every(sql, [
    namespaceId !== null && sql`d.namespace_id = ${namespaceId}`,
    ids != null && sql`d.run_id = any(${ids}::bigint[])`,
    job != null &&
      sql`d.job_id = any(array(select j.id from escapement.job j where j.name = ${job}
        ${namespaceId === null ? sql`` : sql`and j.namespace_id = ${namespaceId}`}))`,
    errorType != null && (errorType === "" ? sql`d.error_type is null` : sql`d.error_type = ${errorType}`),
    failedAfter != null && sql`d.died_at >= ${new Date(failedAfter)}::timestamptz`,
    failedBefore != null && sql`d.died_at < ${new Date(failedBefore)}::timestamptz`,
  ]);
}
