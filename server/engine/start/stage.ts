/** The statement that stages children beside the lease that asked for them; leave.ts brings them to life. */
import type { Sql, Transaction } from "../../store/connection.ts";
import { arrayText, booleans, byteas, textArray } from "../context.ts";
import type { AnyWait } from "../enqueue.ts";
import { isLarge, type NewRun } from "./new-run.ts";

/** A child to be; `run.parentId` names the run whose lease with this secret asked for it. */
export interface StagedChild {
  run: NewRun;
  secret: string;
  /** The same for the children of one request; 0 for those that follow a root by themselves, however late. */
  call: number;
  /** A join: it waits for so many others of its call. -1: for all that its parent starts. Null: it is none. */
  joins: number | null;
  /** Some join waits for it. */
  awaited: boolean;
  /** What it waits for besides. */
  waits: AnyWait[];
}

/** Returns their ids, in order. */
export async function stage(transaction: Transaction, children: StagedChild[]): Promise<string[]> {
  if (children.length === 0) return [];
  const column = <T>(pick: (child: StagedChild) => T): T[] => children.map(pick);
  const runs = <T>(pick: (run: NewRun) => T): T[] => children.map(({ run }) => pick(run));
  const ids = ({ waits }: StagedChild, kind: AnyWait["kind"]): string | null => {
    const of = waits.filter((wait) => wait.kind === kind).map(({ onRunId }) => onRunId);
    return of.length === 0 ? null : textArray(of);
  };
  const rows = await (transaction as unknown as Sql)<{ id: string }[]>`
    with now as materialized (select escapement.clock() as at),
    child as materialized (
      select escapement.next_run_id() as id, i.*,
        coalesce(to_timestamp(i.run_at / 1000), now.at + i.delay_ms * interval '1 millisecond') as wake_at
      from unnest(
        ${runs((run) => run.version.namespaceId)}::int[], ${runs((run) => run.version.jobId)}::int[],
        ${runs((run) => run.version.id)}::int[], ${runs((run) => run.queueId)}::int[],
        ${runs((run) => run.priority)}::smallint[], ${runs((run) => run.parentId)}::bigint[],
        ${runs((run) => run.runAt)}::float8[], ${runs((run) => run.delayMs)}::float8[],
        ${runs((run) => (isLarge(run) ? null : run.input))}::text[],
        ${runs((run) => (run.bytes !== null ? 2 : isLarge(run) ? 1 : 0))}::smallint[],
        ${runs((run) => arrayText(run.tags))}::text[], ${runs((run) => run.gates)}::text[],
        ${column(({ secret }) => secret)}::uuid[], ${column(({ call }) => call)}::int[],
        ${column(({ joins }) => joins)}::int[], ${booleans(column(({ awaited }) => awaited))}::text[]::boolean[],
        ${column((child) => ids(child, "AFTER"))}::text[], ${column((child) => ids(child, "JOIN"))}::text[],
        ${runs((run) => (isLarge(run) ? run.input : null))}::text[], ${byteas(runs((run) => run.bytes))}::text[]::bytea[],
        ${runs((run) => run.retry && JSON.stringify(run.retry))}::text[],
        ${column(({ run, call }) => (call === 0 ? null : run.skipAfterMs))}::float8[]
      ) with ordinality as i(namespace_id, job_id, version_id, queue_id, priority, parent_id, run_at, delay_ms, input,
        payload, tags, gates, secret, call, joins, awaited, after_ids, join_ids, large_json, bytes, retry,
        skip_after_ms, n), now
    ),
    made_payload as (
      insert into escapement.payload (run_id, json, bytes) select id, large_json, bytes from child where payload > 0
    ),
    made as (
      insert into escapement.staged (id, namespace_id, job_id, version_id, queue_id, priority, parent_id, scheduled_at,
        input, payload, tags, gates, awaited, retry, skip_at, secret, joins, call, wake_at, after_ids, join_ids)
      select id, namespace_id, job_id, version_id, queue_id, priority, parent_id, coalesce(wake_at, now.at),
        input, payload, tags::text[], gates, awaited, retry::jsonb,
        coalesce(wake_at, now.at) + skip_after_ms * interval '1 millisecond', secret, joins, call, wake_at,
        array_replace(after_ids::bigint[], null, id), join_ids::bigint[]
      from child, now
    )
    select id from child order by n`;
  return rows.map(({ id }) => id);
}
