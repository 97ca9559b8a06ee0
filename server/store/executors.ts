/** Executors as they are read; the worker protocol writes them. */
import { RHYTHM } from "../config.ts";
import { isOverloaded, type Load } from "../core/placement.ts";
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

export const EXECUTOR_STATES = ["ONLINE", "DRAINING", "OFFLINE", "LEFT"] as const;
export type ExecutorState = (typeof EXECUTOR_STATES)[number];

export interface Executor {
  id: number;
  namespaceId: number;
  name: string;
  state: ExecutorState;
  groups: string[];
  /** Other namespaces that it claims for. */
  serves: number[] | null;
  /** Null: any. */
  types: string[] | null;
  capacity: number | null;
  labels: Record<string, string> | null;
  load: Load | null;
  /** When the load was reported. */
  loadAt: Date | null;
  maxLoad: Load | null;
  /** Its load counts, and is above its limit. */
  overloaded: boolean;
  drainingSince: Date | null;
  drainReason: string | null;
  registeredAt: Date;
  lastHeartbeatAt: Date;
}

export interface ExecutorFilter {
  state?: ExecutorState | null | undefined;
  group?: string | null | undefined;
  search?: string | null | undefined;
}

export function readExecutors(sql: Sql, ids: number[]): Promise<Executor[]> {
  return select(sql, sql`e.id = any(${ids}::int[])`);
}

/** By namespace, then name. Null `namespaceId`: every namespace. */
export async function listExecutors(
  sql: Sql,
  namespaceId: number | null,
  { state, group, search }: ExecutorFilter,
  page: PageRequest,
): Promise<Page<Executor>> {
  const after = fromCursor(page.after, "number", "name");
  const rows = await select(
    sql,
    every(sql, [
      namespaceId !== null && sql`e.namespace_id = ${namespaceId}`,
      after !== null && sql`(e.namespace_id, e.name) > (${after[0] as number}, ${after[1] as string})`,
      state != null && sql`${executorState(sql)} = ${state}`,
      group != null && sql`${group} = any(e.groups)`,
      search != null && sql`position(lower(${search}) in lower(e.name)) > 0`,
    ]),
    sql`order by e.namespace_id, e.name limit ${pageSize(page.first) + 1}`,
  );
  return pageOf(rows, page, (executor) => toCursor(executor.namespaceId, executor.name));
}

/** How many runs each of them holds; those that hold none are left out. */
export async function readRunningCounts(sql: Sql, executorIds: number[]): Promise<Map<number, number>> {
  const rows = await sql<{ id: number; count: number }[]>`
    select executor_id as id, count(*)::int as count from escapement.lease
    where executor_id = any(${executorIds}::int[]) group by executor_id`;
  return new Map(rows.map(({ id, count }) => [id, count]));
}

/** SQL text of an executor's state now; the executor is `e`. */
export function executorState(sql: Sql): Fragment {
  return sql`case
    when e.left_at is not null then 'LEFT'
    when e.last_heartbeat_at <= escapement.clock() - ${RHYTHM.executorOfflineMs} * interval '1 millisecond' then 'OFFLINE'
    when e.draining_at is not null then 'DRAINING'
    else 'ONLINE' end`;
}

async function select(sql: Sql, where: Fragment, rest: Fragment = sql``): Promise<Executor[]> {
  const rows = await sql<(Omit<Executor, "overloaded"> & { loadCounts: boolean })[]>`
    select e.id, e.namespace_id as "namespaceId", e.name, ${executorState(sql)} as state, e.groups, e.serves, e.types,
      e.capacity, e.labels, e.load, e.load_at as "loadAt", e.max_load as "maxLoad",
      e.draining_at as "drainingSince", e.drain_reason as "drainReason",
      e.registered_at as "registeredAt", e.last_heartbeat_at as "lastHeartbeatAt",
      e.load_at > escapement.clock() - ${RHYTHM.loadMs} * interval '1 millisecond' is true as "loadCounts"
    from escapement.executor e where ${where} ${rest}`;
  return rows.map(({ loadCounts, ...executor }) => ({
    ...executor,
    overloaded: loadCounts && isOverloaded(executor.load, executor.maxLoad),
  }));
}
