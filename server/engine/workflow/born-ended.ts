/**
 * – → ended: nodes that need no run to be over. One is answered from the cache, walked through in a dry run, or its input
 * cannot be made. They are runs all the same, so that whoever looks sees why.
 */
import type { Sql, Transaction } from "../../store/connection.ts";
import { counted, list, textArray } from "../context.ts";
import type { NewRun } from "../start/new-run.ts";

/** A node's run that is over when it begins. */
export interface BornEnded {
  run: NewRun;
  state: "SUCCEEDED" | "FAILED";
  /** JSON text. */
  output: string | null;
  /** JSON text of {message, type}. */
  error: string | null;
}

/** Returns their ids, in their order. */
export async function insertEnded(
  transaction: Transaction,
  born: BornEnded[],
  source: string,
): Promise<string[]> {
  if (born.length === 0) return [];
  const s = transaction as unknown as Sql;
  const column = <T>(pick: (one: BornEnded) => T): T[] => born.map(pick);
  const rows = await s<{ id: string }[]>`
    with now as materialized (select escapement.clock() as at),
    item as materialized (
      select escapement.next_run_id() as id, i.*, gen_random_uuid() as secret
      from unnest(
        ${list(column(({ run }) => run.version.namespaceId))}::text::int[],
        ${list(column(({ run }) => run.version.jobId))}::text::int[],
        ${list(column(({ run }) => run.version.id))}::text::int[],
        ${list(column(({ run }) => run.queueId))}::text::int[],
        ${list(column(({ run }) => run.priority))}::text::smallint[],
        ${list(column(({ run }) => run.parentId))}::text::bigint[],
        ${textArray(column(({ run }) => run.input))}::text::text[],
        ${textArray(column(({ run }) => (run.tags ? textArray(run.tags) : null)))}::text::text[],
        ${column(({ state }) => state)}::text[],
        ${textArray(column(({ output }) => output))}::text::text[],
        ${textArray(column(({ error }) => error))}::text::text[]
      ) with ordinality as i(namespace_id, job_id, version_id, queue_id, priority, parent_id, input, tags, state, output,
        error, n)
    ),
    made as (
      insert into escapement.ended (id, namespace_id, job_id, version_id, queue_id, priority, parent_id, scheduled_at,
        input, tags, awaited, fence, ready_at, secret, started_at, ended_at, state, outcome, output, error)
      select id, namespace_id, job_id, version_id, queue_id, priority, parent_id, now.at, input, tags::text[], true, 0,
        now.at, case when state = 'SUCCEEDED' then secret end, case when state = 'SUCCEEDED' then now.at end, now.at,
        state, case when state = 'SUCCEEDED' then state end, output, error
      from item, now
    ),
    tallied as (${counted(
      s,
      s`select namespace_id, state as what from item union all select namespace_id, 'STARTED' from item`,
      source,
    )})
    select id from item order by n`;
  return rows.map(({ id }) => id);
}
