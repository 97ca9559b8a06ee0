/**
 * Lists of runs, newest first. Only the tables that can hold an answer are asked, each for one page in the order of
 * an index, and the pages are merged: the cost is that of the page, however long the history is.
 */

import { limitExceeded } from "../core/rejection.ts";
import { isEnded, RUN_STATES, type RunState } from "../core/run.ts";
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
import { firstIdAt, type Run, selectRuns } from "./runs.ts";

export interface RunFilter {
  states?: RunState[] | null | undefined;
  /** The job's name; runs of deleted jobs of that name too. */
  job?: string | null | undefined;
  jobId?: number | undefined;
  /** The trigger's name. */
  trigger?: string | null | undefined;
  /** All of them. */
  tags?: string[] | null | undefined;
  /** Epoch milliseconds, inclusive. */
  createdAfter?: number | null | undefined;
  /** Epoch milliseconds, exclusive. */
  createdBefore?: number | null | undefined;
  parent?: string | null | undefined;
}

/** Null `namespaceId`: every namespace. Throws LIMIT_EXCEEDED for a search that would have to look at too many runs. */
export async function listRuns(
  sql: Sql,
  namespaceId: number | null,
  filter: RunFilter,
  page: PageRequest,
): Promise<Page<Run>> {
  const limit = pageSize(page.first) + 1;
  const after = fromCursor(page.after, "run");
  const states = new Set(filter.states ?? RUN_STATES);
  const index = await indexFor(sql, namespaceId, filter, states);
  const common = every(sql, [
    namespaceId !== null && sql`r.namespace_id = ${namespaceId}`,
    after !== null && sql`r.id < ${after[0] as string}`,
    filter.createdAfter != null && sql`r.id >= ${firstIdAt(filter.createdAfter)}`,
    filter.createdBefore != null && sql`r.id < ${firstIdAt(filter.createdBefore)}`,
    filter.tags != null && sql`r.tags @> ${filter.tags}::text[]`,
    filter.parent != null && sql`r.parent_id = ${filter.parent}`,
  ]);
  const places: Fragment[] = [];
  for (const [state, table] of LIVE) {
    if (states.has(state))
      places.push(place(sql, sql`escapement.${sql(table)} r`, sql`${common} and ${index.live}`, limit));
  }
  const ends = END_STATES.filter((state) => states.has(state));
  if (ends.length > 0) {
    const condition =
      index.byState || ends.length === END_STATES.length
        ? common
        : sql`${common} and r.state = any(${ends}::text[])`;
    places.push(sql`(select p.id from ${index.keys} cross join lateral
      ${place(sql, sql`escapement.ended r`, sql`${condition} and ${index.ended}`, limit)} p)`);
  }
  if (places.length === 0) return pageOf<Run>([], page, () => "");
  const union = places.reduce((all, one) => sql`${all} union all ${one}`);
  try {
    const rows = await selectRuns(
      sql,
      sql`wanted as materialized (select id from (${union}) as places order by id desc limit ${limit})`,
      sql`order by r.id desc`,
    );
    return pageOf(rows, page, (run) => toCursor(run.id));
  } catch (error) {
    if ((error as { code?: unknown }).code !== TIMED_OUT) throw error;
    throw limitExceeded(
      "too many runs would have to be looked at; narrow the filter by job, state or time",
      "filter",
    );
  }
}

const LIVE = [
  ["WAITING", "waiting"],
  ["READY", "ready"],
  ["RUNNING", "lease"],
] as const;

const END_STATES = RUN_STATES.filter(isEnded);

/** The server ended the statement after `statement_timeout`. */
const TIMED_OUT = "57014";

/** One table's share of the page. */
function place(sql: Sql, table: Fragment, where: Fragment, limit: number): Fragment {
  return sql`(select r.id from ${table} where ${where} order by r.id desc limit ${limit})`;
}

interface Index {
  /** Values of the leading index columns, one index range of `ended` each. */
  keys: Fragment;
  /** Ties `ended` to them. */
  ended: Fragment;
  /** The same choice for the small tables. */
  live: Fragment;
  /** The states are among the keys; said twice, they would seem to match next to nothing. */
  byState?: true;
}

/** Which index of `ended` gives the page in order; a list of values in one range condition would have to be sorted. */
async function indexFor(
  sql: Sql,
  namespaceId: number | null,
  filter: RunFilter,
  states: Set<RunState>,
): Promise<Index> {
  const { job, trigger, parent } = filter;
  const jobIds =
    filter.jobId !== undefined
      ? [filter.jobId]
      : job == null
        ? null
        : await idsOf(sql, "job", job, namespaceId);
  const triggerIds = trigger == null ? null : await idsOf(sql, "trigger", trigger, namespaceId);
  const byJob = jobIds === null ? sql`true` : sql`r.job_id = any(${jobIds}::int[])`;
  const byTrigger = triggerIds === null ? sql`true` : sql`r.trigger_id = any(${triggerIds}::int[])`;
  const live = sql`${byJob} and ${byTrigger}`;
  if (parent != null) return { keys: sql`(select) k`, ended: live, live };
  if (triggerIds) {
    return {
      keys: sql`unnest(${triggerIds}::int[]) k(id)`,
      ended: sql`r.trigger_id = k.id and ${byJob}`,
      live,
    };
  }
  if (jobIds) return { keys: sql`unnest(${jobIds}::int[]) k(id)`, ended: sql`r.job_id = k.id`, live };
  if (!states.has("SUCCEEDED")) {
    const namespaces =
      namespaceId === null ? sql`select id from escapement.namespace` : sql`select ${namespaceId}::int as id`;
    const unsuccessful = END_STATES.filter((state) => state !== "SUCCEEDED" && states.has(state));
    return {
      keys: sql`(${namespaces}) k(id) cross join unnest(${unsuccessful}::text[]) s(state)`,
      ended: sql`r.namespace_id = k.id and r.state = s.state and r.state <> 'SUCCEEDED'`,
      live,
      byState: true,
    };
  }
  return { keys: sql`(select) k`, ended: sql`true`, live };
}

/** Everything that has or had the name. */
export async function idsOf(
  sql: Sql,
  table: "job" | "trigger",
  name: string,
  namespaceId: number | null,
): Promise<number[]> {
  const rows = await sql<{ id: number }[]>`
    select id from escapement.${sql(table)}
    where name = ${name} ${namespaceId === null ? sql`` : sql`and namespace_id = ${namespaceId}`}`;
  return rows.map(({ id }) => id);
}
