/** The statement that stages children beside the lease that asked for them; leave.ts brings them to life. */
import { randomInt } from "node:crypto";
import type { Sql, Transaction } from "../store/connection.ts";
import { arrayText, booleans, byteas } from "./context.ts";
import type { Wait } from "./enqueue.ts";
import { isLarge, type NewRun, skipAfterMs } from "./new-run.ts";

/** The runs of one call. */
export interface StagedCall {
  runs: NewRun[];
  /** Per run, what it waits for besides. */
  waits: Wait[][];
  /** The last run waits for all the others. */
  joins: boolean;
}

/** Returns their ids, in order. */
export async function stage(
  transaction: Transaction,
  lease: { runId: string; secret: string },
  { runs, waits, joins }: StagedCall,
): Promise<string[]> {
  if (runs.length === 0) return [];
  const column = <T>(pick: (run: NewRun, at: number) => T): T[] => runs.map(pick);
  const ids = (at: number, kind: Wait["kind"]): string | null =>
    arrayText(waits[at]?.filter((wait) => wait.kind === kind).map(({ onRunId }) => onRunId));
  const others = runs.length - 1;
  const isJoin = (at: number): boolean => joins && at === others;
  const rows = await (transaction as unknown as Sql)<{ id: string }[]>`
    with now as materialized (select escapement.clock() as at),
    child as materialized (
      select escapement.next_run_id() as id, i.*,
        coalesce(to_timestamp(i.run_at / 1000), now.at + i.delay_ms * interval '1 millisecond') as wake_at
      from unnest(
        ${column((run) => run.version.namespaceId)}::int[], ${column((run) => run.version.jobId)}::int[],
        ${column((run) => run.version.id)}::int[], ${column((run) => run.queueId)}::int[],
        ${column((run) => run.priority)}::smallint[], ${column((run) => run.runAt)}::float8[],
        ${column((run) => run.delayMs)}::float8[], ${column((run) => (isLarge(run) ? null : run.input))}::text[],
        ${column((run) => (run.bytes !== null ? 2 : isLarge(run) ? 1 : 0))}::smallint[],
        ${column((run) => arrayText(run.tags))}::text[], ${column((run) => run.gates)}::text[],
        ${column((_, at) => (isJoin(at) ? others : null))}::int[],
        ${booleans(column((_, at) => joins && at !== others))}::text[]::boolean[],
        ${column((_, at) => ids(at, "AFTER"))}::text[], ${column((_, at) => ids(at, "JOIN"))}::text[],
        ${column((run) => (isLarge(run) ? run.input : null))}::text[], ${byteas(column((run) => run.bytes))}::text[]::bytea[],
        ${column((run) => run.retry && JSON.stringify(run.retry))}::text[],
        ${column((run) => skipAfterMs(run.version))}::float8[]
      ) with ordinality as i(namespace_id, job_id, version_id, queue_id, priority, run_at, delay_ms, input, payload,
        tags, gates, joins, awaited, after_ids, join_ids, large_json, bytes, retry, skip_after_ms, n), now
    ),
    made_payload as (
      insert into escapement.payload (run_id, json, bytes) select id, large_json, bytes from child where payload > 0
    ),
    made as (
      insert into escapement.staged (id, namespace_id, job_id, version_id, queue_id, priority, parent_id, scheduled_at,
        input, payload, tags, gates, awaited, retry, skip_at, secret, joins, call, wake_at,
        after_ids, join_ids)
      select id, namespace_id, job_id, version_id, queue_id, priority, ${lease.runId}, coalesce(wake_at, now.at),
        input, payload, tags::text[], gates, awaited, retry::jsonb,
        coalesce(wake_at, now.at) + skip_after_ms * interval '1 millisecond', ${lease.secret}, joins, ${randomInt(2 ** 31 - 1)}, wake_at,
        after_ids::bigint[], join_ids::bigint[]
      from child, now
    )
    select id from child order by n`;
  return rows.map(({ id }) => id);
}
