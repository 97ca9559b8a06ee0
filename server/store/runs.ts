/** Runs as they are read, wherever their row is, with what hangs on them. One statement sees a run in one place. */
import type { AttemptOutcome } from "../core/attempt.ts";
import type { GateKind } from "../core/gate.ts";
import type { RetryPolicy } from "../core/retry.ts";
import type { RunState, RunView } from "../core/run.ts";
import type { Sql } from "./connection.ts";
import type { Fragment } from "./page.ts";

export interface Run extends RunView {
  id: string;
  namespaceId: number;
  jobId: number;
  versionId: number;
  queueId: number;
  triggerId: number | null;
  parentId: string | null;
  state: RunState;
  priority: number;
  scheduledAt: Date;
  /** JSON text; null: the version's, or see `payload`. */
  input: string | null;
  /** Where the input is: 0 here, 1 JSON in a row of its own, 2 bytes there. */
  payload: number;
  tags: string[] | null;
  wakeAt: Date | null;
  wakeKind: "TIME" | "RETRY" | null;
  readyAt: Date | null;
  /** The executor's number. */
  executor: number | null;
  /** The number of the current or last attempt; 0 before the first. */
  attempt: number | null;
  startedAt: Date | null;
  endedAt: Date | null;
  progress: number | null;
  message: string | null;
  cancelRequested: boolean;
  /** JSON text, unless `longOutput`. */
  output: string | null;
  /** The output is read only when somebody asks for it: `readOutputs`. */
  longOutput: boolean;
  /** JSON text of {message, type?, stack?}. */
  error: string | null;
  /** The database's time of this reading. */
  readAt: Date;
}

/** Pages of 200 runs carry outputs up to this; longer ones would make every list slow for the few who look. */
const SHORT_OUTPUT_BYTES = 4_000;

/** Run ids begin with the milliseconds since this instant (drizzle/0000_start.sql). */
export const RUN_EPOCH_MS = 1_704_067_200_000;
const ID_BITS = 22n;

/** When the run was created, which its id tells. */
export function createdAt(runId: string): number {
  return Number(BigInt(runId) >> ID_BITS) + RUN_EPOCH_MS;
}

/** The smallest id that a run created at `at` can have; within what a run's id can be. */
export function firstIdAt(at: number): string {
  const id = BigInt(Math.min(Math.max(at - RUN_EPOCH_MS, 0), 2 ** 41 - 1)) << ID_BITS;
  return String(id);
}

/** Those of `ids` that exist, in no order. */
export function readRuns(sql: Sql, ids: string[]): Promise<Run[]> {
  return selectRuns(sql, sql`wanted as (select unnest(${ids}::bigint[]) as id)`, sql``);
}

/** `wanted` is a common table expression with the column `id`. */
export function selectRuns(sql: Sql, wanted: Fragment, rest: Fragment): Promise<Run[]> {
  return sql<Run[]>`
    with now as materialized (select escapement.clock() as at), ${wanted}
    select r.id, r.namespace_id as "namespaceId", r.job_id as "jobId", r.version_id as "versionId", r.queue_id as "queueId",
      r.trigger_id as "triggerId", r.parent_id as "parentId", r.state, r.priority,
      r.scheduled_at as "scheduledAt", r.input, r.payload, r.tags, r.wake_at as "wakeAt", r.wake_kind as "wakeKind",
      r.ready_at as "readyAt", r.executor_id as executor, r.fence - r.released as attempt,
      r.started_at as "startedAt", r.ended_at as "endedAt", r.progress, r.message,
      r.cancel_at is not null as "cancelRequested",
      case when octet_length(r.output) <= ${SHORT_OUTPUT_BYTES} then r.output end as output,
      octet_length(r.output) > ${SHORT_OUTPUT_BYTES} is true as "longOutput", r.error, now.at as "readAt"
    from wanted join escapement.run r on r.id = wanted.id cross join now ${rest}`;
}

/** Outputs too long to be read with their runs, as JSON text. */
export async function readOutputs(sql: Sql, runIds: string[]): Promise<Map<string, string>> {
  const rows = await sql<{ id: string; output: string }[]>`
    select id, output from escapement.ended where id = any(${runIds}::bigint[]) and output is not null`;
  return new Map(rows.map(({ id, output }) => [id, output]));
}

/** Outputs in bytes, of those that have one. */
export async function readOutputBytes(sql: Sql, runIds: string[]): Promise<Map<string, Buffer>> {
  const rows = await sql<{ id: string; bytes: Buffer }[]>`
    select run_id as id, bytes from escapement.output_bytes where run_id = any(${runIds}::bigint[])`;
  return new Map(rows.map(({ id, bytes }) => [id, bytes]));
}

