/** Runs that have not ended, found for a change of many of them: in the order of their ids, part by part. */
import { badInput } from "../core/rejection.ts";
import { isEnded, RUN_STATES } from "../core/run.ts";
import type { Sql } from "./connection.ts";
import { every, type Fragment } from "./page.ts";
import { idsOf, type RunFilter } from "./run-list.ts";
import { firstIdAt } from "./runs.ts";

const TABLES = { WAITING: "waiting", READY: "ready", RUNNING: "lease" } as const;

/** The runs of a filter that are not told to stop yet, wherever their row is. */
export interface LiveRuns {
  /** Those with greater ids than `after`. */
  count(after: string): Promise<number>;
  /** The next ids after `after`, ascending. */
  next(after: string, limit: number): Promise<string[]>;
}

/** Null `namespaceId`: every namespace. Throws BAD_INPUT when the filter asks for runs that have ended. */
export async function liveRuns(
  sql: Sql,
  namespaceId: number | null,
  filter: Omit<RunFilter, "jobId">,
): Promise<LiveRuns> {
  const { job, trigger, tags, createdAfter, createdBefore, parent } = filter;
  const states = new Set(filter.states ?? RUN_STATES.filter((state) => !isEnded(state)));
  if ([...states].some(isEnded)) {
    throw badInput(
      "filter.states",
      "must be of WAITING, READY and RUNNING; runs that have ended stay as they are",
    );
  }
  const jobIds = job == null ? null : await idsOf(sql, "job", job, namespaceId);
  const triggerIds = trigger == null ? null : await idsOf(sql, "trigger", trigger, namespaceId);
  const condition = every(sql, [
    namespaceId !== null && sql`r.namespace_id = ${namespaceId}`,
    jobIds !== null && sql`r.job_id = any(${jobIds}::int[])`,
    triggerIds !== null && sql`r.trigger_id = any(${triggerIds}::int[])`,
    createdAfter != null && sql`r.id >= ${firstIdAt(createdAfter)}`,
    createdBefore != null && sql`r.id < ${firstIdAt(createdBefore)}`,
    tags != null && sql`r.tags @> ${tags}::text[]`,
    parent != null && sql`r.parent_id = ${parent}`,
  ]);
  const inEach = (select: (from: Fragment) => Fragment): Fragment =>
    (Object.keys(TABLES) as (keyof typeof TABLES)[])
      .filter((state) => states.has(state))
      .map((state) =>
        select(
          sql`escapement.${sql(TABLES[state])} r where ${condition} ${state === "RUNNING" ? sql`and r.cancel_at is null` : sql``}`,
        ),
      )
      .reduce((all, one) => sql`${all} union all ${one}`);
  return {
    async count(after) {
      if (states.size === 0) return 0;
      const [row] = await sql<{ count: number }[]>`
        select sum(n)::int as count from (
          ${inEach((from) => sql`(select count(*) as n from ${from} and r.id > ${after})`)}
        ) as counts`;
      return row?.count ?? 0;
    },
    async next(after, limit) {
      const rows = await sql<{ id: string }[]>`
        select id from (
          ${inEach((from) => sql`(select r.id from ${from} and r.id > ${after} order by r.id limit ${limit})`)}
        ) as places order by id limit ${limit}`;
      return rows.map(({ id }) => id);
    },
  };
}
