/** What every arrow works with, and the small fragments that several of their statements share. */
import { randomUUID } from "node:crypto";
import type { SecretKey } from "../core/secret.ts";
import type { Catalog } from "../store/catalog.ts";
import type { Change, Channel } from "../store/channel.ts";
import type { Sql } from "../store/connection.ts";
import { limitedQueues } from "../store/groups.ts";
import { isRunId } from "../store/page.ts";
import type { Floors } from "./claim/floors.ts";
import type { Gates } from "./gates/gates.ts";

export interface EngineContext {
  sql: Sql;
  /** For heartbeats: its own connection, without waiting for the disk. */
  heartbeatSql: Sql;
  catalog: Catalog;
  channel: Channel;
  /** What secrets are decrypted with. */
  secretKeys: readonly SecretKey[];
  /** This process start; also the leader row's holder. */
  serverId: string;
  /** Where runs with keys and limits wait. */
  readonly gates: Gates;
  /** Where claims begin to read. */
  readonly floors: Floors;
  /** Told of runs that somebody waits for, when they have ended. */
  readonly followers: Map<string, (endedIds: string[]) => Promise<void>>;
  /** Told of runs that no executor has and that somebody wants cancelled. */
  readonly stoppers: Map<string, (runIds: string[]) => Promise<void>>;
  /** Hears of what went wrong where nobody waits for an answer. */
  readonly report: (error: unknown) => void;
  /** In [0, 1); the retries' jitter. */
  random: () => number;
}

export function newServerId(): string {
  return randomUUID();
}

/** A lease's id is the run's and the secret in one word; workers treat it as opaque. */
export function formatLeaseId(runId: string, secret: string): string {
  return `${runId}-${secret.replaceAll("-", "")}`;
}

const LEASE_ID = /^(\d{1,19})-([0-9a-f]{32})$/;

/** Null when it cannot be a lease's id. */
export function parseLeaseId(leaseId: string): { runId: string; secret: string } | null {
  const [, runId, hex] = LEASE_ID.exec(leaseId) ?? [];
  if (runId === undefined || hex === undefined || !isRunId(runId)) return null;
  const secret = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
  return { runId, secret: secret.join("-") };
}

/** Lists in a list cannot be unnested, so tags travel as PostgreSQL's array text. */
export function arrayText(values: string[] | null | undefined): string | null {
  return values && values.length > 0 ? textArray(values) : null;
}

/** A list of numbers or ids as PostgreSQL's array text; null when it holds nothing else, and null unnests to as many. */
export function list(values: (number | string | null)[]): string | null {
  if (values.every((value) => value === null)) return null;
  return `{${values.map((value) => value ?? "NULL").join()}}`;
}

/** A list of texts as PostgreSQL's array text: the driver's own way costs several times as much per element. */
export function textArray(values: (string | null)[]): string {
  return `{${values.map((value) => (value === null ? "NULL" : `"${value.replace(/["\\]/g, "\\$&")}"`)).join()}}`;
}

/**
 * Lists whose element type postgres.js would declare by itself, and as a single value at that: they travel as text
 * and are cast once more (`::text[]::boolean[]`).
 */
export function booleans(values: boolean[]): string[] {
  return values.map((value) => (value ? "t" : "f"));
}

/** See `booleans`; to be cast by `::text[]::bytea[]`. */
export function byteas(values: (Buffer | null)[]): (string | null)[] {
  return values.map((value) => value && `\\x${value.toString("hex")}`);
}

/**
 * Common table expressions that add a batch to the overview's counters: one row per namespace and kind,
 * whatever the size of the batch. `rows` needs `namespace_id` and `what`.
 */
export function counted(sql: Sql, rows: ReturnType<Sql>, source: string): ReturnType<Sql> {
  return sql`
    insert into escapement.tally (namespace_id, at, what, source, count)
    select namespace_id, date_bin('10 seconds', now.at, 'epoch'), what, ${source}, count(*)
    from (${rows}) as counted_rows, now
    group by 1, 2, 3
    order by 1, 2, 3
    on conflict (at, namespace_id, what, source) do update set count = tally.count + excluded.count`;
}

/**
 * Sets the next time of the fixed-delay triggers whose run is over, in the statement that ends it. `ended` selects
 * `id, trigger_id` of the runs.
 */
export function unblocked(sql: Sql, ended: ReturnType<Sql>): ReturnType<Sql> {
  return sql`
    update escapement.trigger t set
      -- Paused while its run went on: it stays so, and knows when to go on.
      state = case when t.state = 'PAUSED' then 'PAUSED' when over.last then 'COMPLETE' else 'NORMAL' end,
      next_at = case when not over.last then over.next_at end,
      blocked_by = null
    from (
      select b.id, now.at + b.delay_ms * interval '1 millisecond' as next_at,
        b.fires_left = 0 is true or now.at + b.delay_ms * interval '1 millisecond' > coalesce(b.end_at, 'infinity') as last
      from (${ended}) as e join escapement.trigger b on b.id = e.trigger_id and b.blocked_by = e.id, now
    ) as over
    where t.id = over.id and t.state in ('BLOCKED', 'PAUSED')
    returning t.id`;
}

export interface MovedRun {
  id: string;
  namespaceId: number;
  jobId: number;
  queueId: number;
}

/** A run's change of state as listeners hear of it. */
export function runChange(run: MovedRun, state: Extract<Change, { kind: "run" }>["state"]): Change {
  return { kind: "run", id: run.id, namespaceId: run.namespaceId, jobId: run.jobId, state };
}

/** Whether the group of the run `alias` has a limit, and the run no place at its gate. */
export function isUncounted(sql: Sql, alias: "w" | "r"): ReturnType<Sql> {
  return sql`exists (
    select from (${limitedQueues(sql)}) l
    where l.queue_id = ${sql(alias)}.queue_id
      and not exists (select from escapement.place p where p.run_id = ${sql(alias)}.id and p.gate_id = l.gate_id)
  )`;
}

/** Whether other runs hold the waiting run `w`. Not an "exists", which is planned as a join with all dependencies. */
export function isHeld(sql: Sql): ReturnType<Sql> {
  return sql`(select d.run_id from escapement.dependency d where d.run_id = w.id limit 1) is not null`;
}

/** Whether somebody has paused the run `w`, its job, group or namespace. */
export function isPaused(sql: Sql): ReturnType<Sql> {
  return sql`exists (
    select from escapement.pause p
    where p.namespace_id = w.namespace_id and (
      p.kind = 'NAMESPACE' or p.kind = 'JOB' and p.target = w.job_id::text or p.kind = 'RUN' and p.target = w.id::text
      or p.kind = 'GROUP' and p.target = (select q."group" from escapement.queue q where q.id = w.queue_id)
    )
  )`;
}