/** Inputs that do not travel with their run. */
export interface Payload {
  /** JSON text. */
  json: string | null;
  bytes: Buffer | null;
}

export async function readPayloads(sql: Sql, runIds: string[]): Promise<Map<string, Payload>> {
  const rows = await sql<(Payload & { id: string })[]>`
    select run_id as id, json, bytes from escapement.payload where run_id = any(${runIds}::bigint[])`;
  return new Map(rows.map(({ id, ...payload }) => [id, payload]));
}

/** What few runs have of their own. */
export interface RunExtras {
  /** Instead of the job's. */
  retry: RetryPolicy | null;
  /** JSON text that an attempt saved for the next one. */
  checkpoint: string | null;
}

export async function readExtras(sql: Sql, runIds: string[]): Promise<Map<string, RunExtras>> {
  const places = ["waiting", "ready", "lease", "ended"].map(
    (table) =>
      sql`select id, retry, checkpoint from escapement.${sql(table)} where id = any(${runIds}::bigint[])`,
  );
  const rows = await sql<
    (RunExtras & { id: string })[]
  >`${places.reduce((all, one) => sql`${all} union all ${one}`)}`;
  return new Map(rows.map(({ id, ...extras }) => [id, extras]));
}

export interface Attempt {
  number: number;
  /** The executor's name. */
  executor: string | null;
  startedAt: Date;
  endedAt: Date | null;
  outcome: AttemptOutcome;
  /** JSON text of {message, type?, stack?}. */
  error: string | null;
}

/** First to last: those that did not end their run have rows of their own, the last is its lease or ended row. */
export async function readAttempts(sql: Sql, runIds: string[]): Promise<Map<string, Attempt[]>> {
  const rows = await sql<(Attempt & { runId: string })[]>`
    select a.run_id as "runId", a.number, e.name as executor, a.started_at as "startedAt", a.ended_at as "endedAt",
      a.outcome, a.error
    from (
      select run_id, fence, number, executor_id, started_at, ended_at, outcome, error
      from escapement.attempt where run_id = any(${runIds}::bigint[])
      union all
      select id, fence, fence - released, executor_id, started_at, ended_at, coalesce(outcome, 'RUNNING'), error
      from escapement.run where id = any(${runIds}::bigint[]) and secret is not null
    ) a
    left join escapement.executor e on e.id = a.executor_id
    order by a.run_id, a.fence`;
  return grouped(rows, ({ runId, ...attempt }) => [runId, attempt]);
}

/** The runs that each of `runIds` still waits for. */
export async function readDependencies(sql: Sql, runIds: string[]): Promise<Map<string, string[]>> {
  const rows = await sql<{ runId: string; onRunId: string }[]>`
    select run_id as "runId", on_run_id as "onRunId" from escapement.dependency
    where run_id = any(${runIds}::bigint[]) and on_run_id <> run_id order by on_run_id`;
  return grouped(rows, ({ runId, onRunId }) => [runId, onRunId]);
}

/** The gate at which a run stands in line. */
export interface GateHold {
  kind: GateKind;
  /** Runs that have its places, the oldest ten at most; none of a rate, whose places are freed by time. */
  heldBy: string[];
  /** Of the first in line at a rate: when it is let in. */
  until: Date | null;
}

/** Where each of `runIds` stands in line. */
export async function readGateHolds(sql: Sql, runIds: string[]): Promise<Map<string, GateHold>> {
  const rows = await sql<(GateHold & { runId: string })[]>`
    select p.run_id as "runId", g.kind, array(
      select t.run_id::text from escapement.place t
      where t.gate_id = p.gate_id and t.key = p.key and t.state = 'TAKEN' and g.kind <> 'RATE'
      order by t.run_id limit 10
    ) as "heldBy", (
      select s.wake_at from escapement.rate_wake s
      where s.gate_id = p.gate_id and s.key = p.key and not exists (
        select from escapement.place f where f.gate_id = p.gate_id and f.key = p.key and f.state = 'LINE'
          and (f.rank, f.run_id) < (p.rank, p.run_id))
    ) as until
    from escapement.place p join escapement.gate g on g.id = p.gate_id
    where p.run_id = any(${runIds}::bigint[]) and p.state = 'LINE'`;
  return new Map(rows.map(({ runId, ...hold }) => [runId, hold]));
}

function grouped<Row, Value>(rows: Row[], pair: (row: Row) => [string, Value]): Map<string, Value[]> {
  const groups = new Map<string, Value[]>();
  for (const row of rows) {
    const [key, value] = pair(row);
    const group = groups.get(key);
    if (group) group.push(value);
    else groups.set(key, [value]);
  }
  return groups;
}
